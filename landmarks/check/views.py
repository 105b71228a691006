"""Films of a set that lie otherwise than the others: mirrored or turned by their annotations, negative by their pixels."""

import numpy as np

from landmarks.formats.survey import Survey, mean_points
from landmarks.shape import ENOUGH_LANDMARKS, ShapeModel

KIND = "odd view"
# Points further out are slips of another kind, and nothing can be computed with 1e300; they are reported as outside.
FARTHEST_PX = 1e6
_LEAST_FILMS = 5
_USUAL_RADIUS = 60.0
# Heads fit the others' shape in their own view several times better than mirrored; readers tilt them by 30 degrees at most.
_CLEARLY_BETTER, _MOST_TILT = 0.6, 60.0
# Correlation of a thumbnail's local contrast with the mean of the others: 0.44 and more in the 300 films of ISBI 2015, 0.69
# and more in nine of Aariz; a negative has the opposite.
_NEGATIVE, _ALIKE = -0.15, 0.2


def check_views(survey: Survey) -> None:
    """Reports films whose annotation is mirrored or turned against most others; a set whose heads all look left is sound."""
    films = [film for film in survey.films if film.readers]
    points = np.array([mean_points(film) for film in films]).reshape(len(films), len(survey.landmarks.symbols), 2)
    points[np.abs(points) > FARTHEST_PX] = np.nan
    known = np.isfinite(points).all(axis=2)
    if len(films) < _LEAST_FILMS:
        return
    reference = int(known.sum(axis=1).argmax())
    columns = np.flatnonzero(known[reference])
    rows = np.flatnonzero(known[:, columns].sum(axis=1) >= ENOUGH_LANDMARKS)
    if len(rows) < _LEAST_FILMS or len(columns) < ENOUGH_LANDMARKS:
        return
    mean = points[reference][columns] - points[reference][columns].mean(axis=0)
    mean *= _USUAL_RADIUS / np.sqrt((mean**2).sum(axis=1).mean())
    model = ShapeModel(tuple(survey.landmarks.symbols[k] for k in columns), mean, np.eye(2 * len(columns)))
    sides = [_fit(model, points[np.ix_(rows, columns)] * side) for side in ((1, 1), (-1, 1))]
    apart, tilts = (np.stack([fit[n] for fit in sides]) for n in (0, 1))
    side = apart.argmin(axis=0)
    clear = apart.min(axis=0) < _CLEARLY_BETTER * apart.max(axis=0)
    usual = int(side[clear].sum() > clear.sum() / 2)
    tilt = np.take_along_axis(tilts, side[None], axis=0)[0]
    upright = np.median(tilt[clear & (side == usual)]) if (clear & (side == usual)).any() else 0.0
    for row, film_side, angle, sure in zip(rows, side, (tilt - upright + 180) % 360 - 180, clear, strict=True):
        words = ["mirrored"] if film_side != usual else []
        words += [f"turned by about {abs(angle):.0f} degrees"] if abs(angle) > _MOST_TILT else []
        if sure and words:
            name = films[row].image_id
            survey.add(KIND, f"{name}: {' and '.join(words)} against most films of the set; turn it, or exclude it", name)


def _fit(model: ShapeModel, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Median distance [N] of points [N, K, 2] from the model's mean after the best map, and its rotation [N] in degrees."""
    placed = model.place(points)
    away = np.linalg.norm(placed.apply(points) - model.mean, axis=2)
    return np.nanmedian(away, axis=1), np.degrees(np.arctan2(placed.linear[:, 1, 0], placed.linear[:, 0, 0]))


def check_negatives(survey: Survey, names: list[str], thumbnails: np.ndarray) -> None:
    """Reports films that look like the negative of the others.

    Args:
        thumbnails: [N, P] of unit length and zero mean: local contrast, so that brightness does not count.
    """
    if len(names) < _LEAST_FILMS:
        return
    total = thumbnails.sum(axis=0, dtype=np.float64)
    # thumbnail . others / |others|, where the others are the total without it
    along, own = thumbnails @ total.astype(thumbnails.dtype), np.einsum("np,np->n", thumbnails, thumbnails)
    likeness = (along - own) / np.sqrt(np.maximum(total @ total - 2 * along + own, 1e-18))
    if np.median(likeness) < _ALIKE:
        return
    for name, value in zip(names, likeness, strict=True):
        if value < _NEGATIVE:
            survey.add(KIND, f"{name}: looks like a negative of most films of the set; invert it, or exclude it", name)
