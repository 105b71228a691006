"""Landmarks that a model does not know, learned from a few films: each moves as the model's own landmarks around it do.

Shapes: N films, K landmarks of the model, M further ones. Millimetres are those of the shape model's frame.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from landmarks.habit import heads
from landmarks.prediction import Prediction
from landmarks.schema import LandmarkSet, landmarks_from_dict, landmarks_to_dict
from landmarks.shape import ShapeModel, Similarity

# Fewer films than this do not say where a landmark lies.
LEAST_FILMS = 3
# Deviations of two landmarks from the mean head correlate by a Gaussian of their distance; a point has this scatter of its
# own (mm). Chosen on ISBI's training images (docs/results/robustness.md).
_REACH_MM, _OWN_MM = 50.0, 1.0
# A film whose point lies this far from the others' (mm) has almost no weight.
_FAR_MM = 8.0
# What is assumed of the error along an axis before any film is seen, mm, and with how many films' weight.
_SCATTER_MM, _WEIGHT = 2.5, 4.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Further:
    """Where M landmarks lie in the mean head, and how far off they are when the others place them."""

    landmarks: LandmarkSet
    mean_mm: np.ndarray
    """[M, 2]."""
    scatter_mm: np.ndarray
    """[M], standard deviation of the error along an axis."""

    def to_dict(self) -> dict:
        return {
            "landmarks": landmarks_to_dict(self.landmarks),
            "mean_mm": np.round(self.mean_mm, 4).tolist(),
            "scatter_mm": np.round(self.scatter_mm, 4).tolist(),
        }

    @classmethod
    def from_dict(cls, plain: dict) -> "Further":
        """Raises: KeyError or ValueError where it is none."""
        landmarks = landmarks_from_dict(plain["landmarks"])
        mean, scatter = np.array(plain["mean_mm"], dtype=float), np.array(plain["scatter_mm"], dtype=float)
        if mean.shape != (len(landmarks), 2) or scatter.shape != (len(landmarks),):
            raise ValueError(f"further landmarks: {len(landmarks)}, mean {mean.shape}, scatter {scatter.shape}")
        return cls(landmarks=landmarks, mean_mm=mean, scatter_mm=scatter)


def fit_further(
    shape: ShapeModel, symbols: tuple[str, ...], found: Prediction, landmarks: LandmarkSet, true_px: np.ndarray
) -> Further:
    """Where readers put landmarks that the model does not know, relative to what it finds.

    Args:
        shape: of at least five of the K landmarks.
        symbols: of the K landmarks.
        found: what the model found in these films.
        landmarks: the M further ones, each annotated in at least one film.
        true_px: [N, M, 2], NaN where a reader put no point.
    """
    stand = _Heads.of(shape, symbols, found)
    points_mm = stand.placed.apply(true_px * stand.facing)
    mean, scatter = np.zeros((len(landmarks), 2)), np.zeros(len(landmarks))
    for m in range(len(landmarks)):
        seen = np.isfinite(points_mm[:, m]).all(axis=1)
        pull = _pull(stand.model, np.median(points_mm[seen, m], axis=0))
        rest = (points_mm[:, m] - stand.moved(pull))[seen]
        away = np.linalg.norm(rest - np.median(rest, axis=0), axis=1)
        weights = 1 / (1 + (away / _FAR_MM) ** 2) ** 2
        mean[m] = (weights[:, None] * rest).sum(axis=0) / weights.sum()
        num, squares = weights.sum(), (weights[:, None] * (rest - mean[m]) ** 2).sum() / 2
        variance = (squares + _WEIGHT * _SCATTER_MM**2) / (max(num - 1, 0) + _WEIGHT)
        scatter[m] = np.sqrt(variance * (1 + 1 / num))
    return Further(landmarks=landmarks, mean_mm=mean, scatter_mm=scatter)


def place_further(further: Further, shape: ShapeModel, symbols: tuple[str, ...], found: Prediction) -> Prediction:
    """The M further landmarks of the same films, each where the K that a model found put it: all of them inferred.

    Example:
        every = found.beside(place_further(further, shape, symbols, found))
    """
    stand = _Heads.of(shape, symbols, found)
    expected = [mean + stand.moved(_pull(stand.model, mean)) for mean in further.mean_mm]
    points_px = stand.placed.back(np.stack(expected, axis=1)) * stand.facing
    spread_px = further.scatter_mm / stand.placed.mm_per_px[:, None]
    return Prediction(
        points_px=points_px,
        peaks=np.zeros(spread_px.shape),
        spread_px=spread_px,
        outside=np.ones(spread_px.shape),
        target_px=found.target_px,
        inferred_px=spread_px,
    )


def _pull(model: ShapeModel, mean_mm: np.ndarray) -> np.ndarray:
    """How much of each landmark's deviation from the mean head one at `mean_mm` takes part in, [K] (simple kriging)."""
    variance = np.diag(model.covariance).mean()
    apart = np.linalg.norm(model.mean[:, None] - model.mean, axis=2)
    among = variance * np.exp(-((apart / _REACH_MM) ** 2) / 2) + _OWN_MM**2 * np.eye(len(model.mean))
    away = np.linalg.norm(model.mean - mean_mm, axis=1)
    return np.linalg.solve(among, variance * np.exp(-((away / _REACH_MM) ** 2) / 2))


class _Heads(NamedTuple):
    """How the heads of N films stand, and what their landmarks deviate from the mean head."""

    model: ShapeModel
    placed: Similarity
    facing: np.ndarray
    offset_mm: np.ndarray
    """[N, K, 2]."""

    @classmethod
    def of(cls, shape: ShapeModel, symbols: tuple[str, ...], found: Prediction) -> "_Heads":
        model, (placed, facing) = shape.select(symbols), heads(shape, symbols, found)
        columns = [symbols.index(symbol) for symbol in model.symbols]
        return cls(model, placed, facing, placed.apply(found.points_px[:, columns] * facing) - model.mean)

    def moved(self, pull: np.ndarray) -> np.ndarray:
        """[N, 2] mm: how far these deviations pull a landmark along."""
        return np.einsum("nki,k->ni", self.offset_mm, pull)
