"""A user's own data: a folder with images/ and landmarks.csv; data/README.md shows an example."""

import csv
import math
import os
import unicodedata
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from landmarks.formats.csvfile import CsvFile, read_csv
from landmarks.formats.files import file_named, folder_named, passed_over
from landmarks.formats.manifest import Manifest
from landmarks.formats.records import DataError
from landmarks.formats.survey import TRUTH, Film, Survey, mean_points, one_pixel_size
from landmarks.radiograph import ImageError, image_files, read_gray
from landmarks.schema import GROUPS, LandmarkSet

LANDMARKS = None  # the header names them
KEEPS = ("device", "pixel_size", "split")
_KNOWN = ("image", "pixel_size", "pixel_size_x", "pixel_size_y", "device", "patient", "split")
_SPLITS = ("train", "valid", "test", "test1", "test2")
_SPLIT_WORDS = {"training": "train", "val": "valid", "validation": "valid", "dev": "valid", "testing": "test"}
_DECIMALS = 6
# mm of a pixel, from a microscope's to a thumbnail's: whatever lies outside is a number in another unit.
_SIZES_MM = (0.001, 10.0)
# A head's lowest points lie at 40 to 100 percent, and do not lie within the first 100 px of images of this size.
_PERCENT, _LEAST_SIDE = (40, 100), 200


def scan(root: Path) -> Survey:
    """The rows of landmarks.csv with their images. Raises: DataError where the table cannot be read as one."""
    path = file_named(root, "landmarks.csv")
    if not path.is_file():
        raise DataError(f"{path}: no such file; a table data set is a folder with images/ and landmarks.csv")
    return scan_table(root, read_csv(path))


def scan_table(root: Path, table: CsvFile) -> Survey:
    """The rows of a table, however it was read. Raises: DataError."""
    table, folder = _plain_header(table), folder_named(root, "images") or root / "images"
    survey = Survey(root=root, landmarks=LandmarkSet(name="table", symbols=_symbols(table), groups=GROUPS))
    images = image_files(folder, below=True) if folder.is_dir() else []
    paths = _paths(survey, table, images, folder)
    names, manifest = _ids(folder, paths.values()), Manifest(root)
    for line, row in table.rows:
        if line in paths:
            _scan_row(survey, table, line, row, paths[line], names[paths[line]], manifest)
    for image in sorted(set(images) - set(paths.values())):
        error = f"{image}: image without a row in {table.path.name}; add the row or remove the image"
        survey.add("annotation missing", f"{image.stem}: no row in {table.path.name}", image.stem, error=error)
    _name_splits(survey, table)
    _find_percent(survey, table.path)
    survey.notes += [table.note, _other_columns(table), passed_over(folder, below=True) if images else ""]
    return survey


def image_place(film: Film) -> str:
    """Where a film's image lies below the root, without suffix."""
    return f"images/{film.image_id}"


