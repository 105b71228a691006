"""DeepLabCut: a CSV with the three header rows scorer, bodyparts, coords; coordinates are taken as they stand."""

import csv
import io
from pathlib import Path

from landmarks.formats.labelled import Labelled, known_points, survey_of
from landmarks.formats.records import DataError
from landmarks.formats.survey import TRUTH, Film, Survey

LANDMARKS = None
KEEPS = ()
# DeepLabCut takes a file by the name of its scorer, which the project's config.yaml states as well.
_SCORER = "landmarks"
_NAME = f"CollectedData_{_SCORER}.csv"
_HEAD = ("scorer", "bodyparts", "coords")


def scan(root: Path) -> Survey:
    """Raises: DataError where no CSV has the three header rows, or one is broken."""
    found, order = [], []
    for path in sorted(path for path in root.rglob("*.csv") if not path.name.startswith(".")):
        rows = _rows(path)
        if len(rows) > 3 and tuple(row[0] for row in rows[:3]) == _HEAD:
            found += _labelled(path, rows, order)
    if not found:
        raise DataError(f"{root}: no CSV such as {_NAME} with the header rows {', '.join(_HEAD)} in this folder")
    return survey_of(root, found, order=tuple(dict.fromkeys(order)))


def image_place(film: Film) -> str:
    return f"labeled-data/heads/{film.image_id}"


def write(survey: Survey, root: Path) -> None:
    symbols = survey.landmarks.symbols
    rows = [["scorer", *[_SCORER] * (2 * len(symbols))], ["bodyparts", *(s for s in symbols for _ in "xy")],
            ["coords", *["x", "y"] * len(symbols)]]  # fmt: skip
    for film in survey.films:
        known = known_points(film, symbols)
        cells = [repr(v) if s in known else "" for s in symbols for v in known.get(s, ("", ""))]
        rows.append([film.path.relative_to(root).as_posix(), *cells])
    with (root / "labeled-data" / "heads" / _NAME).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def _rows(path: Path) -> list[list[str]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
        return [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as CSV ({error}); restore the file") from error


def _labelled(path: Path, rows: list[list[str]], order: list[str]) -> list[Labelled]:
    parts, coords = rows[1], rows[2]
    first = next((k for k, word in enumerate(coords) if word == "x"), 0)  # the image's path may take three columns
    names = parts[first::2]
    if not first or coords[first:] != ["x", "y"] * len(names) or names != parts[first + 1 :: 2]:
        raise DataError(f"{path}: the header rows are not x, y for each body part; restore the file")
    order += names
    found = []
    for number, row in enumerate(rows[3:], 4):
        try:
            if len(row) != len(parts):
                raise ValueError(f"{len(row)} cells for {len(parts)} columns")
            values = [float(word or "nan") for word in row[first:]]
        except ValueError as error:
            raise DataError(f"{path}, row {number}: {error}; correct the row") from error
        points = {n: (x, y) for n, x, y in zip(names, values[::2], values[1::2], strict=True) if x == x and y == y}
        image = "/".join(word for word in row[:first] if word)
        found.append(Labelled(image=image, where=str(path), readers={TRUTH: points}))
    return found
