"""Annotations of a prepared data set: the same files with every point and pixel size scaled to the smaller image."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np

from landmarks.formats import aariz
from landmarks.formats import isbi2015 as isbi
from landmarks.formats.csvfile import read_csv
from landmarks.formats.manifest import Resized, image_name
from landmarks.schema import ISBI19

# A millionth of a pixel: below the rounding of any figure, and the files stay readable.
_DECIMALS = 6


def write_aariz_points(root: Path, output: Path, images: dict[str, Resized], files: dict[str, str]) -> None:
    """Both readers' JSON files, CVM stages, the CSV and the read-me."""
    suffixes, factors = {}, {}
    for name, resized in images.items():
        split = root / Path(name).parts[0]
        stem = Path(name).name
        suffixes[stem], factors[stem] = Path(files[name]).suffix.lstrip("."), resized.pixel_factor
        for folder in aariz.reader_folders(split).values():
            source = folder / f"{stem}.json"
            if source.is_file():
                content = json.loads(source.read_text(encoding="utf-8"))
                for entry in content["landmarks"]:
                    entry["value"] = _scaled_value(entry["value"], resized)
                _write(output / source.relative_to(root), json.dumps(content, indent=1) + "\n")
        stage = split / "Annotations" / "CVM Stages" / f"{stem}.json"
        if stage.is_file():
            _write(output / stage.relative_to(root), stage.read_text(encoding="utf-8"))
    _write_aariz_csv(root / aariz.CSV_NAME, output / aariz.CSV_NAME, suffixes, factors)
    if (root / "Readme.txt").is_file():
        shutil.copyfile(root / "Readme.txt", output / "Readme.txt")


def write_isbi_points(root: Path, output: Path, images: dict[str, Resized], files: dict[str, str]) -> None:
    """Both readers' text files; the rows of classification behind the points stay as they are."""
    for name, resized in images.items():
        for folder in isbi.reader_folders(root).values():
            source = folder / f"{Path(name).name}.txt"
            points_px = isbi.read_points(source)
            lines = source.read_text(encoding="utf-8", errors="replace").split("\n")
            for k, (x, y) in enumerate(resized.to_copy(points_px)):
                if np.isfinite((x, y)).all():
                    lines[k] = f"{x:.{_DECIMALS}f},{y:.{_DECIMALS}f}"
            assert len(lines) >= len(ISBI19)
            _write(output / source.relative_to(root), "\n".join(lines))


def write_table_points(root: Path, output: Path, images: dict[str, Resized], files: dict[str, str]) -> None:
    """landmarks.csv with the images' new names; columns that are no point and no pixel size stay as they are."""
    columns, rows = read_csv(root / "landmarks.csv")
    for _, row in rows:
        name = image_name(root, root / "images" / row["image"])
        row["image"] = Path(files[name]).relative_to("images").as_posix()
        for symbol in {column[:-2] for column in columns if column.endswith("_x")}:
            point = [float(row[f"{symbol}_{axis}"] or "nan") for axis in "xy"]
            x, y = images[name].to_copy(np.array(point))
            if np.isfinite((x, y)).all() and point != [-1, -1]:
                row[f"{symbol}_x"], row[f"{symbol}_y"] = round(float(x), _DECIMALS), round(float(y), _DECIMALS)
        if row.get("pixel_size"):
            row["pixel_size"] = repr(float(row["pixel_size"]) * images[name].pixel_factor)
    _write_csv(output / "landmarks.csv", columns, [row for _, row in rows])


def _write_aariz_csv(source: Path, target: Path, suffixes: dict[str, str], factors: dict[str, float]) -> None:
    columns, rows = read_csv(source)
    # rows of images that are not here (a partial copy of the data set) are left out: their sizes are not known
    kept = [row for _, row in rows if row["cephalogram_id"] in factors]
    for row in kept:
        name = row["cephalogram_id"]
        row["pixel_size"] = repr(float(row["pixel_size"]) * factors[name])
        if "image_format" in row:
            row["image_format"] = suffixes[name].lower()
    _write_csv(target, columns, kept)


def _scaled_value(value: dict | None, resized: Resized) -> dict | None:
    """A point of an annotation file; what says that there is none stays so: nothing, and (-1, -1)."""
    try:
        point_px = np.array([value["x"], value["y"]], dtype=np.float64)
    except (TypeError, KeyError, ValueError):  # of a symbol that is no landmark of the set
        return value
    if (point_px == -1).all():
        return value
    x, y = resized.to_copy(point_px)
    return value | {"x": round(float(x), _DECIMALS), "y": round(float(y), _DECIMALS)}


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _write_csv(path: Path, columns: list[str], rows: list[dict]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
