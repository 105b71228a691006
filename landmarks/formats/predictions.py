"""predictions.csv as `landmarks predict` writes it, perhaps corrected by hand: image,symbol,x,y and further columns."""

import csv
from pathlib import Path

from landmarks.formats.csvfile import CsvFile, Rows, read_csv
from landmarks.formats.labelled import Labelled, known_points, read_pixel_size, survey_of
from landmarks.formats.records import DataError
from landmarks.formats.survey import TRUTH, Film, Survey

LANDMARKS = None
KEEPS = ("device", "pixel_size", "split")
_NAMES = ("predictions.csv", "landmarks.csv")
_COLUMNS = ("image", "symbol", "x", "y")


def scan(root: Path) -> Survey:
    """Raises: DataError where there is no predictions.csv, or a row cannot be read."""
    path = next((root / name for name in _NAMES if (root / name).is_file()), root / _NAMES[0])
    if not path.is_file():
        raise DataError(f"{path}: no such file; it is what landmarks predict writes")
    table = read_csv(path, _COLUMNS, f"the columns are {', '.join(_COLUMNS)}")
    by_image: dict[str, Rows] = {}
    for line, row in table.rows:
        by_image.setdefault(row["image"], []).append((line, row))
    survey = survey_of(root, [_labelled(table, image, lines) for image, lines in by_image.items()])
    survey.notes.append(table.note)
    return survey


def image_place(film: Film) -> str:
    return f"images/{film.image_id}"


def write(survey: Survey, root: Path) -> None:
    with (root / _NAMES[0]).open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow([*_COLUMNS, "pixel_size_x", "pixel_size_y", "device", "split"])
        for film in survey.films:
            known, size = known_points(film, survey.landmarks.symbols), film.pixel_size or ("", "")
            for symbol in survey.landmarks.symbols:
                point = known.get(symbol, ("", ""))
                rows.writerow([film.path.relative_to(root).as_posix(), symbol, *point, *size, film.device, film.split])


def _labelled(table: CsvFile, image: str, lines: Rows) -> Labelled:
    points: dict[str, tuple[float, float]] = {}
    for line, row in lines:
        if row["symbol"] in points:
            raise DataError(f"{table.path}, line {line}: landmark {row['symbol']} a second time; keep one")
        x, y = table.number(row, "x", line), table.number(row, "y", line)
        if x == x and y == y:
            points[row["symbol"]] = (x, y)
    line, row = lines[0]
    sizes = [table.number(row, column, line) for column in ("pixel_size_x", "pixel_size_y", "pixel_size")]
    size = sizes[:2] if sizes[0] == sizes[0] and sizes[1] == sizes[1] else sizes[2] if sizes[2] == sizes[2] else None
    return Labelled(
        image=image,
        where=str(table.path),
        readers={TRUTH: points},
        split=row.get("split") or "all",
        device=row.get("device") or "unknown",
        pixel_size=read_pixel_size(size, f"{table.path}, line {line}"),
    )
