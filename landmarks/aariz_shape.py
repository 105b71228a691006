"""aariz_shape.json: how the landmarks of real heads vary; the check and the synthetic set rest on it."""

import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np


class ShapeStatistics(NamedTuple):
    """Of the 27 landmarks that the statistics hold, in mm with Sella at the origin, x to the face's front, y down."""

    symbols: tuple[str, ...]
    mean: np.ndarray
    """[27, 2]."""
    modes: np.ndarray
    """[M, 27, 2]: directions in which heads vary together, each as long as its standard deviation."""
    residual: np.ndarray
    """[27, 2]: standard deviation that the modes leave."""


@cache
def aariz_shape() -> ShapeStatistics:
    """Source: 255 Aariz annotations, Khalid et al., Sci Data 12, 1336 (2025), CC BY 4.0."""
    stored = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    modes = np.stack([np.sqrt(mode["variance_mm2"]) * np.array(mode["vector"]) for mode in stored["modes"]])
    residual = np.sqrt(np.maximum(np.array(stored["sd"]) ** 2 - (modes**2).sum(axis=0), 0))
    return ShapeStatistics(tuple(stored["symbols"]), np.array(stored["mean"]), modes, residual)
