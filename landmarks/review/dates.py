"""Two cases laid over each other for the page."""

import numpy as np

from landmarks.review.analysis import make_tracing
from landmarks.review.exports import case_radii, shown_points
from landmarks.review.fields import FieldError
from landmarks.review.store import Store
from landmarks.superimposition import REFERENCES, superimpose
from landmarks.tracing import Tracing
from landmarks.uncertainty import ErrorModel

__all__ = ["REFERENCES", "compare"]

_UNITS = {"deg": "°", "mm": " mm", "%": " %"}


def compare(store: Store, first: int, second: int, reference: str) -> dict:
    """Movements with intervals, changes, both films' points in the first film's px, and the map between the films.

    Raises: SuperimpositionError, a ValueError, where the films lack a scale or landmarks.
    """
    films = [_tracing(store, case) for case in (first, second)]
    values = [store.values(case) for case in (first, second)]
    coverages = [_coverage(found) for found in values]
    errors = ErrorModel(symbols=films[0].symbols, coverage=coverages[0]) if all(coverages) else None
    found = superimpose(*films, REFERENCES[reference], errors=errors)
    placed = found.second_in_first_px
    return {
        "movements": [
            {key: getattr(move, key) for key in ("symbol", "forward", "down", "distance", "forward_half", "down_half",
                                                 "distance_half")}
            for move in found.movements
        ],
        "changes": [
            {"name": row.measurement.name, "unit": _UNITS[row.measurement.unit], "before": row.before, "after": row.after,
             "change": row.change, "half": row.half_width}
            for row in found.changes
            if np.isfinite(row.before) and np.isfinite(row.after)
        ],
        "first_points": _plain(films[0]),
        "second_points": _plain(placed),
        "matrix": _between(films[1], placed),
        "size": values[0]["film"],
        "second_size": values[1]["film"],
    }  # fmt: skip


def _tracing(store: Store, case: int) -> Tracing:
    values = store.values(case)
    scale, points = values.get("scale"), shown_points(values)
    if scale is None:
        raise FieldError(f"{store.summary(case)['title']}: set its scale first, with the ruler or by its pixel size")
    return make_tracing(points, (scale["sx"], scale["sy"]), scale["origin"], case_radii(values))


def _coverage(values: dict) -> float | None:
    return next((v["coverage"] for key, v in values.items() if key.startswith("auto/") and v.get("coverage")), None)


def _plain(film: Tracing) -> dict[str, list[float]]:
    return {symbol: film[symbol].round(2).tolist() for symbol in film.known}


def _between(second: Tracing, placed: Tracing) -> list[float]:
    """Affine map (a, b, c, d, e, f of SVG) from the second film's px to the first one's, from the points in both."""
    source = np.array([[*second[symbol], 1.0] for symbol in placed.known])
    target = np.array([placed[symbol] for symbol in placed.known])
    solved = np.linalg.lstsq(source, target, rcond=None)[0]
    return solved.ravel().round(8).tolist()
