"""What other devices, scanners and people do to a film: functions of gray values.

Each takes a uint8 image [H, W], a strength from 0 (next to nothing) to 1, and a generator, and returns a new image. Lengths
the image's height, so that a strength means the same at every input size.
"""

from functools import cache

import cv2
import numpy as np

_NOISE_STEPS = 32  # gray steps of the pool in one standard deviation; 8 bits then reach 4 deviations
# Positions at which noise may be cut out of the pool.
NOISE_PLACES = 1 << 17
_LEVELS = np.linspace(0, 1, 256)


@cache
def noise_pool(num: int) -> np.ndarray:
    """uint8 [num]: standard normal numbers times 32, around 128."""
    drawn = np.random.default_rng(0).standard_normal(num, dtype=np.float32)
    return np.clip(np.rint(128 + _NOISE_STEPS * drawn), 0, 255).astype(np.uint8)


@cache
def _scaled_noise(num: int, std: float) -> tuple[np.ndarray, np.ndarray]:
    """uint8 [num] twice: what the pool's noise of this standard deviation adds, and what it takes away."""
    noise = np.arange(-128, 128) * (std / _NOISE_STEPS)
    pool = noise_pool(num)
    return tuple(np.rint(np.clip(sign * noise, 0, 255)).astype(np.uint8)[pool] for sign in (1, -1))


def add_noise(image: np.ndarray, std: float, start: int) -> np.ndarray:
    """Gaussian noise cut out of a pool from position `start`, at the nearest of the standard deviations 0.5, 0.71, 1, 1.41, ...

    To draw a megapixel for each image takes some fifty times as long as to add it (docs/results/memory_and_speed.md), and
    to scale it for each image four times as long as saturating sums of bytes (docs/results/robustness.md).
    """
    if std < 0.5:
        return image
    level = 2.0 ** (round(2 * np.log2(std)) / 2)
    up, down = (
        part[start : start + image.size].reshape(image.shape) for part in _scaled_noise(image.size + NOISE_PLACES, level)
    )
    return cv2.subtract(cv2.add(image, up), down)


