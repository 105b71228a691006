"""CL-Detection 2024: images/*.bmp and labels.csv (image file, spacing(mm), p1x, p1y ... p53x, p53y); points by number.

data.names or --names says which landmarks the numbers are; the challenge's own list is not part of its files.
"""

import csv
from pathlib import Path

from landmarks.formats.csvfile import read_csv
from landmarks.formats.labelled import Labelled, known_points, read_pixel_size, survey_of
from landmarks.formats.records import DataError
from landmarks.formats.survey import TRUTH, Film, Survey, one_pixel_size
from landmarks.schema import LandmarkSet

LANDMARKS = LandmarkSet(name="cldetection2024", symbols=tuple(str(k) for k in range(1, 54)))
KEEPS = ("pixel_size",)
_IMAGE, _SPACING = "image file", "spacing(mm)"
_COLUMNS = (_IMAGE, _SPACING, *(f"p{k}{axis}" for k in LANDMARKS.symbols for axis in "xy"))


def scan(root: Path) -> Survey:
    """Raises: DataError where labels.csv is missing or a row cannot be read."""
    path = root / "labels.csv"
    if not path.is_file():
        raise DataError(f"{path}: no such file; the challenge's folder has images/ and labels.csv")
    table = read_csv(path, _COLUMNS, "the columns are image file, spacing(mm), p1x, p1y ... p53x, p53y")
    found = []
    for line, row in table.rows:
        cells = {k: (table.number(row, f"p{k}x", line), table.number(row, f"p{k}y", line)) for k in LANDMARKS.symbols}
        points = {k: (x, y) for k, (x, y) in cells.items() if x == x and y == y}
        size = table.number(row, _SPACING, line)
        where = f"{path}, line {line}"
        spacing = read_pixel_size(None if size != size else size, where)
        found.append(Labelled(image=row[_IMAGE], where=where, readers={TRUTH: points}, pixel_size=spacing))
    return survey_of(root, found, order=LANDMARKS.symbols)


def image_place(film: Film) -> str:
    return f"images/{film.image_id}"


def write(survey: Survey, root: Path) -> None:
    """Raises: DataError where the landmarks are not the challenge's numbers."""
    if unknown := [s for s in survey.landmarks.symbols if s not in LANDMARKS.symbols]:
        raise DataError(f"cldetection2024: holds the points 1 to 53 alone, not {', '.join(unknown[:3])}")
    with (root / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(_COLUMNS)
        for film in survey.films:
            known, size = known_points(film, survey.landmarks.symbols), one_pixel_size(film, "cldetection2024")
            cells = [value for k in LANDMARKS.symbols for value in known.get(k, ("", ""))]
            rows.writerow([film.path.relative_to(root / "images").as_posix(), "" if size is None else size, *cells])
