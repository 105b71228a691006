"""A user's own data: a folder with images/ and landmarks.csv; data/README.md shows an example."""

import csv
import math
from pathlib import Path

import numpy as np

from landmarks.formats.csvfile import Rows, read_csv
from landmarks.formats.manifest import Manifest
from landmarks.formats.records import DataError
from landmarks.formats.survey import TRUTH, Film, Survey, mean_points, one_pixel_size
from landmarks.radiograph import image_files
from landmarks.schema import GROUPS, LandmarkSet

LANDMARKS = None  # the header names them
KEEPS = ("device", "pixel_size", "split")
_EXTRA = ("image", "pixel_size", "device", "split")
_DECIMALS = 6


def scan(root: Path) -> Survey:
    """The rows of landmarks.csv with their images. Raises: DataError where the table cannot be read as one."""
    path = root / "landmarks.csv"
    if not path.is_file():
        raise DataError(f"{path}: no such file; a table data set is a folder with images/ and landmarks.csv")
    landmarks, rows = _read_rows(path)
    splits = {row.get("split", "") or "all" for _, row in rows}
    survey = Survey(root=root, landmarks=landmarks, splits=() if splits == {"all"} else tuple(sorted(splits)))
    manifest = Manifest(root)
    for line, row in rows:
        _scan_row(survey, row, f"{path}, line {line}", manifest)
    listed = {film.path for film in survey.films}
    for image in image_files(root / "images", below=True) if (root / "images").is_dir() else []:
        if image not in listed:
            error = f"{image}: image without a row in landmarks.csv; add the row or remove the image"
            survey.add("annotation missing", f"{image.stem}: no row in landmarks.csv", image.stem, error=error)
    return survey


def image_place(film: Film) -> str:
    """Where a film's image lies below the root, without suffix."""
    return f"images/{film.image_id}"


def write(survey: Survey, root: Path) -> None:
    """landmarks.csv, for films whose images lie below `root`/images. Raises: DataError."""
    columns = [f"{symbol}_{axis}" for symbol in survey.landmarks.symbols for axis in "xy"]
    columns = ["image", *columns, "pixel_size", "device"] + (["split"] if survey.splits else [])
    rows = []
    for film in survey.films:
        size = one_pixel_size(film, "table")
        row = {"image": film.path.relative_to(root / "images").as_posix(), "device": film.device, "split": film.split}
        row["pixel_size"] = "" if size is None else repr(size)
        for symbol, point in zip(survey.landmarks.symbols, mean_points(film), strict=True):
            known = np.isfinite(point).all()
            row |= {f"{symbol}_{axis}": repr(round(float(v), _DECIMALS)) if known else ""
                    for axis, v in zip("xy", point, strict=True)}  # fmt: skip
        rows.append(row)
    with (root / "landmarks.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _read_rows(path: Path) -> tuple[LandmarkSet, Rows]:
    """What the table's header names, and the rows as they stand in the file. Raises: DataError."""
    columns, rows = read_csv(path, ("image",), "the header is image,<symbol>_x,<symbol>_y,...")
    symbols = [column[:-2] for column in columns if column.endswith("_x")]
    for column in columns:
        if column not in _EXTRA and (column[-2:] not in ("_x", "_y") or column[:-2] not in symbols):
            raise DataError(f"{path}: column '{column}' has no partner; each landmark has <symbol>_x and <symbol>_y")
    for symbol in symbols:
        if f"{symbol}_y" not in columns:
            raise DataError(f"{path}: no column '{symbol}_y' beside '{symbol}_x'")
    if not symbols:
        raise DataError(f"{path}: no landmark columns; write <symbol>_x and <symbol>_y")
    if not rows:
        raise DataError(f"{path}: no rows")
    return LandmarkSet(name="table", symbols=tuple(symbols), groups=GROUPS), rows


def _scan_row(survey: Survey, row: dict[str, str], where: str, manifest: Manifest) -> None:
    path = survey.root / "images" / row["image"]
    if not path.is_file():
        error = f"{where}: no image {path}; add the image or remove the row"
        survey.add("image missing", f"{row['image']}: a row, but no image", Path(row["image"] or "?").stem, error=error)
        return
    resized = survey.sizes_before(manifest, path, path.stem)
    film = Film(
        image_id=path.stem,
        path=path,
        split=row.get("split") or "all",
        device=row.get("device") or "unknown",
        pixel_size=_scan_pixel_size(survey, row, where, path.stem, resized.stretch if resized else (1.0, 1.0)),
        readers={TRUTH: _scan_points(survey, row, where, path.stem)},
        resized=resized,
    )
    survey.films.append(film)


def _scan_points(survey: Survey, row: dict[str, str], where: str, name: str) -> np.ndarray:
    symbols, broken = survey.landmarks.symbols, set()
    points = np.full((len(symbols), 2), np.nan)
    for k, symbol in enumerate(symbols):
        try:
            points[k] = [_read_number(row, f"{symbol}_{axis}", where) for axis in "xy"]
        except DataError as error:
            broken.add(symbol)
            survey.add("broken cell", f"{name}: {error}", name, symbols=(symbol,), error=str(error))
    unset = (points == -1).all(axis=1)
    survey.unset_points(name, tuple(np.array(symbols)[unset].tolist()))
    gaps = np.isnan(points).any(axis=1)
    survey.missing_points(name, tuple(s for s, gap in zip(symbols, gaps, strict=True) if gap and s not in broken))
    points[unset | gaps] = np.nan
    return points


def _scan_pixel_size(
    survey: Survey, row: dict[str, str], where: str, name: str, stretch: tuple[float, float]
) -> tuple[float, float] | None:
    try:
        size = _read_number(row, "pixel_size", where)
        if size <= 0:
            raise DataError(f"{where}: pixel_size is {size:g}; write millimetres above 0, or leave it empty")
    except DataError as error:
        survey.add("broken cell", f"{name}: {error}", name, error=str(error))
        return None
    return None if math.isnan(size) else (size * stretch[0], size * stretch[1])


def _read_number(row: dict[str, str], column: str, where: str) -> float:
    """A cell, NaN where it is empty: not annotated, or unknown. Raises: DataError."""
    word = row.get(column) or "nan"
    try:
        number = float(word)
    except ValueError:
        number = math.inf
    if math.isinf(number):
        raise DataError(f"{where}: column {column} holds '{word}'; write a number or leave it empty")
    return number