def tone(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Another tone curve: gamma from a quarter to four, an S, a narrow range of grays."""
    return cv2.LUT(image, tone_table(strength, rng))


def tone_table(strength: float, rng: np.random.Generator) -> np.ndarray:
    """The table of `tone`, uint8 [256]."""
    level = _LEVELS
    curve = level ** (4.0 ** (strength * rng.choice((-1, 1))))
    bend = strength * rng.uniform(-0.5, 0.5)
    curve = curve + bend * curve * (1 - curve) * (2 * curve - 1) * 2
    low, high = strength * rng.uniform(0, 0.35), 1 - strength * rng.uniform(0, 0.35)
    return np.rint(255 * (low + (high - low) * np.clip(curve, 0, 1))).astype(np.uint8)


def flatten(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Large bright and dark regions removed, as local contrast filters do, or a histogram made even."""
    if rng.random() < 0.3:
        return cv2.LUT(image, _evened(image, strength))
    height, width = image.shape
    small = cv2.resize(image, (max(2, width // 16), max(2, height // 16)), interpolation=cv2.INTER_AREA)
    wide = _blurred(small, max(1.0, small.shape[0] * rng.uniform(0.06, 0.2)))
    wide = cv2.resize(wide, (width, height), interpolation=cv2.INTER_LINEAR)
    gain = 1 + strength * rng.uniform(0, 0.8)
    return cv2.addWeighted(image, gain, wide, -gain * 0.9 * strength, 115 * gain * strength)


def _evened(image: np.ndarray, strength: float) -> np.ndarray:
    """A table uint8 [256] towards an even histogram, which every fourth row and column tell well enough."""
    share = np.cumsum(np.bincount(image[::4, ::4].ravel(), minlength=256)).astype(float)
    even = 255 * (share - share[0]) / max(share[-1] - share[0], 1)
    return np.rint((1 - strength) * np.arange(256) + strength * even).astype(np.uint8)


def negative(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Bright and dark exchanged; the stronger, the further from the plain negative's tone."""
    return cv2.LUT(image, negative_table(strength, rng))


def negative_table(strength: float, rng: np.random.Generator) -> np.ndarray:
    """The table of `negative`, uint8 [256]."""
    gamma = 2.0 ** (strength * rng.uniform(-1, 1))
    return np.rint(255 * (1 - _LEVELS) ** gamma).astype(np.uint8)


def grain(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Noise of single pixels."""
    return add_noise(image, 255 * 0.15 * strength, int(rng.integers(NOISE_PLACES)))


def mottle(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Noise of spots: two to sixteen thousandths of the height wide."""
    height, width = image.shape
    side = max(2.0, height * rng.uniform(0.002, 0.016))
    size = (max(2, round(height / side)), max(2, round(width / side)))
    start = int(rng.integers(NOISE_PLACES))
    spots = noise_pool(image.size + NOISE_PLACES)[start : start + size[0] * size[1]].reshape(size)
    weight = 255 * 0.12 * strength / _NOISE_STEPS
    spots = cv2.resize(spots, (width, height), interpolation=cv2.INTER_LINEAR)
    return cv2.addWeighted(image, 1, spots, weight, -128 * weight)


def blur(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """A soft focus, up to 4 thousandths of the height (about one millimetre)."""
    sigma = max(0.3, 0.004 * image.shape[0] * strength)
    if sigma < 1.2 or min(image.shape) < 64:
        return cv2.GaussianBlur(image, (5, 5), sigma)
    # a wide blur at half the resolution looks the same and takes a fifth of the time
    small = cv2.resize(image, (image.shape[1] // 2, image.shape[0] // 2), interpolation=cv2.INTER_AREA)
    return cv2.resize(_blurred(small, sigma / 2), image.shape[::-1], interpolation=cv2.INTER_LINEAR)


def _blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    """Nearly a Gaussian blur, by two boxes whose time does not grow with their width."""
    side = 1 + 2 * round((np.sqrt(1 + 6 * sigma**2) - 1) / 2)  # the variance of two boxes is (side^2 - 1) / 6
    return cv2.blur(cv2.blur(image, (side, side)), (side, side))


def resample(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Saved at a half or a quarter of the resolution and enlarged again."""
    height, width = image.shape
    factor = 2 if strength <= 0.5 else 4  # input sizes are multiples of both, which takes a tenth of the time
    small = cv2.resize(image, (max(2, width // factor), max(2, height // factor)), interpolation=cv2.INTER_AREA)
    way = cv2.INTER_NEAREST if rng.random() < 0.3 else cv2.INTER_LINEAR
    return cv2.resize(small, (width, height), interpolation=way)


def jpeg(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Compressed, at quality 50 down to 5, at half the resolution where the image is large."""
    height, width = image.shape
    small = cv2.resize(image, (width // 2, height // 2), interpolation=cv2.INTER_AREA) if height > 700 else image
    _, content = cv2.imencode(".jpg", small, (cv2.IMWRITE_JPEG_QUALITY, round(50 - 45 * strength)))
    decoded = cv2.imdecode(content, cv2.IMREAD_GRAYSCALE)
    return decoded if decoded.shape == image.shape else cv2.resize(decoded, (width, height), interpolation=cv2.INTER_LINEAR)


def stripes(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Rows or columns brighter and darker, as a moving detector leaves them."""
    height, width = image.shape
    along = rng.random() < 0.5
    num = height if along else width
    profile = np.repeat(rng.standard_normal(num // (step := int(rng.integers(1, 9))) + 1), step)[:num]
    offset = np.rint(np.clip(255 * 0.12 * strength * profile, -255, 255)).astype(np.int16)
    up, down = (np.maximum(sign * offset, 0).astype(np.uint8).reshape((-1, 1) if along else (1, -1)) for sign in (1, -1))
    # saturating sums of bytes: minimum and maximum keep them from wrapping around
    return np.maximum(np.minimum(image, 255 - up) + up, down) - down


def dead_lines(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Some rows or columns without a signal."""
    image = image.copy()
    turned = image if rng.random() < 0.5 else image.T
    wide = max(1, round(0.004 * image.shape[0] * strength))
    for start in rng.integers(0, turned.shape[0], 1 + round(11 * strength)):
        turned[start : start + wide] = rng.choice((0, 255))
    return image


def collimate(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Borders that the beam did not reach: bright or dark, soft or hard, on one to four sides."""
    image = image.copy()
    gray, soft = (float(rng.integers(0, 25)), float(rng.integers(200, 256)))[int(rng.random() < 0.4)], rng.random() < 0.5
    sides = rng.permutation(4)[: int(rng.integers(1, 5))]
    for side in sides:
        turned = np.rot90(image, int(side))  # a view: the border is the first rows of it
        wide = max(1, round(turned.shape[0] * strength * rng.uniform(0.02, 0.12)))
        edge = min(turned.shape[0] - wide, max(1, round(0.02 * turned.shape[0]))) if soft else 0
        turned[:wide] = gray
        if edge:
            ramp = np.linspace(0, 1, edge, dtype=np.float32)[:, None]
            turned[wide : wide + edge] = (ramp * turned[wide : wide + edge] + (1 - ramp) * gray).astype(np.uint8)
    return image


def cover(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """One to four discs or boxes painted over, with noise in them, or without contrast."""
    image = image.copy()
    height, width = image.shape
    for _ in range(int(rng.integers(1, 5))):
        half = max(2, round(height * (0.01 + 0.06 * strength * rng.random())))
        wide = max(2, round(half * rng.uniform(0.5, 1.5)))
        y, x = int(rng.integers(height)), int(rng.integers(width))
        part = image[max(0, y - half) : y + half, max(0, x - wide) : x + wide]
        kind = rng.integers(4)
        if kind == 0:
            part[:] = int(rng.integers(256))
        elif kind == 1:
            part[:] = int(part.mean())
        elif kind == 2:
            part[:] = cv2.blur(part, (max(3, wide), max(3, half)))
        else:
            cv2.circle(image, (x, y), half, int(rng.integers(256)), -1)
    return image
