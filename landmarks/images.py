"""Gray arrays, shrunk by area and warped once; training and prediction share this path."""

import cv2
import numpy as np

from landmarks.geometry import letterbox_scale, resize_map


def shrink(image: np.ndarray, input_size: tuple[int, int], margin: float) -> tuple[np.ndarray, np.ndarray]:
    """The image scaled down by area to `margin` times its letterboxed size, never up.

    Returns: the image uint8 [h, w], and the map source px -> its px.
    """
    scale = min(1.0, letterbox_scale(image.shape, input_size) * margin)
    size = (max(1, round(image.shape[0] * scale)), max(1, round(image.shape[1] * scale)))
    if size == image.shape:
        return image, resize_map(image.shape, size)
    return cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA), resize_map(image.shape, size)


def warp(image: np.ndarray, map_23: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The image [h, w] through a map into a frame of size (height, width); outside is black."""
    return cv2.warpAffine(image, map_23, size[::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
