"""Maps -> points without torch: the same fit as `tasks.landmarks.heatmap`, which is the reference, in numpy.

Shapes: B films, K landmarks, H x W heatmap px. Points are (x, y) in heatmap px.
"""

import numpy as np

from landmarks.prediction import Decoded

# As in tasks.landmarks.heatmap.
_FIT_FLOOR = 0.01
_MAX_OFFSET = 2.0
_NARROW = 1.0
_MASS_FLOOR = 0.05
_PEAK_RADIUS = 3.7


def decode_maps(maps_BKHW: np.ndarray, sigma: float) -> Decoded:
    """Sub-pixel centres, peaks and shapes of float32 maps.

    Example:
        decoded = decode_maps(network.maps(images), sigma=2.0)
        points_in = heatmap_to_input(decoded.points_hm)
    """
    batch, num = maps_BKHW.shape[:2]
    parts = [_decode_map(map_HW, sigma) for map_HW in maps_BKHW.reshape(-1, *maps_BKHW.shape[2:])]
    points, peaks, variance, outside = (np.array(values, dtype=float) for values in zip(*parts, strict=True))
    return Decoded(
        points_hm=points.reshape(batch, num, 2),
        peaks=peaks.reshape(batch, num),
        variance=variance.reshape(batch, num),
        outside=outside.reshape(batch, num),
    )


def _decode_map(map_HW: np.ndarray, sigma: float) -> tuple[np.ndarray, float, float, float]:
    """Centre, peak, variance and mass outside the peak of one map."""
    row, column = np.unravel_index(int(map_HW.argmax()), map_HW.shape)
    peak = map_HW[row, column]
    radius = max(2, round(2 * sigma))
    top, left = max(0, row - radius), max(0, column - radius)
    window = map_HW[top : row + radius + 1, left : column + radius + 1].astype(float) / max(float(peak), 1e-12)
    window = np.where(window > _FIT_FLOOR, window, 0.0)
    y, x = np.mgrid[top - row : top - row + window.shape[0], left - column : left - column + window.shape[1]].astype(float)
    ratio, x, y = window.ravel(), x.ravel(), y.ravel()

    shift, variance = _fit_gaussian(ratio, x, y)
    rows, columns = map_HW.shape
    if sigma < _NARROW and (min(row, column) < 2 or row >= rows - 2 or column >= columns - 2):
        shift, variance = _fit_position(ratio, x, y, sigma), sigma**2
    if shift is None or np.abs(shift).max() > max(_MAX_OFFSET, sigma):
        share = ratio / max(float(ratio.sum()), 1e-12)
        shift = np.array([(share * x).sum(), (share * y).sum()])
        variance = float((share * ((x - shift[0]) ** 2 + (y - shift[1]) ** 2)).sum()) / 2
    point = np.array([column, row]) + shift
    return point, float(peak), variance, _mass_outside(map_HW, point, float(peak), sigma)


def _fit_gaussian(ratio: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray | None, float]:
    """Top (x, y) of the parabola fitted to log(ratio), None where there is none, and the variance along one axis."""
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)
    weighted = terms * (ratio**2)[:, None]
    normal = weighted.T @ terms + 1e-10 * np.eye(6)
    _, bx, by, cxx, cxy, cyy = np.linalg.solve(normal, weighted.T @ np.log(np.maximum(ratio, 1e-12)))
    determinant = 4 * cxx * cyy - cxy**2
    if not (cxx < 0 and determinant > 0):
        return None, np.nan
    top = np.array([cxy * by - 2 * cyy * bx, cxy * bx - 2 * cxx * by]) / determinant
    return (top if np.isfinite(top).all() else None), float(-(cxx + cyy) / determinant)


def _fit_position(ratio: np.ndarray, x: np.ndarray, y: np.ndarray, sigma: float) -> np.ndarray:
    """Centre of a Gaussian of known width: for the few pixels that a narrow one has at a border."""
    terms = np.stack([np.ones_like(x), x, y], axis=1)
    weighted = terms * (ratio**2)[:, None]
    right = np.log(np.maximum(ratio, 1e-12)) + (x**2 + y**2) / (2 * sigma**2)
    return sigma**2 * np.linalg.solve(weighted.T @ terms + 1e-10 * np.eye(3), weighted.T @ right)[1:]


def _mass_outside(map_HW: np.ndarray, point: np.ndarray, peak: float, sigma: float) -> float:
    """Part of the map's mass that lies outside its peak."""
    rows, columns = np.nonzero(map_HW > max(_MASS_FLOOR * peak, 0.0))
    mass = map_HW[rows, columns].astype(float)
    far = (columns - point[0]) ** 2 + (rows - point[1]) ** 2 > (_PEAK_RADIUS * sigma) ** 2
    return float(mass[far].sum()) / max(float(mass.sum()), 1e-12)
