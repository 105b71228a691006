"""Changes of gray values in training, by albumentations."""

import os

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it asks the network for its newest version when imported

import albumentations as A
import numpy as np

from landmarks.config import AugmentConfig
from landmarks.data import degrade
from landmarks.data.augment import degrade_film


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
