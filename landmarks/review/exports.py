"""What leaves the page: tables of points and measurements, and data sets in the formats that other tools read.

Films leave as PNG of their 8 bits under a case's number: no file name, no metadata, no patient key.
"""

import csv
import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from landmarks.formats import FORMATS
from landmarks.formats.survey import TRUTH, Film, Survey
from landmarks.formats.writing import named_formats
from landmarks.review import analysis
from landmarks.review.fields import SYMBOLS, by_hand
from landmarks.review.store import Store
from landmarks.schema import LandmarkSet

TABLES = ("csv", "json")
# Parts of the cases of a data set, by a hash of the patient: the test part stays the same however many cases are added,
# and no training sees it.
_TEST_SHARE, _VALID_SHARE = 0.2, 0.1


def formats() -> list[str]:
    """What can be exported: the two tables, and every format that writes any landmarks by name."""
    return [*TABLES, *named_formats()]


def split_of(store: Store, case: int, values: dict) -> str:
    """train, valid or test: by patient, so that films of one person are never in two parts."""
    checksum = store.rows("SELECT checksum FROM cases WHERE id = ?", (case,))[0]["checksum"]
    key = values.get("patient") or checksum or str(case)
    share = int.from_bytes(hashlib.sha256(key.encode()).digest()[:6], "big") / 2**48
    return "test" if share < _TEST_SHARE else "valid" if share < _TEST_SHARE + _VALID_SHARE else "train"


def shown_points(values: dict) -> dict[str, tuple[float, float]]:
    """Visible points (x, y) in source px by symbol, in the order of the landmark set."""
    points = {field[6:]: point for field, point in values.items() if field.startswith("point/") and point["visible"]}
    order = [*(symbol for symbol in SYMBOLS if symbol in points), *sorted(points.keys() - set(SYMBOLS))]
    return {symbol: (points[symbol]["x"], points[symbol]["y"]) for symbol in order}


def case_radii(values: dict) -> dict[str, float | None]:
    """Error radius by symbol: 0 for points by hand."""
    return {
        symbol: 0.0 if by_hand(values[f"point/{symbol}"]) else (values.get(f"auto/{symbol}") or {}).get("radius")
        for symbol in shown_points(values)
    }


def describe_case(store: Store, case: int) -> dict:
    """One case with its points, scale, measurements with intervals, and who changed what."""
    with store.snapshot():
        values, summary, history = store.values(case), store.summary(case), store.history(case)
    points, scale, radii = shown_points(values), values.get("scale"), case_radii(values)
    origin = scale["origin"] if scale else "unknown"
    film = analysis.make_tracing(points, (scale["sx"], scale["sy"]) if scale else None, origin, radii)
    coverage = next((v["coverage"] for k, v in values.items() if k.startswith("auto/") and v.get("coverage")), None)
    found = analysis.analyse(film, name="all", age=values.get("age"), sex=values.get("sex"), coverage=coverage)
    kept = ("name", "unit", "value", "half", "standing", "deviation")
    return {
        "case": case,
        "title": summary["title"],
        "state": summary["state"],
        **{key: values.get(key) for key in ("patient", "date", "age", "sex", "stage", "note", "signed", "model")},
        "scale": scale,
        "points": [
            {"symbol": symbol, "x": x, "y": y, "by": values[f"point/{symbol}"]["by"], "radius_px": radii[symbol]}
            for symbol, (x, y) in points.items()
        ],
        "hidden": [key[6:] for key, value in values.items() if key.startswith("point/") and not value["visible"]],
        "measurements": [{key: row[key] for key in kept} for row in found["rows"]],
        "history": [action for action in history if action["source"] == "hand"],
    }


def write_tables(store: Store, cases: list[int], name: str, target: Path) -> Path:
    """landmarks.json, or points.csv and measurements.csv in a zip."""
    if name == "json":
        target = target / "landmarks.json"
        target.write_text(json.dumps([describe_case(store, case) for case in cases], indent=1, ensure_ascii=False), "utf-8")
        return target
    points, measured = target / "points.csv", target / "measurements.csv"
    with points.open("w", newline="", encoding="utf-8") as first, measured.open("w", newline="", encoding="utf-8") as second:
        rows, values = csv.writer(first), csv.writer(second)
        rows.writerow(["case", "title", "symbol", "x", "y", "by", "radius_px"])
        values.writerow(["case", "title", "measurement", "unit", "value", "half_width", "standing", "deviation"])
        for case in cases:
            found = describe_case(store, case)
            about = [case, _cell(found["title"])]
            rows.writerows([*about, *map(_cell, point.values())] for point in found["points"])
            values.writerows([*about, *map(_cell, row.values())] for row in found["measurements"])
    return _zip(target, "landmarks-csv", [points, measured])


def _cell(value: object) -> object:
    """A title that a spreadsheet would take for a formula stays text."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") and value[1:] else value


def write_set(store: Store, cases: list[int], name: str, target: Path, draw: Callable[[int], bytes]) -> Path:
    """A data set in one of `formats`, zipped with its films; `draw` gives a case's PNG.

    Raises: DataError where the format cannot hold a case.
    """
    root = target / "set"
    fill_set(store, cases, name, root, draw)
    return _zip(target, f"landmarks-{name}", sorted(path for path in root.rglob("*") if path.is_file()), root)


def fill_set(store: Store, cases: list[int], name: str, root: Path, draw: Callable[[int], bytes]) -> None:
    """The same data set as files below `root`. Raises: DataError."""
    form = FORMATS[name]
    found = {case: store.values(case) for case in cases}
    used = {symbol for values in found.values() for symbol in shown_points(values)}
    symbols = tuple(symbol for symbol in SYMBOLS if symbol in used) or SYMBOLS[:1]
    survey = Survey(root=root, landmarks=LandmarkSet(name=name, symbols=symbols), splits=("train", "valid", "test"))
    for case, values in found.items():
        points, scale = shown_points(values), values.get("scale")
        placed = np.array([points.get(symbol, (np.nan, np.nan)) for symbol in symbols])
        film = Film(
            image_id=f"case_{case:05d}",
            path=root,
            split=split_of(store, case, values),
            pixel_size=(scale["sx"], scale["sy"]) if scale else None,
            readers={TRUTH: placed},
            size=(values["film"]["height"], values["film"]["width"]) if "film" in values else None,
        )
        path = root / f"{form.image_place(film)}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(draw(case))
        survey.films.append(_at(film, path))
    form.write(survey, root)


def corrected_cases(store: Store) -> dict[str, list[int]]:
    """Cases that a person has corrected or signed, by the part of a data set that they belong to."""
    rows = store.rows("SELECT id FROM cases WHERE state IN ('corrected', 'signed') AND missing = 0 ORDER BY id")
    parts: dict[str, list[int]] = {"train": [], "valid": [], "test": []}
    for row in rows:
        parts[split_of(store, row["id"], store.values(row["id"]))].append(row["id"])
    return parts


def _at(film: Film, path: Path) -> Film:
    return Film(image_id=film.image_id, path=path, split=film.split, pixel_size=film.pixel_size, readers=film.readers,
                size=film.size)  # fmt: skip


def _zip(target: Path, name: str, files: list[Path], root: Path | None = None) -> Path:
    packed = target / f"{name}.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for file in files:
            archive.write(file, file.relative_to(root or target).as_posix())
    return packed
