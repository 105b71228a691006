"""Overlays of true and found landmarks, and heatmaps over their image."""

import cv2
import numpy as np

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
    title: str = "",
) -> np.ndarray:
    """RGB picture [h, w, 3]: found points red, true points green, their difference a yellow line.

    Args:
        image: gray uint8 [H, W].
        found, true: [K, 2] px of that image, NaN where there is none.
    """
    scale = long_side / max(image.shape)
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    canvas = cv2.cvtColor(cv2.resize(image, size, interpolation=interpolation), cv2.COLOR_GRAY2RGB)
    found = (found + 0.5) * scale - 0.5
    true = np.full_like(found, np.nan) if true is None else (true + 0.5) * scale - 0.5
    radius = max(2, round(long_side / 300))
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
    cv2.putText(canvas, words, place, cv2.FONT_HERSHEY_SIMPLEX, size, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(canvas, words, place, cv2.FONT_HERSHEY_SIMPLEX, size, (255, 255, 255), 1, cv2.LINE_AA)
