"""Image files to gray arrays, shrunk by area and warped once; training and prediction share this path."""

from pathlib import Path

import cv2
import numpy as np

from landmarks.geometry import letterbox_scale, resize_map

# a broken file gets our own line, which names it; OpenCV's do not
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")


class ImageError(ValueError):
    """An image file that cannot be used; the message names it."""


def image_files(folder: Path, *, below: bool = False) -> list[Path]:
    """Image files right in a folder, or also in the folders below it, in order of their names.

    Names that start with a dot are left out: macOS puts a `._a.png` that is no image beside every a.png it copies.
    """
    found = []
    for path in folder.rglob("*") if below else folder.iterdir():
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix.lower() in IMAGE_SUFFIXES and not hidden:
            found.append(path)
    return sorted(found)


def read_gray(path: Path) -> np.ndarray:
    """Image file -> uint8 [H, W].

    Raises: ImageError naming the file where it is missing, empty, truncated, too large or no image.
    """
    try:
        content = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror or error}); replace the file") from error
    try:
        image = cv2.imdecode(content, cv2.IMREAD_GRAYSCALE) if content.size else None
        if image is None and content.size and cv2.imdecode(content, cv2.IMREAD_UNCHANGED) is not None:
            raise ImageError(f"{path}: pixels of an unusual kind, such as 32 bits; save it as gray of 8 or 16 bits")
    except cv2.error as error:
        raise ImageError(f"{path}: too large to decode; save it smaller") from error
    if image is None or _truncated(content):
        raise ImageError(f"{path}: broken or truncated image; replace the file")
    return image


def _truncated(content: np.ndarray) -> bool:
    """OpenCV fills the missing part of a cut-off file with gray, so the end marks are looked at."""
    # some devices pad the file behind the end mark, with zeros or otherwise: it is looked for in the last part before them
    head, end = content[:4].tobytes(), content.tobytes().rstrip(b"\0")[-4096:]
    if head[:2] == b"\xff\xd8":
        return b"\xff\xd9" not in end
    if head == b"\x89PNG":
        return b"IEND" not in end
    if head[:2] == b"BM":
        return int.from_bytes(content[2:6].tobytes(), "little") > content.size
    return False


def shrink(image: np.ndarray, input_size: tuple[int, int], margin: float) -> tuple[np.ndarray, np.ndarray]:
    """The image scaled down by area to `margin` times its letterboxed size, never up.

    Returns: the image uint8 [h, w], and the map source px -> its px.
    """
    scale = min(1.0, letterbox_scale(image.shape, input_size) * margin)
    size = (max(1, round(image.shape[0] * scale)), max(1, round(image.shape[1] * scale)))
    if size == image.shape:
        return image, resize_map(image.shape, size)
    return cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA), resize_map(image.shape, size)


def warp(image: np.ndarray, map_23: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The image [h, w] through a map into a frame of size (height, width); outside is black."""
    return cv2.warpAffine(image, map_23, size[::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
