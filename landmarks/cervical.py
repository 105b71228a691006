"""Cervical vertebral maturation (CVM): its stages, and the region of C2 to C4 that shows them.

Source: Baccetti, Franchi, McNamara, "The cervical vertebral maturation (CVM) method", Semin. Orthod. 11 (2005).
"""

from collections.abc import Sequence

import numpy as np

from landmarks.geometry import compose
from landmarks.lateral_shape import lateral_shape
from landmarks.shape import ENOUGH_LANDMARKS

STAGES = ("CS1", "CS2", "CS3", "CS4", "CS5", "CS6")
# Left, top, right, bottom of the region in the mean head, mm from Sella: C2 to C4 with their spinous processes, and
# as much around them as neck posture moves them.
_BOX_MM = (-64.0, 42.0, 14.0, 120.0)


def is_stage(value: object) -> bool:
    """Whether a number is a stage, 1 to 6."""
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= len(STAGES)


def cervical_map(points_px: np.ndarray, symbols: Sequence[str], input_size: tuple[int, int]) -> np.ndarray | None:
    """Map [2, 3], source px -> input px, that shows the cervical region upright in the mean head's posture.

    The mean head is laid over all landmarks that are known; a head that looks left is mirrored.

    Args:
        points_px: landmarks [K, 2] of `symbols`, source px, NaN where unknown.
        input_size: (height, width).
    Returns: None where fewer than five landmarks are known.

    Example:
        to_input = cervical_map(record.points_px, records.landmarks.symbols, (224, 224))
        pixels = warp(gray, to_input, (224, 224))
    """
    model = lateral_shape().select(tuple(symbols))
    points = points_px[[list(symbols).index(symbol) for symbol in model.symbols]].reshape(-1, 2)
    trust = np.isfinite(points).all(axis=1).astype(float)
    if trust.sum() < ENOUGH_LANDMARKS:
        return None
    side = model.facing(points, trust)
    placed = model.place((points * side)[None])
    to_mm = np.concatenate([placed.linear[0] * side, placed.shift[0][:, None]], axis=1)
    left, top, right, bottom = _BOX_MM
    height, width = input_size
    scale = min(height / (bottom - top), width / (right - left))
    centre = np.array([(left + right) / 2, (top + bottom) / 2])
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    to_input = np.concatenate([scale * np.eye(2), (middle - scale * centre)[:, None]], axis=1)
    return compose(to_input, to_mm)
