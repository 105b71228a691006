"""A statistical shape of lateral cephalograms: how likely a set of landmarks is, whatever its size and rotation."""

from functools import cache

import numpy as np

from landmarks.aariz_shape import aariz_shape

# What a reader's hand adds where the statistics have next to no spread, mm.
_READING_SD_MM = 0.5
_NUM_DRAWS = 4000
_FITS = 12


class ShapeModel:
    """Mean [K, 2] and covariance [2K, 2K] in mm of landmarks, after each shape was turned and scaled to the mean."""

    def __init__(self, symbols: tuple[str, ...], mean: np.ndarray, covariance: np.ndarray) -> None:
        self.symbols, self.mean, self.covariance = symbols, mean, covariance

    def select(self, symbols: tuple[str, ...]) -> "ShapeModel":
        """The model of those of these symbols that it knows, in their order."""
        kept = [s for s in symbols if s in self.symbols]
        rows = np.array([self.symbols.index(s) for s in kept], dtype=int)
        both = _pairs(rows)
        return ShapeModel(tuple(kept), self.mean[rows], self.covariance[np.ix_(both, both)])

    def align(self, points_px: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points [N, K, 2] turned and scaled onto the mean, in mm, and the scales [N] in mm a px; NaN points stay NaN.

        A robust fit: a point far from where the others put it has next to no say.
        """
        visible = np.isfinite(points_px).all(axis=2)
        source = np.where(visible[..., None], points_px, 0)
        # a point dragged off the image by a slip of the pen must not turn and scale the first fit either
        centre = np.nanmedian(points_px, axis=1, keepdims=True)
        away = np.linalg.norm(points_px - centre, axis=2)
        weights = visible / (1 + (np.where(visible, away, 0) / (3 * np.nanmedian(away, axis=1, keepdims=True))) ** 4)
        for _ in range(_FITS):
            linear, shift = _similarity(source, self.mean, weights)
            moved = np.einsum("nij,nkj->nki", linear, source) + shift[:, None]
            distance = np.linalg.norm(moved - self.mean, axis=2)
            middle = np.nanmedian(np.where(visible, distance, np.nan), axis=1, keepdims=True)
            weights = visible / (1 + (distance / np.maximum(4.0, 2 * middle)) ** 2) ** 2
        return np.where(visible[..., None], moved, np.nan), np.sqrt(np.linalg.det(linear))

    def surprise(self, points_mm: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What each landmark deviates from where the others put it.

        Args:
            points_mm: aligned points [K, 2].
            kept: bool [K], landmarks that may be believed; of each other one the deviation from them is given.
        Returns: deviation [K, 2] in mm, and its squared size in standard deviations [K]; NaN where there is no point.
        """
        deviation, size = np.full(points_mm.shape, np.nan), np.full(len(points_mm), np.nan)
        offset = (points_mm - self.mean).ravel()
        inner = _pairs(np.flatnonzero(kept))
        precision = np.linalg.inv(self.covariance[np.ix_(inner, inner)])
        pull = precision @ offset[inner]
        for place, k in enumerate(np.flatnonzero(kept)):
            block = precision[2 * place : 2 * place + 2, 2 * place : 2 * place + 2]
            deviation[k] = np.linalg.solve(block, pull[2 * place : 2 * place + 2])
            size[k] = deviation[k] @ block @ deviation[k]
        for k in np.flatnonzero(~kept & np.isfinite(points_mm).all(axis=1)):
            own = _pairs(np.array([k]))
            cross = self.covariance[np.ix_(own, inner)]
            spread = self.covariance[np.ix_(own, own)] - cross @ precision @ cross.T
            deviation[k] = offset[own] - cross @ pull
            size[k] = deviation[k] @ np.linalg.solve(spread, deviation[k])
        return deviation, size

    def gains(self, points_mm: np.ndarray, kept: np.ndarray, pairs: list[tuple[int, int]]) -> np.ndarray:
        """How much nearer to the mean (squared Mahalanobis distance) the shape comes when each pair is exchanged."""
        inner = _pairs(np.flatnonzero(kept))
        precision = np.linalg.inv(self.covariance[np.ix_(inner, inner)])
        shapes = np.repeat(points_mm[None], len(pairs) + 1, axis=0)
        for shape, (a, b) in zip(shapes[1:], pairs, strict=True):
            shape[[a, b]] = shape[[b, a]]
        offsets = (shapes - self.mean).reshape(len(shapes), -1)[:, inner]
        distances = np.einsum("ni,ij,nj->n", offsets, precision, offsets)
        return distances[0] - distances[1:]


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


def _similarity(source: np.ndarray, target: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotations times scales [N, 2, 2] and shifts [N, 2] that bring points [N, K, 2] nearest to [K, 2] (weighted)."""
    share = (weights / weights.sum(axis=1, keepdims=True))[..., None]
    centre_source, centre_target = (share * source).sum(axis=1), (share * target).sum(axis=1)
    a, b = source - centre_source[:, None], target - centre_target[:, None]
    size = (share * a**2).sum(axis=(1, 2))
    along = (share * a * b).sum(axis=(1, 2)) / size
    across = (share[..., 0] * (a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0])).sum(axis=1) / size
    linear = np.stack([np.stack([along, -across], axis=1), np.stack([across, along], axis=1)], axis=1)
    return linear, centre_target - np.einsum("nij,nj->ni", linear, centre_source)


def _pairs(rows: np.ndarray) -> np.ndarray:
    """Places of both coordinates of these landmarks in a flat shape."""
    return np.stack([2 * rows, 2 * rows + 1], axis=1).ravel()
