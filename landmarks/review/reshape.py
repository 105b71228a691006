"""Where the shape of real heads puts a landmark, given the others."""

import numpy as np

from landmarks.aariz_shape import aariz_shape
from landmarks.measurements import facing
from landmarks.shape import ENOUGH_LANDMARKS, ShapeModel


def head_model() -> ShapeModel:
    """Mean and covariance of 27 landmarks. Source: Khalid et al., Sci Data 12, 1336 (2025)."""
    known = aariz_shape()
    modes = known.modes.reshape(len(known.modes), -1)
    covariance = modes.T @ modes + np.diag(known.residual.ravel() ** 2 + 0.05)
    return ShapeModel(known.symbols, known.mean, covariance)


def place_by_shape(points: dict[str, tuple[float, float]], wanted: list[str]) -> dict[str, list[float]]:
    """Points (x, y) in source px of the wanted landmarks, from those of the others.

    Empty where fewer than five others are known. Landmarks that the model does not know are left out.
    """
    model = head_model()
    symbols = model.symbols
    placed = np.array(
        [points.get(symbol, (np.nan, np.nan)) if symbol not in wanted else (np.nan, np.nan) for symbol in symbols]
    )
    kept = np.isfinite(placed).all(axis=1)
    if kept.sum() < ENOUGH_LANDMARKS:
        return {}
    # the model's heads look right
    side = np.where(facing(placed[None], symbols)[0] < 0, (-1.0, 1.0), (1.0, 1.0))
    onto = model.place((placed * side)[None])
    points_mm = onto.apply((placed * side)[None])[0]
    expected = points_mm.copy()
    for symbol in wanted:
        if symbol in symbols:
            k = symbols.index(symbol)
            expected[k] = model.expect(points_mm[None], np.flatnonzero(kept), k)[0][0]
    back = onto.back(expected[None])[0] * side
    return {symbol: back[symbols.index(symbol)].round(3).tolist() for symbol in wanted if symbol in symbols}
