"""PNG, JPEG, BMP, TIFF, WebP, JPEG 2000 and GIF files -> gray pixels at full depth, upright by EXIF."""

import io
import warnings

import cv2
import numpy as np
from PIL import Image, ImageOps

from landmarks.radiograph.gray import inverted, luminance, over_black
from landmarks.radiograph.intact import (
    TIFF_BITS,
    TIFF_PHOTOMETRIC,
    TIFF_SAMPLE_FORMAT,
    RasterError,
    check_jpeg,
    check_png,
    check_size,
    check_tiff,
    jpeg_frame,
    silent_libtiff,
)

FORMATS = {
    "PNG": ("PNG",),
    "JPEG": ("JPEG", "MPO"),
    "BMP": ("BMP",),
    "TIFF": ("TIFF",),
    "BigTIFF": ("TIFF",),
    "GIF": ("GIF",),
    "WebP": ("WEBP",),
    "JPEG 2000": ("JPEG2000",),
}
# Pillow warns of tags that it does not understand and of large images; both are judged here.
warnings.filterwarnings("ignore", module=r"PIL\..*")
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

# a broken file gets our own line, which names it; OpenCV's do not
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

_WHITE_IS_ZERO, _UNSIGNED = 0, 1
_TIFF_PAGES = 200
# JPEG start-of-frame markers of what no decoder here reads
_SOF_NAMES = {0xC3: "lossless JPEG", 0xC5: "hierarchical JPEG", 0xC7: "lossless JPEG", 0xCB: "lossless JPEG"}


def decode_raster(content: bytes, kind: str) -> tuple[np.ndarray, list[str]]:
    """Bytes of a file of this kind -> pixels [H, W] uint8, uint16, int32 or float32, and warnings for the user.

    Raises: RasterError.
    """
    notes: list[str] = []
    if kind == "PNG":
        check_png(content)
    if kind == "JPEG":
        check_jpeg(content)
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS[kind]) as image:
            if kind in ("TIFF", "BigTIFF"):
                notes += _seek_largest(image)
            elif kind == "GIF" and getattr(image, "n_frames", 1) > 1:
                notes.append(f"{image.n_frames} frames; the first is read")
            check_size(image.height, image.width, len(image.getbands()))
            pixels = _pixels(image, content, kind, notes)
            return pixels, notes
    except (Image.DecompressionBombError, MemoryError) as error:
        raise RasterError("too large to decode; save it smaller") from error
    except RasterError:
        raise
    # a file from outside may break a decoder anywhere (struct, Syntax, Index, Overflow errors): all say the same
    except Exception as error:
        raise RasterError(_reason(content, kind, error)) from error


def _reason(content: bytes, kind: str, error: Exception) -> str:
    if kind == "JPEG" and (name := _SOF_NAMES.get(jpeg_frame(content)[0])):
        return f"{name}, which is not read outside DICOM; save it as PNG"
    if kind == "JPEG" and jpeg_frame(content)[1] > 8:
        return f"JPEG of {jpeg_frame(content)[1]} bits, which is not read; save it as PNG of 16 bits"
    if kind in ("TIFF", "BigTIFF") and any(word in str(error) for word in ("unknown", "not supported", "unsupported")):
        return "TIFF of a kind that is not read; save it as gray TIFF or PNG of 8 or 16 bits"
    return "broken or truncated image; replace the file"


def _pixels(image: Image.Image, content: bytes, kind: str, notes: list[str]) -> np.ndarray:
    tags = getattr(image, "tag_v2", {})
    deep_colour = len(image.getbands()) > 1 and (tags.get(TIFF_BITS, (8,))[0] > 8 if tags else _png_depth(content) > 8)
    if deep_colour and kind in ("PNG", "TIFF", "BigTIFF"):
        return _deep_colour(image, content, kind, notes)
    if kind == "JPEG" and image.mode != "CMYK":
        image.draft("L", image.size)
    # before the load, which may turn the page upright and drop its tags
    white_is_zero = tags.get(TIFF_PHOTOMETRIC) == _WHITE_IS_ZERO
    unsigned = bool(tags) and tags.get(TIFF_SAMPLE_FORMAT, (_UNSIGNED,))[0] == _UNSIGNED
    with silent_libtiff(check_tiff(content, tags) if tags else False):
        image.load()
    pixels = _gray(ImageOps.exif_transpose(image), kind, notes)
    if unsigned and pixels.dtype == np.int32:
        pixels = pixels.view(np.uint32)
        pixels = pixels.astype(np.int32) if pixels.max() < 2**31 else pixels.astype(np.float32)
    if white_is_zero and pixels.dtype != np.uint8:  # Pillow inverts 8 bits alone
        pixels = inverted(pixels, 65535 if pixels.dtype == np.uint16 and pixels.max() > 4095 else None)
    return pixels


def _gray(image: Image.Image, kind: str, notes: list[str]) -> np.ndarray:
    """An upright image of any mode -> gray values."""
    as_libpng = kind == "PNG"
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA" if "transparency" in image.info or image.mode == "PA" else "RGB")
    elif image.mode == "1":
        image = image.convert("L")
    elif image.mode in ("CMYK", "YCbCr", "LAB", "HSV", "RGBX"):
        image = image.convert("RGB")
    elif image.mode in ("La", "RGBa"):
        image = image.convert(image.mode.upper())
    array = np.asarray(image)
    if array.ndim == 2:
        return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    colour, alpha = (array[..., :-1], array[..., -1]) if image.mode in ("LA", "RGBA") else (array, None)
    gray = colour[..., 0].copy() if colour.shape[2] == 1 else luminance(colour, as_libpng=as_libpng)
    return gray if alpha is None else _over_black(gray, alpha, notes)


def _over_black(gray: np.ndarray, alpha: np.ndarray, notes: list[str]) -> np.ndarray:
    clear = float((alpha == 0).mean())
    if 0 < clear < 1:
        notes.append(f"{max(1, round(100 * clear))} % of the pixels are transparent and are read as black")
    return over_black(gray, alpha)


def _seek_largest(image: Image.Image) -> list[str]:
    """Goes to the page with the most pixels: the others are previews."""
    num = min(getattr(image, "n_frames", 1), _TIFF_PAGES)
    areas = []
    for page in range(num):
        image.seek(page)
        areas.append(image.width * image.height)
    image.seek(int(np.argmax(areas)))
    same = sum(area == max(areas) for area in areas)
    return [f"{same} pages of one size; the first of them is read"] if same > 1 else []


def _deep_colour(image: Image.Image, content: bytes, kind: str, notes: list[str]) -> np.ndarray:
    """Colour of 16 bits a channel, of which Pillow would keep 8."""
    if kind != "PNG" and getattr(image, "n_frames", 1) > 1:
        raise RasterError("TIFF of several pages in colour of 16 bits; save the film alone, as gray of 16 bits")
    array = cv2.imdecode(np.frombuffer(content, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    if array is None:
        raise RasterError("broken or truncated image; replace the file")
    if array.ndim == 2:
        return array
    colour, alpha = (array[..., :3], array[..., 3]) if array.shape[2] == 4 else (array, None)
    gray = luminance(colour[..., ::-1])
    return gray if alpha is None else _over_black(gray, alpha, notes)


def _png_depth(content: bytes) -> int:
    return content[24] if content.startswith(b"\x89PNG") and len(content) > 24 else 8
