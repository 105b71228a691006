"""predictions.csv as `landmarks predict` writes it, perhaps corrected by hand: image,symbol,x,y and further columns."""

import csv
from pathlib import Path

from landmarks.formats.csvfile import read_csv
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
    rows = read_csv(path, _COLUMNS, f"the columns are {', '.join(_COLUMNS)}").rows
    by_image: dict[str, list[tuple[str, dict]]] = {}
    for line, row in rows:
        by_image.setdefault(row["image"], []).append((f"{path}, line {line}", row))
    return survey_of(root, [_labelled(path, image, lines) for image, lines in by_image.items()])


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


def _labelled(path: Path, image: str, lines: list[tuple[str, dict]]) -> Labelled:
    points: dict[str, tuple[float, float]] = {}
    for where, row in lines:
        try:
            if row["symbol"] in points:
                raise ValueError(f"landmark {row['symbol']} a second time")
            if row["x"] and row["y"]:
                points[row["symbol"]] = (float(row["x"]), float(row["y"]))
        except ValueError as error:
            raise DataError(f"{where}: {error}; mend the row") from error
    where, row = lines[0]
    size = (row.get("pixel_size_x"), row.get("pixel_size_y"))
    return Labelled(
        image=image,
        where=str(path),
        readers={TRUTH: points},
        split=row.get("split") or "all",
        device=row.get("device") or "unknown",
        pixel_size=read_pixel_size(size if all(size) else row.get("pixel_size"), where),
    )
