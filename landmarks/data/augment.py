"""Augmentation: one random 2x3 map, warped once; then appearance changes by albumentations."""

import functools
import os

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it asks the network for its newest version when imported

import albumentations as A
import cv2
import numpy as np

from landmarks.config import AugmentConfig
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


_NOISE_STEPS = 32  # gray steps of the pool in one standard deviation; 8 bits then reach 4 deviations
_NOISE_PLACES = 1 << 20


@functools.cache
def _noise_pool(num: int) -> np.ndarray:
    """uint8 [num]: standard normal numbers times _NOISE_STEPS, around 128."""
    drawn = np.random.default_rng(0).standard_normal(num, dtype=np.float32)
    return np.clip(np.rint(128 + _NOISE_STEPS * drawn), 0, 255).astype(np.uint8)


class GaussNoise(A.ImageOnlyTransform):
    """Gaussian noise, standard deviation uniform from 0 to `std_limit` of full scale.

    It is cut at a random place out of a pool drawn once: to draw a megapixel for each image takes some fifty times as
    long as to add it (docs/results.md).
    """

    def __init__(self, std_limit: float, p: float) -> None:
        super().__init__(p=p)
        self.std_limit = std_limit

    def get_params(self) -> dict:
        return {
            "std": 255 * self.py_random.uniform(0, self.std_limit),
            "place": self.py_random.randrange(_NOISE_PLACES),
        }

    def apply(self, img: np.ndarray, std: float, place: int, **_) -> np.ndarray:
        noise = _noise_pool(img.size + _NOISE_PLACES)[place : place + img.size].reshape(img.shape)
        weight = std / _NOISE_STEPS
        return cv2.addWeighted(img, 1, noise, weight, -128 * weight)


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

    def __call__(self, image: np.ndarray, seed: int) -> np.ndarray:
        """uint8 [H, W] -> uint8 [H, W]."""
        if self._steps is None:
            return image
        self._steps.set_random_seed(seed)
        return self._steps(image=image)["image"]
