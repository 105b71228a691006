"""Augmentation: one random 2x3 map, warped once; then appearance changes by albumentations."""

import os

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it asks the network for its newest version when imported

import albumentations as A
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
            steps.append(A.GaussNoise(std_range=(0.0, augment.noise), p=0.5))
        if augment.erase:
            steps.append(A.CoarseDropout(num_holes_range=(1, 3), fill="random_uniform", p=augment.erase))
        self._steps = A.Compose(steps) if steps else None

    def __call__(self, image: np.ndarray, seed: int) -> np.ndarray:
        """uint8 [H, W] -> uint8 [H, W]."""
        if self._steps is None:
            return image
        self._steps.set_random_seed(seed)
        return self._steps(image=image)["image"]
