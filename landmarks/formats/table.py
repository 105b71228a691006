"""A user's own data: a folder with images/ and landmarks.csv; data/README.md shows an example."""

import math
from collections import Counter
from pathlib import Path

import numpy as np

from landmarks.formats.csvfile import Rows, read_csv
from landmarks.formats.manifest import Manifest
from landmarks.formats.records import DataError, Record, RecordSet, cut_validation
from landmarks.radiograph import image_files
from landmarks.schema import GROUPS, LandmarkSet

_EXTRA = ("image", "pixel_size", "device", "split")


def read_table(root: Path, *, split: str, val_fraction: float, seed: int, cut_train: bool = False) -> RecordSet:
    """One split of the table's `split` column, or 'all'.

    Without that column every row is in 'all'; train and valid are then cut from it by `val_fraction` and seed. With
    `cut_train` a column that has no 'valid' gets it from its 'train' rows in the same way, and the set's note says so.
    Raises: DataError naming the row and column.
    """
    path = root / "landmarks.csv"
    if not path.is_file():
        raise DataError(f"{path}: no such file; a table data set is a folder with images/ and landmarks.csv")
    landmarks, rows = read_rows(path)
    manifest = Manifest(root)
    records = [_record(root, path, line, row, landmarks, manifest) for line, row in rows]
    if not records:
        raise DataError(f"{path}: no rows")
    _same_images(root, path, records)
    note = ""
    if split != "all":
        splits = {record.split for record in records}
        if splits == {"all"}:
            records = _without_column(path, records, split, val_fraction, seed)
        elif cut_train and split in ("train", "valid") and "train" in splits and "valid" not in splits:
            records, note = _out_of_train(path, records, split, val_fraction, seed)
        else:
            records = [record for record in records if record.split == split]
        if not records:
            raise DataError(f"{path}: no rows of split '{split}'; there are {', '.join(sorted(splits))}")
    return RecordSet(landmarks=landmarks, records=tuple(records), note=note)


def read_rows(path: Path) -> tuple[LandmarkSet, Rows]:
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
    return LandmarkSet(name="table", symbols=tuple(symbols), groups=GROUPS), rows


def _record(root: Path, path: Path, line: int, row: dict, landmarks: LandmarkSet, manifest: Manifest) -> Record:
    where = f"{path}, line {line}"
    image_path = root / "images" / row["image"]
    if not image_path.is_file():
        raise DataError(f"{where}: no image {image_path}; add the image or remove the row")
    points = [[read_number(row, f"{s}_{axis}", where) for axis in "xy"] for s in landmarks.symbols]
    size = read_pixel_size(row, where)
    return Record(
        image_id=Path(row["image"]).stem,
        image_path=image_path,
        points_px=np.array(points),
        pixel_size=None if math.isnan(size) else manifest.pixel_size(image_path, size),
        device=row.get("device") or "unknown",
        split=row.get("split") or "all",
    )


def read_number(row: dict[str, str], column: str, where: str) -> float:
    """A cell, NaN where it is empty: not annotated, or unknown. Raises: DataError."""
    word = row.get(column) or "nan"
    try:
        number = float(word)
    except ValueError:
        number = math.inf
    if math.isinf(number):
        raise DataError(f"{where}: column {column} holds '{word}'; write a number or leave it empty")
    return number


def read_pixel_size(row: dict[str, str], where: str) -> float:
    """In mm, NaN where it is not given. Raises: DataError."""
    size = read_number(row, "pixel_size", where)
    if size <= 0:
        raise DataError(f"{where}: pixel_size is {size:g}; write millimetres above 0, or leave it empty")
    return size


def _same_images(root: Path, path: Path, records: list[Record]) -> None:
    for image_id, count in Counter(record.image_id for record in records).items():
        if count > 1:
            raise DataError(f"{path}: image '{image_id}' stands in two rows; keep one")
    paths = {record.image_path for record in records}
    for image in image_files(root / "images", below=True):
        if image not in paths:
            raise DataError(f"{image}: image without a row in landmarks.csv; add the row or remove the image")


def _without_column(path: Path, records: list[Record], split: str, val_fraction: float, seed: int) -> list[Record]:
    if split not in ("train", "valid"):
        raise DataError(
            f"{path}: no column 'split', so there are only train and valid, cut by data.val_fraction; "
            f"add the column with rows of '{split}', or use --split valid"
        )
    return cut_validation(records, split, val_fraction, seed)


def _out_of_train(path: Path, records: list[Record], split: str, val_fraction: float, seed: int) -> tuple[list[Record], str]:
    """The part and the line that tells of it."""
    train = [record for record in records if record.split == "train"]
    part = cut_validation(train, split, val_fraction, seed)
    num = len(part) if split == "valid" else len(train) - len(part)
    line = f"{path}: no rows of split 'valid'; {num} of {len(train)} rows of 'train' are held out for it (data.val_fraction)"
    return part, line if num else ""