def write(survey: Survey, root: Path) -> None:
    """landmarks.csv, for films whose images lie below `root`/images. Raises: DataError."""
    columns = [f"{symbol}_{axis}" for symbol in survey.landmarks.symbols for axis in "xy"]
    sizes = _pixel_sizes(survey.films)
    columns = ["image", *columns, *dict.fromkeys(name for size in sizes for name in size), "device"]
    columns += ["patient"] if any(film.patient for film in survey.films) else []
    columns += ["split"] if survey.splits else []
    columns += list(dict.fromkeys(name for film in survey.films for name in film.extra))
    rows = []
    for film, size in zip(survey.films, sizes, strict=True):
        row = film.extra | {"image": film.path.relative_to(root / "images").as_posix(), "device": film.device}
        row |= size | {"split": "" if film.split == "all" else film.split, "patient": film.patient}
        for symbol, point in zip(survey.landmarks.symbols, mean_points(film), strict=True):
            if np.isfinite(point).all():
                row[f"{symbol}_x"], row[f"{symbol}_y"] = (repr(round(float(v), _DECIMALS)) for v in point)
        rows.append(row)
    with (root / "landmarks.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _pixel_sizes(films: list[Film]) -> list[dict[str, str]]:
    """Cells of each film: one size where all pixels are squares, otherwise two."""
    try:
        sizes = [one_pixel_size(film, "table") for film in films]
        return [{"pixel_size": "" if size is None else repr(size)} for size in sizes]
    except DataError:
        sizes = [film.pixel_size or ("", "") for film in films]
        return [{"pixel_size_x": str(x), "pixel_size_y": str(y)} for x, y in sizes]


def _plain_header(table: CsvFile) -> CsvFile:
    """The same table with the columns' own words in small letters; symbols stay as they are."""
    plain = {
        c: c.lower() if c.lower() in _KNOWN else c[:-1] + c[-1].lower() if c[-2:] in ("_X", "_Y") else c for c in table.columns
    }
    columns = list(plain.values())
    if "image" not in columns:
        raise DataError(f"{table.path}: no column 'image'; the header is image,<symbol>_x,<symbol>_y,...")
    if twice := next((column for column in columns if columns.count(column) > 1), ""):
        raise DataError(f"{table.path}: column '{twice}' stands twice; keep one")
    rows = [(line, {plain[column]: cell for column, cell in row.items()}) for line, row in table.rows]
    return replace(table, columns=columns, rows=rows)


def _symbols(table: CsvFile) -> tuple[str, ...]:
    columns = [column for column in table.columns if column not in _KNOWN]
    symbols = [column[:-2] for column in columns if column.endswith("_x")]
    for column in columns:
        if column[-2:] in ("_x", "_y") and f"{column[:-1]}{'y' if column[-1] == 'x' else 'x'}" not in columns:
            raise DataError(f"{table.path}: column '{column}' has no partner; each landmark has <symbol>_x and <symbol>_y")
    if not symbols:
        raise DataError(f"{table.path}: no landmark columns; write <symbol>_x and <symbol>_y")
    sizes = {"pixel_size", "pixel_size_x", "pixel_size_y"} & set(table.columns)
    if sizes and sizes not in ({"pixel_size"}, {"pixel_size_x", "pixel_size_y"}):
        found = ", ".join(sorted(sizes))
        raise DataError(f"{table.path}: columns {found}; write pixel_size, or pixel_size_x and pixel_size_y")
    if not table.rows:
        raise DataError(f"{table.path}: no rows")
    return tuple(symbols)


def _other_columns(table: CsvFile) -> str:
    others = _extra_columns(table)
    return f"{table.path}: columns that are passed over: {', '.join(others)}" if others else ""


def _extra_columns(table: CsvFile) -> list[str]:
    return [column for column in table.columns if column not in _KNOWN and column[-2:] not in ("_x", "_y")]


def _paths(survey: Survey, table: CsvFile, images: list[Path], folder: Path) -> dict[int, Path]:
    """The image of each line: as the cell says, or as other systems spell it. A line without one is a finding."""
    spelled = {}
    for image in images:
        names = (image.relative_to(folder), image.relative_to(survey.root))
        for word in {_spelling(path.as_posix()) for name in names for path in (name, name.with_suffix(""))}:
            spelled.setdefault(word, []).append(image)
    paths, listed = {}, {os.path.abspath(image): image for image in images}
    for line, row in table.rows:
        path, alike = folder / row["image"], spelled.get(_spelling(row["image"]), [])
        if path.is_file():  # under one name, however the cell leads there
            paths[line] = listed.get(os.path.abspath(path), path)
        elif len(alike) == 1 and alike[0].is_file():
            paths[line] = alike[0]
        else:
            why = "a link to a file that is not there" if path.is_symlink() else f"no image {path}"
            error = f"{table.path}, line {line}: {why}; add the image or remove the row"
            if not row["image"]:
                error = f"{table.path}, line {line}: no name in column image; write it or remove the row"
            name = Path(row["image"] or "?").stem
            survey.add("image missing", f"{row['image']}: a row, but no image", name, error=error)
    return paths


def _spelling(word: str) -> str:
    """One spelling for what Windows, macOS and Linux call the same: slashes, case, composed letters."""
    return unicodedata.normalize("NFC", word.replace("\\", "/")).casefold()


def _ids(folder: Path, paths) -> dict[Path, str]:
    """The file's name without suffix; with its folders before it where several images have that name."""
    counts = Counter(path.stem for path in set(paths))
    names = {}
    for path in paths:
        inside = path.is_relative_to(folder) and counts[path.stem] > 1
        names[path] = "_".join(path.relative_to(folder).with_suffix("").parts) if inside else path.stem
    return names


def _scan_row(
    survey: Survey, table: CsvFile, line: int, row: dict[str, str], path: Path, name: str, manifest: Manifest
) -> None:
    resized = survey.sizes_before(manifest, path, name)
    film = Film(
        image_id=name,
        path=path,
        split=_SPLIT_WORDS.get(row.get("split", "").lower(), row.get("split", "").lower()) or "all",
        device=row.get("device") or "unknown",
        patient=row.get("patient", ""),
        pixel_size=_scan_pixel_size(survey, table, line, row, name, resized.stretch if resized else (1.0, 1.0)),
        readers={TRUTH: _scan_points(survey, table, line, row, name)},
        resized=resized,
        extra={column: row[column] for column in _extra_columns(table)},
    )
    survey.films.append(film)


def _scan_points(survey: Survey, table: CsvFile, line: int, row: dict[str, str], name: str) -> np.ndarray:
    symbols, broken = survey.landmarks.symbols, set()
    points = np.full((len(symbols), 2), np.nan)
    for k, symbol in enumerate(symbols):
        try:
            points[k] = table.number(row, f"{symbol}_x", line), table.number(row, f"{symbol}_y", line)
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
    survey: Survey, table: CsvFile, line: int, row: dict[str, str], name: str, stretch: tuple[float, float]
) -> tuple[float, float] | None:
    columns = ("pixel_size_x", "pixel_size_y") if "pixel_size_x" in row else ("pixel_size",) * 2
    try:
        sizes = [table.number(row, column, line) for column in columns]
        for column, size in zip(columns, sizes, strict=True):
            if not (math.isnan(size) or _SIZES_MM[0] <= size <= _SIZES_MM[1]):
                where = f"{table.path}, line {line}: {column} is {size:g}"
                raise DataError(f"{where}; write millimetres, e.g. 0.1, not micrometres or dpi, or leave it empty")
    except DataError as error:
        survey.add("broken cell", f"{name}: {error}", name, error=str(error))
        return None
    if any(map(math.isnan, sizes)):
        return None
    return tuple(sizes) if columns[0] != columns[1] else (sizes[0] * stretch[0], sizes[1] * stretch[1])


