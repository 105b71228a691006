"""Gray values of any depth -> the 8 bits that the network reads."""

import cv2
import numpy as np

# Depths in which detectors and scanners deliver.
_DEPTHS = (8, 10, 12, 14, 16)
# Values that fill at least this part of the range of their depth are read against that range; others (a narrow band of
# a detector's range, one burnt-in mark far above the film) against their own.
_FILLED = 0.4
# Where the percentiles span at least this part of all values, nothing lies far outside them: all values are the film's.
_NO_OUTLIERS = 0.9
_PERCENTILES = (0.1, 99.9)
# Percentiles of a large film are taken of a grid of about this many pixels.
_SAMPLES = 1_000_000
# libpng and OpenCV weigh red, green, blue by 0.299, 0.587, 0.114 in fixed point, in these two ways; films that were read
# by them before must give the same bits.
_PNG_WEIGHTS, _PNG_SHIFT, _PNG_HALF = (9797, 19234, 3737), 15, 0
_CV_WEIGHTS, _CV_SHIFT, _CV_HALF = (4899, 9617, 1868), 14, 1 << 13
_ROWS = 512
# Gray levels below which a film is named; one that is darkened to 15 % still has 39.
_LEVELS = 24


def luminance(rgb: np.ndarray, *, as_libpng: bool = False) -> np.ndarray:
    """RGB [H, W, 3] of uint8 or uint16 -> gray [H, W] of the same type."""
    weights, shift, half = (
        (_PNG_WEIGHTS, _PNG_SHIFT, _PNG_HALF) if as_libpng and rgb.dtype == np.uint8 else (_CV_WEIGHTS, _CV_SHIFT, _CV_HALF)
    )
    gray = np.empty(rgb.shape[:2], dtype=rgb.dtype)
    for start in range(0, len(rgb), _ROWS):  # by strips: 32-bit copies of a whole film would take four times its memory
        red, green, blue = (rgb[start : start + _ROWS, :, c].astype(np.uint32) for c in range(3))
        gray[start : start + _ROWS] = (red * weights[0] + green * weights[1] + blue * weights[2] + half) >> shift
    return gray


def over_black(gray: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Transparent pixels are black, as outside the film; a file whose every pixel is transparent is taken for opaque."""
    highest = np.iinfo(alpha.dtype).max
    if (alpha == highest).all() or not alpha.any():
        return gray
    for start in range(0, len(gray), _ROWS):
        part = slice(start, start + _ROWS)
        gray[part] = (gray[part].astype(np.uint64) * alpha[part] + highest // 2) // highest
    return gray


def default_window(pixels: np.ndarray) -> tuple[float, float]:
    """Gray values (low, high) that become black and white where the file does not say it.

    The range of the depth (8, 10, 12, 14, 16 bits; 0 to 1 for floats) where the film fills it, so that a film of 12 bits
    gives what the same film of 8 bits gives; else the robust range of the values.
    """
    step = max(1, int(np.sqrt(pixels.size / _SAMPLES)))
    sample = pixels[::step, ::step]
    sample = sample[np.isfinite(sample)]
    if not sample.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(sample, _PERCENTILES))
    lowest, highest = float(sample.min()), float(sample.max())
    if lowest >= 0:
        is_float = pixels.dtype.kind == "f"
        # the bits below the film's own are zero in all values of files that hold it shifted up
        unit = 1 if is_float else _lowest_bit(int(np.bitwise_or.reduce(sample)))
        ranges = [*([1.0] if is_float else []), *(2.0**bits - unit for bits in _DEPTHS)]
        white = next((white for white in ranges if highest <= white), 0.0)
        if white and high - low >= _FILLED * white:
            return 0.0, white
    return (lowest, highest) if high - low >= _NO_OUTLIERS * (highest - lowest) else (low, high)


def is_whole_depth(low: float, high: float) -> bool:
    """Whether black and white are those of a depth, so that a film reads as the same film of 8 bits does."""
    return low == 0 and (high == 1 or int(high) + _lowest_bit(int(high)) in [2**bits for bits in _DEPTHS])


def _lowest_bit(value: int) -> int:
    return value & -value or 1


def histogram(gray: np.ndarray) -> np.ndarray:
    """Pixels [256] of each value of an image uint8 [H, W]; numpy's own takes ten times as long."""
    return cv2.calcHist([np.ascontiguousarray(gray)], [0], None, [256], [0, 256]).ravel()


def too_few_levels(gray: np.ndarray) -> str:
    """A line where a film uint8 [H, W] was saved with so few gray levels that structures are lost; else empty."""
    step = max(1, int(np.sqrt(gray.size / _SAMPLES)))
    num = int(np.count_nonzero(histogram(gray[::step, ::step])))
    return f"{num} gray levels only: the points are less accurate; save the film with 256 or more" if 1 < num < _LEVELS else ""


def to_eight_bits(pixels: np.ndarray, low: float, high: float) -> np.ndarray:
    """Gray values [H, W] -> uint8 [H, W]: low becomes 0, high becomes 255, linear between; NaN becomes 0."""
    if pixels.dtype == np.uint8 and (low, high) == (0.0, 255.0):
        return pixels
    scale = 255.0 / (high - low) if high > low else 0.0
    if pixels.dtype in (np.uint8, np.uint16, np.int16):
        info = np.iinfo(pixels.dtype)
        table = _eight_bits(np.arange(info.min, info.max + 1, dtype=np.float64), low, scale)
        return table[pixels.astype(np.int32) - info.min] if info.min else table[pixels]
    gray = np.empty(pixels.shape, dtype=np.uint8)
    for start in range(0, len(pixels), _ROWS):
        gray[start : start + _ROWS] = _eight_bits(pixels[start : start + _ROWS].astype(np.float64), low, scale)
    return gray


def _eight_bits(values: np.ndarray, low: float, scale: float) -> np.ndarray:
    scaled = np.nan_to_num((values - low) * scale, nan=0.0, posinf=255.0, neginf=0.0)
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def inverted(pixels: np.ndarray, white: float | None = None) -> np.ndarray:
    """Black and white exchanged: within 0 to `white`, or within the range that the values take."""
    if white is not None:
        return (white - pixels).astype(pixels.dtype)
    finite = pixels[np.isfinite(pixels)] if pixels.dtype.kind == "f" else pixels
    total = float(finite.min()) + float(finite.max()) if finite.size else 0.0
    return (total - pixels.astype(np.float32 if pixels.dtype.itemsize < 4 else np.float64)).astype(pixels.dtype)


def edges_above_middle(gray: np.ndarray) -> float:
    """Gray levels by which the median of the outer tenth is above that of the middle half; negative where it is below."""
    (height, width), inner = gray.shape, np.zeros(gray.shape, dtype=bool)
    inner[height // 10 : height - height // 10, width // 10 : width - width // 10] = True
    middle = gray[height // 4 : height - height // 4, width // 4 : width - width // 4]
    return float(np.median(gray[~inner])) - float(np.median(middle)) if min(gray.shape) > 10 else 0.0
