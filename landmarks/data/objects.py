"""Things that lie on films beside the head: rulers, head-holder parts, text, brackets and crowns.

As in `degrade`: a uint8 image [H, W], a strength from 0 to 1 and a generator; the result is a new image.
"""

import cv2
import numpy as np

_LETTERS = list("ABCDEFGHIKLMNOPRSTUVXYZ0123456789.:/-")


def ruler(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """A scale with ticks, bright or dark, upright or lying."""
    image = image.copy()
    height, width = image.shape
    gray, step = int(rng.choice((0, 20, 235, 255))), max(2, round(height * rng.uniform(0.004, 0.03)))
    num, long = 10 + round(40 * strength), max(3, round(height * rng.uniform(0.008, 0.03)))
    x, y, upright = int(rng.integers(width)), int(rng.integers(height // 2)), rng.random() < 0.7
    thick = 1 + int(rng.random() < strength)
    for tick in range(num):
        reach = long if tick % 5 else 2 * long
        start = (x, y + tick * step) if upright else (x + tick * step - width // 3, y)
        end = (start[0] + reach, start[1]) if upright else (start[0], start[1] + reach)
        cv2.line(image, start, end, gray, thick)
    return image


def holder(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Parts of a head holder, half transparent: an ear rod as ring or disc, a bar, a forehead rest."""
    height, width = image.shape
    drawn, gray = image.copy(), int(rng.integers(180, 256))
    thick = max(1, round(height * rng.uniform(0.004, 0.02)))
    x, y = int(rng.integers(width)), int(rng.integers(height))
    kind = rng.integers(3)
    if kind == 0:
        radius = max(2, round(height * rng.uniform(0.01, 0.03)))
        cv2.circle(drawn, (x, y), radius, gray, -1 if rng.random() < 0.4 else thick)
    elif kind == 1:
        cv2.line(drawn, (x, y), (x + int(rng.integers(-width, width)), y + int(rng.integers(-height, height))), gray, thick)
    else:
        size = (max(3, round(height * rng.uniform(0.01, 0.03))), max(3, round(height * rng.uniform(0.03, 0.15))))
        cv2.ellipse(drawn, (x, y), size, float(rng.uniform(-30, 30)), 0, 360, gray, -1 if rng.random() < 0.5 else thick)
    opaque = 0.3 + 0.7 * strength
    return cv2.addWeighted(drawn, opaque, image, 1 - opaque, 0)


def text(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Lines of letters and a box behind some of them, as names, dates and sides are burned in."""
    image = image.copy()
    height, width = image.shape
    for _ in range(1 + round(3 * strength)):
        words = "".join(rng.choice(_LETTERS, int(rng.integers(2, 16))))
        size = height / 1024 * rng.uniform(0.5, 1 + 2 * strength)
        corner = (int(rng.integers(-width // 10, width)), int(rng.integers(height)))
        gray = int(rng.choice((0, 255)))
        thick = max(1, round(2 * size))
        if rng.random() < 0.4:
            (wide, high), _ = cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, size, thick)
            cv2.rectangle(image, corner, (corner[0] + wide, corner[1] - high), 255 - gray, -1)
        cv2.putText(image, words, corner, cv2.FONT_HERSHEY_SIMPLEX, size, gray, thick, cv2.LINE_AA)
    return image


def metal(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Brackets on a wire, or crowns: small bright blobs in a row, most often where the teeth are."""
    image = image.copy()
    height, width = image.shape
    # anywhere in the lower half of the film, of either facing; sometimes elsewhere
    x, y = int(rng.uniform(0.1, 0.9) * width), int(rng.uniform(0.4, 0.9) * height)
    gap, slope = height * rng.uniform(0.012, 0.03), rng.uniform(-0.4, 0.4)
    gray, crown = int(rng.integers(225, 256)), rng.random() < 0.3
    half = max(1, round(height * rng.uniform(0.002, 0.006) * (2 if crown else 1)))
    spots = [
        (round(x + n * gap), round(y + n * gap * slope + rng.uniform(-half, half))) for n in range(2 + round(6 * strength))
    ]
    for spot in spots:
        if crown:
            cv2.ellipse(image, spot, (half, round(1.5 * half)), float(rng.uniform(-40, 40)), 0, 360, gray, -1)
        else:
            cv2.rectangle(image, (spot[0] - half, spot[1] - half), (spot[0] + half, spot[1] + half), gray, -1)
    if not crown:
        cv2.polylines(image, [np.array(spots, dtype=np.int32)], False, gray, 1)
    return image
