"""The statistical shape of lateral cephalograms: a data set is compared with it, and a film's view is recognised by it."""

from functools import cache

import numpy as np

from landmarks.aariz_shape import aariz_shape
from landmarks.shape import ShapeModel

# What a reader's hand adds where the statistics have next to no spread, mm.
_READING_SD_MM = 0.5
_NUM_DRAWS = 4000


@cache
def lateral_shape() -> ShapeModel:
    """The model of the 27 landmarks that the statistics hold."""
    symbols, mean, modes, residual = aariz_shape()
    rng = np.random.default_rng(0)
    shapes = mean + np.tensordot(rng.standard_normal((_NUM_DRAWS, len(modes))), modes, 1)
    shapes = shapes + residual * rng.standard_normal(shapes.shape)
    # the statistics have heads as they stood; drawn and turned to the mean they lose size and rotation
    model = ShapeModel(symbols, mean, np.eye(2 * len(mean)))
    aligned = model.align(shapes)[0] - mean
    flat = aligned.reshape(_NUM_DRAWS, -1)
    covariance = flat.T @ flat / _NUM_DRAWS + _READING_SD_MM**2 * np.eye(2 * len(mean))
    return ShapeModel(symbols, mean + aligned.mean(axis=0), covariance)
