"""Measurements of many films at once, with the intervals that their landmarks' errors leave.

Shapes: N films, K landmarks, M measurements, R plausible sets of points. Points are (x, y) with y down; formulas see a
face that looks right, because `measure` turns the ones that look left. Angles in degrees, lengths in mm, ratios in percent.
"""

from collections.abc import Sequence

import numpy as np

from landmarks.measurements.constructs import Measurement
from landmarks.measurements.table import MEASUREMENTS

_FRONT = ("N", "A", "B", "ANS", "Or", "Pog", "UIT", "LIT", "UIA", "LIA", "Sn", "Ls", "Li", "Pn", "N`", "Pog`")
_BACK = ("S", "Po", "Ar", "Co", "Go", "R", "PNS")
_UPPER = ("N", "S", "Or", "Po", "Co", "N`")
_LOWER = ("Me", "Gn", "Pog", "B", "Go", "LIT", "LIA", "Li", "Pog`")


def available(symbols: Sequence[str], rows: Sequence[Measurement] = MEASUREMENTS) -> tuple[Measurement, ...]:
    """Measurements whose landmarks a set has."""
    return tuple(row for row in rows if set(row.landmarks) <= set(symbols))


def facing(points: np.ndarray, symbols: Sequence[str]) -> np.ndarray:
    """Where faces look: +1 right, -1 left, 0 where the landmarks do not tell.

    Args:
        points: [N, K, 2], NaN where unknown.
    Back to front, then top to bottom, turns clockwise in a face that looks right, however the image is rotated.
    """
    front, back, upper, lower = (_centre(points, symbols, group) for group in (_FRONT, _BACK, _UPPER, _LOWER))
    u, v = front - back, lower - upper
    return np.nan_to_num(np.sign(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])).astype(int)


def _centre(points: np.ndarray, symbols: Sequence[str], group: tuple[str, ...]) -> np.ndarray:
    """Mean [N, 2] of the known landmarks of a group, NaN where there is none."""
    members = points[:, [k for k, symbol in enumerate(symbols) if symbol in group]]
    counted = np.isfinite(members).sum(axis=1)
    return np.where(counted > 0, np.nansum(members, axis=1) / np.maximum(counted, 1), np.nan)


def measure(
    points_px: np.ndarray,
    symbols: Sequence[str],
    pixel_size: np.ndarray,
    *,
    looks: np.ndarray | None = None,
    rows: Sequence[Measurement] | None = None,
) -> np.ndarray:
    """Measurements [N, M], in the order of `rows`; NaN where a landmark is unknown.

    Args:
        points_px: [N, K, 2] source px.
        pixel_size: [N, 2] as (sx, sy) in mm, NaN where unknown: lengths are then NaN, angles and ratios take square pixels.
        looks: [N] from `facing`; worked out from the points where left out. A face that looks left is mirrored.
        rows: `available(symbols)` where left out; all landmarks of each row have to be in `symbols`.

    Example:
        >>> points_px = np.array([[(0, 0), (700, 0), (650, 500)]])
        >>> measure(points_px, ("S", "N", "A"), np.array([[0.1, 0.1]])).round(1)[0, :1]
        array([84.3])
    """
    known = np.isfinite(pixel_size).all(axis=-1)
    factors = np.where(known[:, None], pixel_size, 1.0)
    left = (facing(points_px * factors[:, None], symbols) if looks is None else looks) < 0
    factors = factors * np.where(left[:, None], (-1.0, 1.0), (1.0, 1.0))
    flat = points_px[..., 0] * factors[:, None, 0] + 1j * (points_px[..., 1] * factors[:, None, 1])
    places = {symbol: flat[:, k] for k, symbol in enumerate(symbols)}
    rows = available(symbols) if rows is None else rows
    values = np.full((len(flat), len(rows)), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        for m, row in enumerate(rows):
            values[:, m] = row.construct.value(places)
    values[np.ix_(~known, [row.unit == "mm" for row in rows])] = np.nan
    return values


def difference(first: np.ndarray, second: np.ndarray, rows: Sequence[Measurement]) -> np.ndarray:
    """first - second [..., M]; angles wrapped into -180 to 180."""
    off = first - second
    angles = np.array([row.unit == "deg" for row in rows], bool)
    return np.where(angles & (np.abs(off) > 180), (off + 180) % 360 - 180, off)
