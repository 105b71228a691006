"""Augmentation: one random 2x3 map, warped once; then changes of gray values, several of them in one table.

Written with OpenCV alone: albumentations took twice the time for the same changes (docs/results/robustness.md).
"""

import cv2
import numpy as np

from landmarks.config import AugmentConfig
from landmarks.data import degrade, objects
from landmarks.geometry import around_centre


def random_map(augment: AugmentConfig, input_size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """A random map input px -> input px; every number is drawn whatever the settings, so one setting moves one thing."""
    degrees, size, aspect, shift_x, shift_y = rng.uniform(-1, 1, 5)
    flip = rng.random() < augment.flip
    scale = 1 + augment.scale * size
    stretch = (1 + augment.aspect * aspect) ** 0.5
    return around_centre(
        input_size,
        degrees=augment.rotate * degrees,
        scale=(scale * stretch, scale / stretch),
        shift=(augment.shift * shift_x * input_size[1], augment.shift * shift_y * input_size[0]),
        flip=flip,
    )


# What the setting `degrade` may do to a sample, how often beside the others, and its largest strength. Chosen by what
# films of other devices look like; costly kinds are rare (docs/results/robustness.md has the time of each).
_KINDS = (
    (degrade.tone, 6, 1.0),
    (degrade.flatten, 4, 1.0),
    (degrade.negative, 2, 1.0),
    (degrade.grain, 3, 1.0),
    (degrade.mottle, 2, 0.8),
    (degrade.blur, 2, 1.0),
    (degrade.resample, 2, 1.0),
    (degrade.jpeg, 1, 1.0),
    (degrade.stripes, 2, 1.0),
    (degrade.dead_lines, 1, 1.0),
    (degrade.collimate, 3, 1.0),
    (degrade.cover, 4, 1.0),
    (objects.ruler, 1, 1.0),
    (objects.holder, 2, 1.0),
    (objects.text, 1, 1.0),
    (objects.metal, 2, 1.0),
)
_MOST_KINDS = 3
_LEVELS = np.linspace(0, 1, 256)
# Kinds that are tables of gray values: neighbours become one table, and one pass over the image.
_TABLES = {degrade.tone: degrade.tone_table, degrade.negative: degrade.negative_table}
# Parts of the samples that change in brightness and contrast, in gamma, and get noise.
_BRIGHTNESS, _GAMMA, _NOISE = 0.8, 0.5, 0.5
# Painted rectangles: how many at most, and their sides as parts of the image's.
_MOST_ERASED, _ERASED = 3, (0.1, 0.2)


def degrade_film(image: np.ndarray, probability: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray | None]:
    """With this probability, one to three kinds of change at random strengths.

    Returns: uint8 [H, W], and a table of gray values that is still to be applied, None where there is none.
    """
    table = None
    if rng.random() >= probability:
        return image, table
    # the first of exponential waiting times: drawn without replacement, each as often as it weighs
    order = np.argsort(rng.standard_exponential(len(_KINDS)) / [weight for _, weight, _ in _KINDS])
    for kind in order[: int(rng.integers(1, _MOST_KINDS + 1))]:
        change, _, most = _KINDS[kind]
        strength = most * rng.random()
        if change in _TABLES:
            table = _joined(table, _TABLES[change](strength, rng))
        else:
            image, table = change(_looked_up(image, table), strength, rng), None
    return image, table


def tone_table(augment: AugmentConfig, rng: np.random.Generator) -> np.ndarray | None:
    """Brightness and contrast within the range of gray values, then gamma: uint8 [256], None where nothing changes."""
    chance, (lift, contrast, gamma) = rng.random(2), rng.uniform(-1, 1, 3)
    curve = _LEVELS
    bent = augment.gamma > 0 and chance[1] < _GAMMA
    if (augment.brightness or augment.contrast) and chance[0] < _BRIGHTNESS:
        lift = max(0.0, augment.brightness * lift)
        curve = lift + curve * min(1 + augment.contrast * contrast, 1 - lift)
    elif not bent:
        return None
    if bent:
        curve = curve ** (1 + augment.gamma * gamma)
    return np.rint(255 * curve).astype(np.uint8)


def erase(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One to three rectangles painted over, each in one gray."""
    image, (height, width) = image.copy(), image.shape
    for _ in range(int(rng.integers(1, _MOST_ERASED + 1))):
        high, wide = (max(1, round(side * rng.uniform(*_ERASED))) for side in (height, width))
        y, x = int(rng.integers(height - high + 1)), int(rng.integers(width - wide + 1))
        image[y : y + high, x : x + wide] = int(rng.integers(256))
    return image


class Appearance:
    """Changes of gray values alone; the same seed changes the same image in the same way."""

    def __init__(self, augment: AugmentConfig) -> None:
        self._augment = augment

    def __call__(self, image: np.ndarray, seed: int) -> np.ndarray:
        """uint8 [H, W] -> uint8 [H, W]."""
        augment, table, rng = self._augment, None, np.random.default_rng(seed)
        if augment.degrade:
            image, table = degrade_film(image, augment.degrade, np.random.default_rng([seed, 0xF11]))
        image = _looked_up(image, _joined(table, tone_table(augment, rng)))
        # every number is drawn whatever the settings, so that one setting changes one thing
        blurred, noisy, erased = rng.random(3)
        rounds, std, place = 1 + rng.integers(2), rng.random(), rng.integers(degrade.NOISE_PLACES)
        if blurred < augment.blur:
            for _ in range(rounds):  # the binomial kernel, which OpenCV has a fast path for; twice is one of 5 px
                image = cv2.GaussianBlur(image, (3, 3), 0)
        if augment.noise and noisy < _NOISE:
            image = degrade.add_noise(image, 255 * augment.noise * std, int(place))
        return erase(image, rng) if erased < augment.erase else image


def _joined(first: np.ndarray | None, second: np.ndarray | None) -> np.ndarray | None:
    """The table that does what two tables do one after the other."""
    if first is None or second is None:
        return second if first is None else first
    return second[first]


def _looked_up(image: np.ndarray, table: np.ndarray | None) -> np.ndarray:
    return image if table is None else cv2.LUT(image, table)
