"""Views of test-time augmentation of stages: images uint8 [B, 1, H, W], changed a little and of the same size."""

import cv2
import numpy as np

from landmarks.geometry import around_centre
from landmarks.images import warp

_DEGREES, _BRIGHTER, _CONTRAST = 5.0, 1.15, 1.2


def view_of(name: str, images: np.ndarray) -> np.ndarray:
    """The images in one of the views that `cvm.tta` names. Raises: KeyError."""
    change = _VIEWS[name]
    return np.stack([change(image[0])[None] for image in images])


def _turned(image: np.ndarray, degrees: float) -> np.ndarray:
    return warp(image, around_centre(image.shape, degrees=degrees), image.shape)


def _contrast(image: np.ndarray) -> np.ndarray:
    middle = float(image.mean())
    return cv2.convertScaleAbs(np.clip((image.astype(np.float32) - middle) * _CONTRAST + middle, 0, 255))


_VIEWS = {
    "plain": lambda image: image,
    "flip": lambda image: image[:, ::-1],
    "turn_left": lambda image: _turned(image, -_DEGREES),
    "turn_right": lambda image: _turned(image, _DEGREES),
    "brightness": lambda image: cv2.convertScaleAbs(image, alpha=_BRIGHTER),
    "contrast": _contrast,
    "upside_down": lambda image: image[::-1],
}
