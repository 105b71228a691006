"""Where landmarks lie to each other: a Gaussian of shapes, free of position, rotation and size.

Shapes: N images, K landmarks. Points are (x, y) in any frame that keeps the aspect; the model's own frame is in mm, as
large as the training heads were.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

# Below this many annotated images a covariance says too little, and there is no model.
ENOUGH_IMAGES = 30
# Fewer landmarks than this do not place another one.
ENOUGH_LANDMARKS = 5
_FITS = 12
# Fit to annotations: rounds of alignment, of expectation and maximisation, and the heavy tail's degrees of freedom.
_ROUNDS, _EM_ROUNDS, _TAIL = 4, 12, 10.0
# Strength of the shrinkage of correlations, in images: of 150 images 6 %, of 40 a fifth. With it, 19 landmarks of held-out
# films were predicted best from the others (docs/results/robustness.md).
_SHRINK = 10.0
# What a reader's hand adds to every landmark, mm.
_READING_SD_MM = 0.5
# Root mean square distance of landmarks from their centre, where no image has a pixel size.
_USUAL_RADIUS_MM = 60.0


class Similarity(NamedTuple):
    """Maps [N] from image to model frame: rotation times scale [N, 2, 2] and shift [N, 2]."""

    linear: np.ndarray
    shift: np.ndarray

    def apply(self, points: np.ndarray) -> np.ndarray:
        """Points [N, K, 2] of the images in the model's frame."""
        return np.einsum("nij,nkj->nki", self.linear, points) + self.shift[:, None]

    def back(self, points_mm: np.ndarray) -> np.ndarray:
        """Points [N, K, 2] of the model's frame in the images."""
        return np.einsum("nij,nkj->nki", np.linalg.inv(self.linear), points_mm - self.shift[:, None])

    @property
    def mm_per_px(self) -> np.ndarray:
        """[N]."""
        return np.sqrt(np.linalg.det(self.linear))


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

    def place(self, points: np.ndarray, trust: np.ndarray | None = None) -> Similarity:
        """The maps that turn and scale points [N, K, 2] onto the mean; a robust fit.

        A point far from where the others put it has almost no weight. NaN points and points of `trust` 0 ([N, K], 0 to 1)
        have none.
        """
        visible = np.isfinite(points).all(axis=2) & (True if trust is None else trust > 0)
        share = visible * (1.0 if trust is None else trust)
        source = np.where(visible[..., None], points, 0)
        # a point dragged off the image by a slip of the pen must not turn and scale the first fit either
        centre = np.stack([_median(points[..., axis], visible) for axis in (0, 1)], axis=-1)
        away = np.linalg.norm(source - centre[:, None], axis=2)
        weights = share / (1 + (away / (3 * _median(away, visible)[:, None])) ** 4)
        for _ in range(_FITS):
            found = Similarity(*_similarity(source, self.mean, weights))
            distance = np.linalg.norm(found.apply(source) - self.mean, axis=2)
            middle = _median(distance, visible)[:, None]
            weights = share / (1 + (distance / np.maximum(4.0, 2 * middle)) ** 2) ** 2
        return found

    def facing(self, points: np.ndarray, trust: np.ndarray) -> np.ndarray:
        """(1, 1), or (-1, 1) where the mirrored points [K, 2], of `trust` [K], fit better: heads may look to either side."""
        both = points * np.array([[[1.0, 1.0]], [[-1.0, 1.0]]])
        off = np.linalg.norm(self.place(both, np.stack([trust, trust])).apply(both) - self.mean, axis=2)
        return np.array([1.0, 1.0]) if np.nanmedian(off[0]) <= np.nanmedian(off[1]) else np.array([-1.0, 1.0])

    def align(self, points_px: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points [N, K, 2] turned and scaled onto the mean, in mm, and the scales [N] in mm a px; NaN points stay NaN."""
        placed = self.place(points_px)
        return placed.apply(points_px), placed.mm_per_px

    def surprise(self, points_mm: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What each landmark deviates from where the others put it.

        Args:
            points_mm: aligned points [N, K, 2].
            kept: bool [N, K], landmarks that may be believed; of each other one the deviation from them is given.
        Returns: deviation [N, K, 2] in mm, and its squared size in standard deviations [N, K]; NaN where there is no point.
        """
        deviation, size = np.full(points_mm.shape, np.nan), np.full(kept.shape, np.nan)
        known = np.isfinite(points_mm).all(axis=2)
        for rows, seen in _same_rows(kept):
            inner, columns = _pairs(seen), np.arange(len(seen))
            precision = np.linalg.inv(self.covariance[np.ix_(inner, inner)])
            pull = ((points_mm[rows] - self.mean).reshape(len(rows), -1)[:, inner] @ precision).reshape(len(rows), -1, 2)
            spread = np.linalg.inv(precision.reshape(len(seen), 2, len(seen), 2)[columns, :, columns])
            deviation[np.ix_(rows, seen)] = found = np.einsum("nki,kij->nkj", pull, spread)
            size[np.ix_(rows, seen)] = (found * pull).sum(axis=2)
            for k in np.setdiff1d(np.flatnonzero(known[rows].any(axis=0)), seen):
                some = rows[known[rows, k]]
                expected, spread = self.expect(points_mm[some], seen, k)
                deviation[some, k] = off = points_mm[some, k] - expected
                size[some, k] = (off * np.linalg.solve(spread, off.T).T).sum(axis=1)
        return deviation, size

    def expect(self, points_mm: np.ndarray, seen: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Where the landmarks `seen` (numbers) of points [N, K, 2] put landmark `k`: means [N, 2] in mm, covariance [2, 2]."""
        inner, own = _pairs(seen), _pairs(np.array([k]))
        pull = np.linalg.solve(self.covariance[np.ix_(inner, inner)], self.covariance[np.ix_(inner, own)])
        means = self.mean[k] + (points_mm - self.mean).reshape(len(points_mm), -1)[:, inner] @ pull
        return means, self.covariance[np.ix_(own, own)] - self.covariance[np.ix_(own, inner)] @ pull

    def gains(self, points_mm: np.ndarray, kept: np.ndarray, pairs: list[tuple[int, int]]) -> np.ndarray:
        """How much nearer to the mean (squared Mahalanobis distance) shapes [N, K, 2] come when each pair is exchanged.

        Returns: [N, len(pairs)]; NaN where `kept`, bool [N, K], lacks one of the pair.
        """
        gains = np.full((len(points_mm), len(pairs)), np.nan)
        for rows, seen in _same_rows(kept):
            inner = _pairs(seen)
            precision = np.linalg.inv(self.covariance[np.ix_(inner, inner)])
            now = _squared(points_mm[rows] - self.mean, inner, precision)
            for column, pair in enumerate(pairs):
                if np.isin(pair, seen).all():
                    exchanged = points_mm[rows]
                    exchanged[:, pair] = exchanged[:, pair[::-1]]
                    gains[rows, column] = now - _squared(exchanged - self.mean, inner, precision)
        return gains


def fit_shape(points_px: np.ndarray, symbols: tuple[str, ...], pixel_size: np.ndarray | None = None) -> ShapeModel | None:
    """The shape model of annotations; None where too few images or landmarks are annotated.

    A multivariate t distribution is fitted by expectation and maximisation: images that lack landmarks count with those
    that they have, and an image with a misplaced one counts little. Source: Liu and Rubin, Statistica Sinica 5 (1995).

    Args:
        points_px: [N, K, 2] in pixels, NaN where a landmark is not annotated.
        symbols: of the K landmarks.
        pixel_size: [N, 2] as (sx, sy) in mm, NaN where unknown; it sets the size of the model's frame.

    Example:
        model = fit_shape(np.stack([r.points_px for r in records.records]), records.landmarks.symbols)
        placed = model.place(points_px[None])
    """
    known = np.isfinite(points_px).all(axis=2)
    columns = np.flatnonzero(known.sum(axis=0) >= ENOUGH_IMAGES)
    rows = known[:, columns].sum(axis=1) >= max(ENOUGH_LANDMARKS, (len(columns) + 1) // 2)
    if rows.sum() < ENOUGH_IMAGES or len(columns) < ENOUGH_LANDMARKS:
        return None
    points, kept = points_px[np.ix_(rows, columns)], tuple(symbols[k] for k in columns)
    complete = int(known[np.ix_(rows, columns)].sum(axis=1).argmax())
    mean = points[complete] - np.nanmean(points[complete], axis=0)
    mean = np.where(np.isfinite(mean), mean, 0)
    sizes = None if pixel_size is None else pixel_size[rows]
    for _ in range(_ROUNDS):
        model = ShapeModel(kept, _scaled(mean, points, sizes), np.eye(2 * len(mean)))
        mean = np.nanmedian(model.align(points)[0], axis=0)
    model = ShapeModel(kept, _scaled(mean, points, sizes), model.covariance)
    flat = model.align(points)[0].reshape(len(points), -1)
    mean, covariance = _fit_tailed(flat)
    return ShapeModel(kept, mean.reshape(-1, 2), covariance)


def shape_to_dict(model: ShapeModel) -> dict:
    """Plain lists, for a checkpoint or the metadata of a graph."""
    return {
        "symbols": list(model.symbols),
        "mean_mm": np.round(model.mean, 4).tolist(),
        "covariance_mm2": np.round(model.covariance, 5).tolist(),
    }


def shape_from_dict(plain: dict) -> ShapeModel:
    """The model that `shape_to_dict` wrote. Raises: KeyError or ValueError where it is none."""
    symbols = tuple(plain["symbols"])
    mean, covariance = np.array(plain["mean_mm"], dtype=float), np.array(plain["covariance_mm2"], dtype=float)
    if mean.shape != (len(symbols), 2) or covariance.shape != (2 * len(symbols),) * 2:
        raise ValueError(f"shape model: {len(symbols)} landmarks, mean {mean.shape}, covariance {covariance.shape}")
    return ShapeModel(symbols, mean, covariance)


def _scaled(mean: np.ndarray, points_px: np.ndarray, pixel_size: np.ndarray | None) -> np.ndarray:
    """The mean at the median size of the heads that have a pixel size."""
    away = ((points_px - np.nanmean(points_px, axis=1, keepdims=True)) ** 2).sum(axis=2)
    radius = np.sqrt(np.nanmean(away, axis=1))
    sizes = np.full(len(points_px), np.nan) if pixel_size is None else radius * np.sqrt(pixel_size.prod(axis=1))
    wanted = np.nanmedian(sizes) if np.isfinite(sizes).any() else _USUAL_RADIUS_MM
    return mean * (wanted / np.sqrt((mean**2).sum(axis=1).mean()))


def _fit_tailed(flat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean [D] and covariance [D, D] of rows [N, D], NaN where unknown, under a heavy-tailed distribution."""
    num, size = flat.shape
    known = np.isfinite(flat)
    mean = np.nanmean(flat, axis=0)
    covariance = np.diag(np.nanvar(flat, axis=0) + _READING_SD_MM**2)
    patterns, of_row = np.unique(known, axis=0, return_inverse=True)
    for _ in range(_EM_ROUNDS):
        filled, weights, left = flat.copy(), np.ones(num), np.zeros((size, size))
        for number, seen in enumerate(patterns):
            rows = np.flatnonzero(of_row.ravel() == number)
            inner, outer = np.flatnonzero(seen), np.flatnonzero(~seen)
            offset = flat[np.ix_(rows, inner)] - mean[inner]
            pull = np.linalg.solve(
                covariance[np.ix_(inner, inner)], np.concatenate([offset.T, covariance[np.ix_(inner, outer)]], 1)
            )
            distance = np.einsum("ni,in->n", offset, pull[:, : len(rows)])
            weights[rows] = (_TAIL + len(inner)) / (_TAIL + distance)
            if len(outer):
                gain = pull[:, len(rows) :]
                filled[np.ix_(rows, outer)] = mean[outer] + offset @ gain
                left[np.ix_(outer, outer)] += len(rows) * (
                    covariance[np.ix_(outer, outer)] - covariance[np.ix_(outer, inner)] @ gain
                )
        mean = (weights[:, None] * filled).sum(axis=0) / weights.sum()
        offset = filled - mean
        sample = ((weights[:, None] * offset).T @ offset + left) / weights.sum()
        covariance = _shrunk(sample, num)
    return mean, covariance


def _shrunk(sample: np.ndarray, num: int) -> np.ndarray:
    """A covariance that few images can carry: correlations shrunk towards zero, and the reading's own scatter on top."""
    share = _SHRINK / (_SHRINK + num)
    return (1 - share) * sample + share * np.diag(np.diag(sample)) + _READING_SD_MM**2 * np.eye(len(sample))


def _median(values: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Median [N] of the counted values of each row [N, K]; numpy's own for NaN takes a hundred times as long."""
    ordered, num = np.sort(np.where(counted, values, np.inf), axis=1), counted.sum(axis=1)
    rows = np.arange(len(values))
    return (ordered[rows, (num - 1) // 2] + ordered[rows, num // 2]) / 2


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


def _squared(offset: np.ndarray, inner: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """Squared Mahalanobis distance [N] of offsets [N, K, 2] by these coordinates."""
    flat = offset.reshape(len(offset), -1)[:, inner]
    return ((flat @ precision) * flat).sum(axis=1)


def _same_rows(table: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Of bool [N, K] the numbers of rows that are the same, and the columns that are true in them."""
    patterns, of_row, num = np.unique(table, axis=0, return_inverse=True, return_counts=True)
    for pattern, rows in zip(patterns, np.split(np.argsort(of_row.ravel(), kind="stable"), np.cumsum(num)[:-1]), strict=True):
        yield rows, np.flatnonzero(pattern)


def _pairs(rows: np.ndarray) -> np.ndarray:
    """Positions of both coordinates of these landmarks in a flat shape."""
    return np.stack([2 * rows, 2 * rows + 1], axis=1).ravel()
