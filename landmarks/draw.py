"""Overlays of true and found landmarks, and heatmaps over their image."""

import cv2
import numpy as np

from landmarks.geometry import apply_map, cut_map, resize_map

TRUE_COLOUR, FOUND_COLOUR, LINE_COLOUR = (80, 220, 80), (255, 80, 60), (255, 210, 0)  # RGB
# Points are drawn with 4 fractional bits, so an overlay shows the same sub-pixel positions that the metric measured.
_BITS = 4


def overlay(
    image: np.ndarray,
    found: np.ndarray,
    true: np.ndarray | None = None,
    *,
    symbols: tuple[str, ...] = (),
    long_side: int = 1000,
    radius: int | None = None,
    title: str = "",
) -> np.ndarray:
    """RGB picture [h, w, 3]: found points red, true points green, their difference a yellow line.

    Args:
        image: gray uint8 [H, W].
        found, true: [K, 2] px of that image, NaN where there is none.
        radius: of a dot, px of the picture; by its size where left out.
    """
    scale = long_side / max(image.shape)
    size = tuple(max(1, round(side * scale)) for side in image.shape)
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    canvas = cv2.cvtColor(cv2.resize(image, size[::-1], interpolation=interpolation), cv2.COLOR_GRAY2RGB)
    to_picture = resize_map(image.shape, size)
    found = apply_map(to_picture, found)
    true = np.full_like(found, np.nan) if true is None else apply_map(to_picture, true)
    radius = radius or max(2, round(long_side / 300))
    for k in range(len(found)):
        if np.isfinite(true[k]).all():
            if np.isfinite(found[k]).all():
                cv2.line(canvas, _fixed(true[k]), _fixed(found[k]), LINE_COLOUR, 1, cv2.LINE_AA, _BITS)
            _dot(canvas, true[k], radius, TRUE_COLOUR)
        if np.isfinite(found[k]).all():
            _dot(canvas, found[k], radius, FOUND_COLOUR)
            if symbols:
                _text(canvas, symbols[k], found[k] + (radius + 2, -radius), 0.4)
    if title:
        _text(canvas, title, np.array([8, 20]), 0.55)
    return canvas


def zoom(image: np.ndarray, found: np.ndarray, true: np.ndarray, *, reach: float, size: int = 220) -> np.ndarray:
    """RGB picture [size, size, 3] around one landmark, contrast stretched: found red, true green, difference yellow.

    Args:
        image: gray uint8 [H, W].
        found, true: [2] px of that image.
        reach: px from the centre to the picture's edge; grown where the two points lie further apart.
    """
    centre = (found + true) / 2
    reach = max(reach, 1.3 * float(np.abs(found - true).max()) / 2)
    scale = size / (2 * reach)
    to_picture = cut_map(centre + 0.5 - reach, scale)
    cut = cv2.warpAffine(image, to_picture, (size, size), flags=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    low, high = np.percentile(cut, (1, 99))
    cut = np.clip((cut - low) * (235 / max(high - low, 1)) + 10, 0, 255).astype(np.uint8)
    canvas = cv2.cvtColor(cut, cv2.COLOR_GRAY2RGB)
    found, true = apply_map(to_picture, found), apply_map(to_picture, true)
    cv2.line(canvas, _fixed(true), _fixed(found), LINE_COLOUR, 1, cv2.LINE_AA, _BITS)
    _dot(canvas, true, 3, TRUE_COLOUR)
    _dot(canvas, found, 3, FOUND_COLOUR)
    return canvas


def face_part(image: np.ndarray, found: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The part of an image [H, W] that all points [K, 2] need, and the points in its px; the image's captions stay out."""
    both = np.concatenate([found, true])
    both = both[np.isfinite(both).all(axis=1)]
    margin = 0.12 * float(np.ptp(both, axis=0).max())
    limit = np.array(image.shape[::-1])
    low = np.clip(np.floor(both.min(axis=0) - margin), 0, limit - 1).astype(int)
    high = np.clip(np.ceil(both.max(axis=0) + margin), low + 1, limit).astype(int)
    return image[low[1] : high[1], low[0] : high[0]], found - low, true - low


def jpeg(picture: np.ndarray, quality: int = 82) -> bytes:
    """RGB array -> the bytes of a JPEG file."""
    encoded = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return encoded.tobytes()


def heatmap_overlay(image: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """RGB picture: the highest of all maps [K, h, w] at each pixel in colour over the gray network input [H, W]."""
    strongest = np.clip(maps.max(axis=0), 0, 1).astype(np.float32)
    strongest = cv2.resize(strongest, image.shape[::-1], interpolation=cv2.INTER_LINEAR)
    colour = cv2.cvtColor(cv2.applyColorMap((255 * strongest).astype(np.uint8), cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    gray = cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
    return cv2.addWeighted(gray, 0.55, colour, 0.75, 0)


def write_picture(path, picture: np.ndarray) -> None:
    """RGB array -> PNG or JPEG by the path's suffix; any characters in the path."""
    encoded = cv2.imencode(path.suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1]
    path.write_bytes(encoded.tobytes())


def _fixed(point: np.ndarray) -> tuple[int, int]:
    return tuple(int(v) for v in np.round(point * (1 << _BITS)))


def _dot(canvas: np.ndarray, point: np.ndarray, radius: int, colour: tuple) -> None:
    cv2.circle(canvas, _fixed(point), radius << _BITS, colour, -1, cv2.LINE_AA, _BITS)


def _text(canvas: np.ndarray, words: str, at: np.ndarray, size: float) -> None:
    place = tuple(int(v) for v in at)
    # a shadow of the same stroke: newer OpenCVs set a thicker stroke wider, and an outline would not lie under the word
    shadow = (place[0] + 1, place[1] + 1)
    cv2.putText(canvas, words, shadow, cv2.FONT_HERSHEY_SIMPLEX, size, (0, 0, 0), 1, cv2.LINE_AA)
    cv2.putText(canvas, words, place, cv2.FONT_HERSHEY_SIMPLEX, size, (255, 255, 255), 1, cv2.LINE_AA)
