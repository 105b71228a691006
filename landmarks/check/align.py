"""All images' points aligned with the mean head, and the landmarks in them that no head has there."""

from dataclasses import dataclass

import numpy as np

from landmarks.check.views import FARTHEST_PX, KIND
from landmarks.formats.survey import Film, Survey
from landmarks.lateral_shape import lateral_shape
from landmarks.shape import ShapeModel

# Below this many images a data set says nothing about its own habits, and the stored statistics stand alone.
ENOUGH = 20
_LEAST_MODELLED = 8
# Six standard deviations: of 27 landmarks in 1,000 sound heads fewer than one is that far out. Real annotations have
# wider tails, so a landmark must be off by millimetres as well.
FAR_OUT, FAR_OUT_MM = 6.0, 6.0


@dataclass(slots=True)
class Shapes:
    """All images' points of one reader, aligned with the mean head."""

    reader: str
    films: list[Film]
    points_mm: np.ndarray
    """[N, K, 2] in the order of `columns`."""
    mm_per_px: np.ndarray
    """[N], by the size of the head, not by the data set's pixel size."""
    model: ShapeModel
    columns: list[int]
    """Of the data set's landmarks those that the model knows."""
    habit: np.ndarray
    """[K]: how much more (or less) this data set spreads than the model's."""
    core_habit: np.ndarray
    """[K]: the same by the nearer three quarters of its images, which exchanged landmarks in a fifth of them leave alone."""


def align_all(survey: Survey, reader: str) -> Shapes | None:
    symbols = survey.landmarks.symbols
    model = lateral_shape().select(symbols)
    columns = [symbols.index(s) for s in model.symbols]
    enough = min(_LEAST_MODELLED, 1 + len(columns))
    odd = {name for finding in survey.findings if finding.kind == KIND for name in finding.images}
    films = [e for e in survey.films if reader in e.readers and e.image_id not in odd]
    films = [e for e in films if _num_points(e.readers[reader][columns]) >= enough]
    if len(columns) < _LEAST_MODELLED or not films:
        return None
    known = np.stack([film.readers[reader][columns] for film in films])
    known[np.abs(known).max(axis=2) > FARTHEST_PX] = np.nan
    for _ in range(2 if len(films) >= ENOUGH else 1):
        points, scales = model.align(known)
        if len(films) >= ENOUGH:
            # readers and data sets place some landmarks differently: their own habit is no defect
            typical = np.nanmedian(points, axis=0) if np.isfinite(points).any(axis=0).all() else model.mean
            model = ShapeModel(model.symbols, typical, model.covariance)
    sizes = model.surprise(points, np.isfinite(points).all(axis=2))[1] ** 0.5
    habit, core_habit = np.ones(len(columns)), np.ones(len(columns))
    if len(films) >= ENOUGH:
        # medians, 75 % and 90 % points of the length of a two-dimensional normal vector: 1.18, 1.67 and 2.15
        seen = np.isfinite(sizes).any(axis=0)
        middle, most, high = np.nanquantile(sizes[:, seen], (0.5, 0.75, 0.9), axis=0)
        habit[seen] = np.maximum(np.maximum(middle / 1.18, high / 2.15), 0.4)
        core_habit[seen] = np.maximum(np.maximum(middle / 1.18, most / 1.67), 0.4)
    return Shapes(reader, films, points, scales, model, columns, habit, core_habit)


def _num_points(points: np.ndarray) -> int:
    return int(np.isfinite(points).all(axis=1).sum())


def believable(shapes: Shapes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Takes out each image's most surprising landmark until none is far out.

    Returns: which landmarks are left, bool [N, K]; each one's deviation [N, K, 2] in mm and its size [N, K] in standard
    deviations.
    """
    points = shapes.points_mm
    kept = np.isfinite(points).all(axis=2)
    deviation, size = np.full(points.shape, np.nan), np.full(kept.shape, np.nan)
    left = np.arange(len(points))
    for _ in range(points.shape[1] // 2):
        deviation[left], squared = shapes.model.surprise(points[left], kept[left])
        size[left] = np.sqrt(squared) / shapes.habit
        far = np.where(kept[left] & (np.linalg.norm(deviation[left], axis=2) > FAR_OUT_MM), size[left], 0)
        worst = far.argmax(axis=1)
        further = far.max(axis=1) > FAR_OUT
        left, worst = left[further], worst[further]
        if not len(left):
            break
        kept[left, worst] = False
    return kept, deviation, size
