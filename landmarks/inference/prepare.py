"""A film -> the network's input; numpy and OpenCV alone, and the same pixels as training's data set without augmentation."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from landmarks.geometry import compose, invert, letterbox_map
from landmarks.images import shrink, warp
from landmarks.radiograph import read_gray


class NetworkInput(NamedTuple):
    pixels: np.ndarray
    """uint8 [H, W]."""
    to_source: np.ndarray
    """float64 [2, 3], map input px -> source px."""


def prepare(gray: np.ndarray, input_size: tuple[int, int], margin: float) -> NetworkInput:
    """A gray film uint8 [h, w], shrunk by area as a cache of this margin keeps it, letterboxed into the input."""
    to_input = letterbox_map(gray.shape, input_size)
    small, to_small = shrink(gray, input_size, margin)
    return NetworkInput(warp(small, compose(to_input, invert(to_small)), input_size), invert(to_input))


def gray_film(film: object) -> np.ndarray:
    """A film as uint8 [h, w]: of a path, a PIL image or a gray array.

    Raises: ImageError naming a broken file; ValueError on anything else.
    """
    if isinstance(film, str | Path):
        return read_gray(Path(film))
    if hasattr(film, "convert") and hasattr(film, "size"):  # a PIL image; the library itself is not needed
        film = np.asarray(film.convert("L"))
    if not isinstance(film, np.ndarray):
        raise ValueError(f"film: found {type(film).__name__}; give a path, a PIL image or a gray uint8 array [height, width]")
    if film.ndim != 2 or film.dtype != np.uint8 or not film.size:
        raise ValueError(
            f"film: found {film.dtype} {list(film.shape)}; give a gray uint8 array [height, width] of at least 1 px"
        )
    return film