def _name_splits(survey: Survey, table: CsvFile) -> None:
    """What the split column names, and a line on words that are read as another one and on rows without a word."""
    splits = {film.split for film in survey.films}
    survey.splits = () if splits <= {"all"} else tuple(sorted(splits - {"all"}))
    words = {row.get("split", "") for _, row in table.rows}
    read = {word: _SPLIT_WORDS.get(word.lower(), word.lower()) for word in sorted(words)}
    told = [f"'{word}' is read as '{split}'" for word, split in read.items() if word != split and word.lower() != split]
    without = sum(film.split == "all" for film in survey.films) if survey.splits else 0
    told += [f"{without} rows name no split and are in none"] if without else []
    own = sorted(set(survey.splits) - set(_SPLITS))
    told += [f"{', '.join(own)}: only used where --split, data.train_split or data.val_split name it"] if own else []
    survey.notes += [f"{table.path}: column split: {'; '.join(told)}"] if told else []


def _find_percent(survey: Survey, path: Path) -> None:
    """Points in percent of the image's width and height, or in fractions, all lie in the corner of a large image."""
    points = np.concatenate([film.readers[TRUTH] for film in survey.films] or [np.empty((0, 2))])
    points = points[np.isfinite(points).all(axis=1)]
    if len(points) < 2 or len(survey.landmarks) < 2 or points.min() < 0:
        return
    if not (points.max() <= 1 or _PERCENT[0] < points.max() <= _PERCENT[1]):
        return
    try:
        side = min(read_gray(survey.films[0].path).shape)
    except ImageError:
        return
    if side >= _LEAST_SIDE:
        what = "fractions" if points.max() <= 1 else "percent"
        line = f"all points lie within {points.max():.4g} px of the images' corner: they look like {what} of width and height"
        survey.add("points in percent", line, error=f"{path}: {line}; write pixels of the image")
