"""A CSV without header, `image,x1,y1,x2,y2,...`, as lists of the ISBI points circulate; points are called 1, 2, ...

data.names or --names says which landmarks the numbers are (`isbi_numbers`: the order of the ISBI 2015 challenge).
"""

import csv
import io
from pathlib import Path

from landmarks.formats.labelled import Labelled, known_points, survey_of
from landmarks.formats.records import DataError
from landmarks.formats.survey import TRUTH, Film, Survey

LANDMARKS, KEEPS = None, ()
NUMBERED = True
_NAME = "landmarks.csv"


def scan(root: Path) -> Survey:
    """Raises: DataError where landmarks.csv is missing, or a row is no image and an even number of numbers."""
    path = root / _NAME
    try:
        text = path.read_bytes().decode("utf-8-sig")
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as CSV ({error}); restore the file") from error
    if not rows:
        raise DataError(f"{path}: no rows; each is an image and two numbers for each point")
    found, width = [], len(rows[0])
    for number, row in enumerate(rows, 1):
        try:
            if len(row) != width or width < 3 or width % 2 == 0:
                raise ValueError(f"{len(row)} cells, expected an image and two numbers for each point")
            values = [float(word or "nan") for word in row[1:]]
        except ValueError as error:
            raise DataError(f"{path}, row {number}: {error}; correct the row") from error
        pairs = enumerate(zip(values[::2], values[1::2], strict=True), 1)
        points = {str(k): (x, y) for k, (x, y) in pairs if x == x and y == y}
        found.append(Labelled(image=row[0], where=str(path), readers={TRUTH: points}))
    return survey_of(root, found, order=tuple(str(k) for k in range(1, (width - 1) // 2 + 1)))


def image_place(film: Film) -> str:
    return f"images/{film.image_id}"


def write(survey: Survey, root: Path) -> None:
    """Raises: DataError where the landmarks have names, which the list cannot hold."""
    numbers = tuple(str(k) for k in range(1, len(survey.landmarks) + 1))
    if survey.landmarks.symbols != numbers:
        raise DataError("point_list: holds points by number alone; write another format")
    with (root / _NAME).open("w", newline="", encoding="utf-8") as file:
        for film in survey.films:
            known = known_points(film, numbers)
            cells = [value for k in numbers for value in known.get(k, ("", ""))]
            csv.writer(file, lineterminator="\n").writerow([film.path.name, *cells])
