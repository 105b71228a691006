"""What a model finds in films: one type, whoever asks for it and whatever runs the network.

Shapes: N films, K landmarks. Points are (x, y) in source px. A film that could not be read has NaN in every row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np

from landmarks.geometry import HEATMAP_STRIDE, apply_map, heatmap_to_input


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """Landmarks of N films, with what their maps say about the error.

    Example:
        found = predictor("head.png")
        x, y = found.points_px[0, predictor.landmarks.index("S")]
    """

    points_px: np.ndarray
    """float64 [N, K, 2], source px."""
    peaks: np.ndarray
    """float64 [N, K], height of each map's peak; near 1 where the network is sure."""
    spread_px: np.ndarray
    """float64 [N, K], source px: standard deviation along one axis of the Gaussian fitted to the peak."""
    outside: np.ndarray
    """float64 [N, K], 0 to 1: part of the map's mass outside the peak."""
    target_px: np.ndarray
    """float64 [N], source px: standard deviation of the Gaussian that the network was trained to draw."""
    inferred_px: np.ndarray
    """float64 [N, K], source px: standard deviation of a point that the other landmarks placed; 0 where its map did."""

    def __len__(self) -> int:
        return len(self.points_px)

    @classmethod
    def unknown(cls, num: int, num_landmarks: int) -> "Prediction":
        """NaN for `num` films, to be filled by `put`."""
        size = (num, num_landmarks)
        return cls(
            points_px=np.full((*size, 2), np.nan),
            peaks=np.full(size, np.nan),
            spread_px=np.full(size, np.nan),
            outside=np.full(size, np.nan),
            target_px=np.full(num, np.nan),
            inferred_px=np.full(size, np.nan),
        )

    @classmethod
    def of_points(cls, points_px: np.ndarray, *, target_px: float = 1.0) -> "Prediction":
        """Points [N, K, 2] that come without maps, as those of a person do: each counts as certain."""
        size = points_px.shape[:2]
        return cls(
            points_px=np.asarray(points_px, dtype=float),
            peaks=np.ones(size),
            spread_px=np.full(size, target_px),
            outside=np.zeros(size),
            target_px=np.full(size[0], target_px),
            inferred_px=np.zeros(size),
        )

    def put(self, rows: np.ndarray, part: "Prediction", chosen: np.ndarray) -> None:
        """Writes the films of `part` that `chosen` [B] marks into these rows, in place."""
        for field in fields(self):
            getattr(self, field.name)[rows[chosen]] = getattr(part, field.name)[chosen]

    def merge(self, over_ranks: Callable[[np.ndarray], np.ndarray]) -> "Prediction":
        """The rows of all processes; `over_ranks` merges an array whose rows of other ranks are NaN."""
        return Prediction(**{field.name: over_ranks(getattr(self, field.name)) for field in fields(self)})

    @classmethod
    def joined(cls, parts: Sequence["Prediction"]) -> "Prediction":
        """The films of several predictions, one after the other."""
        return cls(**{field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)})

    def beside(self, others: "Prediction") -> "Prediction":
        """The same films with further landmarks after these."""
        pairs = {field.name: (getattr(self, field.name), getattr(others, field.name)) for field in fields(self)}
        return Prediction(**{name: a if a.ndim == 1 else np.concatenate([a, b], axis=1) for name, (a, b) in pairs.items()})

    def films(self, rows: Sequence[int] | np.ndarray) -> "Prediction":
        """These films alone, in this order."""
        rows = np.asarray(rows)
        return Prediction(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    def select(self, columns: Sequence[int]) -> "Prediction":
        """The same films with these landmarks alone, in this order."""
        columns = list(columns)
        return Prediction(
            points_px=self.points_px[:, columns],
            peaks=self.peaks[:, columns],
            spread_px=self.spread_px[:, columns],
            outside=self.outside[:, columns],
            target_px=self.target_px,
            inferred_px=self.inferred_px[:, columns],
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Decoded:
    """What the maps of B network inputs say, in heatmap px."""

    points_hm: np.ndarray
    """[B, K, 2]."""
    peaks: np.ndarray
    """[B, K], height of the highest pixel."""
    variance: np.ndarray
    """[B, K], heatmap px^2 along one axis, of the Gaussian fitted to the peak."""
    outside: np.ndarray
    """[B, K], 0 to 1: part of the map's mass outside the peak."""


NO_SHIFT = ((0, 0),)


def predict_points(
    views: Sequence[Decoded], to_source: np.ndarray, sigma: float, shifts: Sequence[tuple[int, int]] = NO_SHIFT
) -> Prediction:
    """Decoded maps -> landmarks in source px; training, evaluation, the page and ONNX share this function.

    Args:
        views: each film seen once, or several times with its content moved; the mean over the views counts.
        to_source: [B, 2, 3], maps input px -> source px.
        sigma: heatmap px, of the Gaussian that the network was trained to draw.
        shifts: (dx, dy) input px by which each view was moved.
    """
    points_in = heatmap_to_input(_mean([view.points_hm for view in views])) - np.mean(shifts, axis=0)
    # source px per heatmap px; letterboxing keeps the aspect, so one number serves both axes
    stretch = HEATMAP_STRIDE * np.sqrt(np.abs(np.linalg.det(to_source[:, :, :2])))
    return Prediction(
        points_px=np.stack([apply_map(map_23, points) for map_23, points in zip(to_source, points_in, strict=True)]),
        peaks=_mean([view.peaks for view in views]),
        spread_px=np.sqrt(_mean([view.variance for view in views])) * stretch[:, None],
        outside=_mean([view.outside for view in views]),
        target_px=sigma * stretch,
        inferred_px=np.zeros(views[0].peaks.shape),
    )


def _mean(views: Sequence[np.ndarray]) -> np.ndarray:
    return np.stack([view.astype(float) for view in views]).mean(axis=0)
