"""predictions.json: the points of films as a program writes them and analyses read them.

    {"version": 1, "films": [{
        "image": "head.png",                    path, from this file's folder where it is not absolute
        "points": {"S": [x, y], "N": [x, y]},   source px
        "radius_px": {"S": 12.3},               optional: within it with the calibrated probability
        "corrected": ["S"],                     optional: placed by a person
        "pixel_size": [sx, sy],                 optional, mm
        "pixel_size_origin": "calibrated",      optional, a key of SCALE_ORIGINS
        "enlargement": 1.1,                     optional: of mm at the detector
        "age": 12, "sex": "women"               optional
    }]}
Other keys are left alone.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from landmarks.tracing.points import SCALE_ORIGINS, Tracing

_SEXES = {"f": "women", "m": "men", "women": "women", "men": "men"}


class TracingError(ValueError):
    """A file of points that cannot be used; the message names the file and the film."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredFilm:
    """A film of a predictions.json."""

    tracing: Tracing
    image: Path | None
    age: float | None
    sex: str | None
    """women or men."""


def read_tracings(path: Path) -> tuple[StoredFilm, ...]:
    """The films of a predictions.json, in its order. Raises: TracingError.

    Example:
        film = read_tracings(Path("found/predictions.json"))[0].tracing
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise TracingError(f"{path}: cannot be read as JSON ({error})") from error
    films = content.get("films") if isinstance(content, dict) else None
    if not isinstance(films, list) or not films:
        raise TracingError(f"{path}: no films; it needs {{'films': [...]}}, as predict writes it")
    return tuple(_film(row, path, number) for number, row in enumerate(films, start=1))


def write_tracings(path: Path, films: Sequence[StoredFilm]) -> None:
    """A predictions.json of these films; images are written as paths from its folder where they lie below it."""
    rows = []
    for film in films:
        tracing, image = film.tracing, film.image
        if image is not None and image.resolve().is_relative_to(path.parent.resolve()):
            image = image.resolve().relative_to(path.parent.resolve())
        elif image is not None:
            image = image.resolve()
        row = {
            "image": None if image is None else str(image),
            "points": dict(zip(tracing.symbols, map(_written, tracing.points_px), strict=True)),
        }
        if tracing.radius_px is not None:
            row["radius_px"] = {s: _written(r) for s, r in zip(tracing.symbols, tracing.radius_px, strict=True)}
        row |= {"corrected": sorted(tracing.corrected), "pixel_size": tracing.pixel_size, "pixel_size_origin": tracing.origin}
        optional = {"enlargement": tracing.enlargement, "age": film.age, "sex": film.sex}
        rows.append(row | {key: value for key, value in optional.items() if value is not None})
    path.write_text(json.dumps({"version": 1, "films": rows}, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _written(value: np.ndarray | float) -> list[float] | float | str | None:
    """A point or a radius as JSON knows it: two decimals, null where unknown, "infinite"."""
    if np.ndim(value):
        return None if np.isnan(value).any() else [round(float(v), 2) for v in value]
    return None if math.isnan(value) else "infinite" if math.isinf(value) else round(float(value), 2)


def _film(row: object, path: Path, number: int) -> StoredFilm:
    where = f"{path}: film {number}"
    if not isinstance(row, dict) or not isinstance(row.get("points"), dict) or not row["points"]:
        raise TracingError(f"{where}: no points; write {{'points': {{'S': [x, y], ...}}}}")
    symbols = tuple(str(symbol) for symbol in row["points"])
    points = np.array([_pair(value, f"{where}: {symbol}") for symbol, value in row["points"].items()], dtype=float)
    radii = row.get("radius_px")
    if radii is not None and not isinstance(radii, dict):
        raise TracingError(f"{where}: radius_px: found {type(radii).__name__}; write {{'S': 12.3, ...}}")
    radius = None if radii is None else np.array([_radius(radii.get(s), f"{where}: radius of {s}") for s in symbols])
    size, origin = _scale(row, where)
    image = row.get("image")
    if image is not None and not isinstance(image, str):
        raise TracingError(f"{where}: image: found {type(image).__name__}; write a path")
    corrected = row.get("corrected", [])
    if not isinstance(corrected, list) or not set(map(str, corrected)) <= set(symbols):
        raise TracingError(f"{where}: corrected: found {corrected}; write symbols of its points")
    sex = row.get("sex")
    if sex is not None and str(sex).lower() not in _SEXES:
        raise TracingError(f"{where}: sex: found {sex!r}; write women, men, or leave it out")
    tracing = Tracing(
        name=Path(image).stem if image else f"film {number}",
        symbols=symbols,
        points_px=points,
        radius_px=radius,
        corrected=frozenset(map(str, corrected)),
        pixel_size=size,
        origin=origin,
        enlargement=_number(row, "enlargement", where, 0.8, 2.0),
    )
    age = _number(row, "age", where, 0, 120)
    image_path = None if image is None else (path.parent / image if not Path(image).is_absolute() else Path(image))
    return StoredFilm(tracing=tracing, image=image_path, age=age, sex=_SEXES[str(sex).lower()] if sex else None)


def _scale(row: dict, where: str) -> tuple[tuple[float, float] | None, str]:
    size, origin = row.get("pixel_size"), row.get("pixel_size_origin", "stated by the file")
    if origin not in SCALE_ORIGINS:
        raise TracingError(f"{where}: pixel_size_origin: found {origin!r}; write one of {', '.join(SCALE_ORIGINS)}")
    if size is None:
        return None, "unknown"
    size = _pair(size, f"{where}: pixel_size")
    if not all(0.001 <= v <= 10 for v in size):
        raise TracingError(f"{where}: pixel_size: found {list(size)}; write [sx, sy] in mm")
    return size, origin


def _pair(value: object, where: str) -> tuple[float, float]:
    if value is None:
        return (math.nan, math.nan)
    if isinstance(value, list) and len(value) == 2 and all(_is_number(v) for v in value):
        return (float(value[0]), float(value[1]))
    raise TracingError(f"{where}: found {value!r}; write two numbers")


def _radius(value: object, where: str) -> float:
    if value is None:
        return math.nan
    if value == "infinite":
        return math.inf
    if _is_number(value) and value >= 0:
        return float(value)
    raise TracingError(f'{where}: found {value!r}; write px, or "infinite"')


def _number(row: dict, key: str, where: str, low: float, high: float) -> float | None:
    value = row.get(key)
    if value is None:
        return None
    if _is_number(value) and low <= value <= high:
        return float(value)
    raise TracingError(f"{where}: {key}: found {value!r}; write a number from {low:g} to {high:g}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
