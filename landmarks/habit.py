"""A clinic's habit: how far, landmark by landmark, its readers' points lie from a model's, on average.

Shapes: N films, K landmarks. Offsets are in mm of the shape model's frame, in which heads have no position, rotation and
facing; they are shrunk towards zero, the more so the fewer films there are.
"""

from dataclasses import dataclass, fields

import numpy as np

from landmarks.prediction import Prediction
from landmarks.shape import ENOUGH_LANDMARKS, ShapeModel, Similarity

# A film whose difference lies this far from the others' (mm) has almost no weight.
_FAR_MM = 4.0
# What is assumed before any film is seen: scatter of a point along an axis, mm, and with how many films' weight.
_SCATTER_MM, _WEIGHT = 1.5, 4.0
# Smallest spread of habits over landmarks, mm: a clinic may differ at one landmark alone.
_LEAST_SPREAD_MM = 0.3


@dataclass(frozen=True, kw_only=True, slots=True)
class Habit:
    """What is added to a model's points."""

    symbols: tuple[str, ...]
    offset_mm: np.ndarray
    """[K, 2]."""
    num_films: int

    def to_dict(self) -> dict:
        return {
            "symbols": list(self.symbols),
            "offset_mm": np.round(self.offset_mm, 4).tolist(),
            "num_films": self.num_films,
        }

    @classmethod
    def from_dict(cls, plain: dict) -> "Habit":
        """Raises: KeyError or ValueError where it is none."""
        offset = np.array(plain["offset_mm"], dtype=float).reshape(-1, 2)
        if len(offset) != len(plain["symbols"]):
            raise ValueError(f"habit: {len(offset)} offsets of {len(plain['symbols'])} landmarks")
        return cls(symbols=tuple(plain["symbols"]), offset_mm=offset, num_films=int(plain["num_films"]))


def fit_habit(shape: ShapeModel, symbols: tuple[str, ...], found: Prediction, true_px: np.ndarray) -> Habit:
    """The habit of the readers of N films.

    Args:
        shape: of at least five of the K landmarks; its frame is the head's.
        symbols: of the K landmarks.
        found: what the model found in these films.
        true_px: [N, K, 2], where the readers put the points; NaN where they put none.
    """
    placed, facing = heads(shape, symbols, found)
    difference = placed.apply(true_px * facing) - placed.apply(found.points_px * facing)
    offset = np.zeros((len(symbols), 2))
    counts, variances = np.zeros(len(symbols)), np.zeros(len(symbols))
    for k in range(len(symbols)):
        seen = difference[np.isfinite(difference[:, k]).all(axis=1), k]
        if not len(seen):
            continue
        away = np.linalg.norm(seen - np.median(seen, axis=0), axis=1)
        weights = 1 / (1 + (away / _FAR_MM) ** 2) ** 2
        offset[k] = (weights[:, None] * seen).sum(axis=0) / weights.sum()
        scatter = (weights[:, None] * (seen - offset[k]) ** 2).sum() / 2
        counts[k] = weights.sum()
        variances[k] = (scatter + _WEIGHT * _SCATTER_MM**2) / (max(counts[k] - 1, 0) + _WEIGHT) / counts[k]
    known = counts > 0
    spread = np.mean((offset[known] ** 2).mean(axis=1) - variances[known]) if known.any() else 0.0
    spread = max(float(spread), _LEAST_SPREAD_MM**2)
    share = np.where(known, spread / (spread + variances), 0)
    return Habit(symbols=symbols, offset_mm=offset * share[:, None], num_films=len(found))


def with_habit(habit: Habit, shape: ShapeModel, symbols: tuple[str, ...], found: Prediction) -> Prediction:
    """The prediction with the habit added; all but the points stays as it is."""
    offset = np.zeros((len(symbols), 2))
    for k, symbol in enumerate(symbols):
        if symbol in habit.symbols:
            offset[k] = habit.offset_mm[habit.symbols.index(symbol)]
    placed, facing = heads(shape, symbols, found)
    moved = placed.back(placed.apply(found.points_px * facing) + offset) * facing
    return Prediction(**{f.name: getattr(found, f.name) for f in fields(found)} | {"points_px": moved})


def heads(shape: ShapeModel, symbols: tuple[str, ...], found: Prediction) -> tuple[Similarity, np.ndarray]:
    """Where the heads of N films stand, and (1 or -1, 1) [N, 1, 2] as they face the way of the model or the other."""
    model = shape.select(symbols)
    assert len(model.symbols) >= ENOUGH_LANDMARKS, "a habit needs a shape model of five landmarks or more"
    columns = [symbols.index(symbol) for symbol in model.symbols]
    points, trust = found.points_px[:, columns], np.clip(found.peaks[:, columns], 0.05, 1)
    facing = np.stack([model.facing(p, t) for p, t in zip(points, trust, strict=True)])[:, None]
    return model.place(points * facing, trust), facing
