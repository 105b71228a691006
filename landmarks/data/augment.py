"""Augmentation: one random 2x3 map, warped once; then appearance changes by albumentations."""

import os

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it asks the network for its newest version when imported

import albumentations as A
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


def degrade_film(image: np.ndarray, probability: float, rng: np.random.Generator) -> np.ndarray:
    """With this probability, one to three kinds of change at random strengths: uint8 [H, W] -> uint8 [H, W]."""
    if rng.random() >= probability:
        return image
    often = np.array([weight for _, weight, _ in _KINDS], dtype=float)
    for kind in rng.choice(len(_KINDS), int(rng.integers(1, _MOST_KINDS + 1)), replace=False, p=often / often.sum()):
        change, _, most = _KINDS[kind]
        image = change(image, most * rng.random(), rng)
    return image


class GaussNoise(A.ImageOnlyTransform):
    """Gaussian noise, standard deviation uniform from 0 to `std_limit` of full scale.

    It is cut at a random position out of a pool drawn once.
    """

    def __init__(self, std_limit: float, p: float) -> None:
        super().__init__(p=p)
        self.std_limit = std_limit

    def get_params(self) -> dict:
        return {
            "std": 255 * self.py_random.uniform(0, self.std_limit),
            "place": self.py_random.randrange(degrade.NOISE_PLACES),
        }

    def apply(self, img: np.ndarray, std: float, place: int, **_) -> np.ndarray:
        return degrade.add_noise(img, std, place)


class Appearance:
    """Changes of gray values alone; the same seed changes the same image in the same way."""

    def __init__(self, augment: AugmentConfig) -> None:
        gamma = (100 * (1 - augment.gamma), 100 * (1 + augment.gamma))
        steps = []
        if augment.brightness or augment.contrast:
            steps.append(
                A.RandomBrightnessContrast(
                    brightness_limit=augment.brightness, contrast_limit=augment.contrast, ensure_safe_range=True, p=0.8
                )
            )
        if augment.gamma:
            steps.append(A.RandomGamma(gamma_limit=gamma, p=0.5))
        if augment.blur:
            steps.append(A.GaussianBlur(blur_limit=(3, 5), p=augment.blur))
        if augment.noise:
            steps.append(GaussNoise(augment.noise, p=0.5))
        if augment.erase:
            steps.append(A.CoarseDropout(num_holes_range=(1, 3), fill="random_uniform", p=augment.erase))
        self._steps = A.Compose(steps) if steps else None
        self._degrade = augment.degrade

    def __call__(self, image: np.ndarray, seed: int) -> np.ndarray:
        """uint8 [H, W] -> uint8 [H, W]."""
        if self._degrade:
            image = degrade_film(image, self._degrade, np.random.default_rng([seed, 0xF11]))
        if self._steps is None:
            return image
        self._steps.set_random_seed(seed)
        return self._steps(image=image)["image"]
