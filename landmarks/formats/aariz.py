"""The Aariz data set in its official layout (Khalid et al., Sci Data 12, 1336, 2025); data/README.md shows the layout."""

import json
import math
from pathlib import Path

import numpy as np

from landmarks.formats.csvfile import Rows, read_csv
from landmarks.formats.manifest import Manifest
from landmarks.formats.records import DataError, Record, RecordSet, find_images, ground_truth, match_names
from landmarks.schema import AARIZ29

SPLITS = ("train", "valid", "test")
CSV_NAME = "cephalogram_machine_mappings.csv"
_READERS = {"senior": "Senior Orthodontists", "junior": "Junior Orthodontists"}
_CSV_COLUMNS = ("cephalogram_id", "machine", "pixel_size")


def read_aariz(root: Path, *, split: str, truth: str) -> RecordSet:
    """One split ('train', 'valid', 'test') or 'all'.

    Raises: DataError naming the file that is missing, broken or contradicts another one.
    """
    if split not in (*SPLITS, "all"):
        raise DataError(f"{root}: Aariz has no split '{split}'; choose train, valid, test or all")
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; set data.root to the unpacked Aariz folder")
    machines = read_machines(root / CSV_NAME)
    records, manifest = [], Manifest(root)
    for name in SPLITS if split == "all" else (split,):
        records += _read_split(split_folder(root, name), name, truth, machines, manifest)
    return RecordSet(landmarks=AARIZ29, records=tuple(records))


def find_split(root: Path, split: str) -> Path | None:
    """The zip spells its split folders in lower case, the authors' loader capitalised."""
    return next((root / name for name in (split, split.capitalize()) if (root / name).is_dir()), None)


def split_folder(root: Path, split: str) -> Path:
    """Raises: DataError where there is no folder of this split."""
    if folder := find_split(root, split):
        return folder
    raise DataError(f"{root / split}: no such folder; the Aariz layout has train, valid and test below data.root")


def read_machines(path: Path) -> dict[str, tuple[str, float, str]]:
    """The CSV: image id -> (device, pixel size in mm, split). Raises: DataError naming the row."""
    machines = {}
    for line, row in read_rows(path):
        try:
            size = float(row["pixel_size"])
        except ValueError:
            size = math.nan
        if not 0 < size < math.inf:
            where = f"{path}, line {line}: image {row['cephalogram_id']}"
            raise DataError(f"{where} has pixel size '{row['pixel_size']}'; write millimetres, e.g. 0.1")
        machines[row["cephalogram_id"]] = (row["machine"], size, row.get("mode", "").lower())
    return machines


def read_rows(path: Path) -> Rows:
    """The CSV as it stands in the file. Raises: DataError."""
    if not path.is_file():
        raise DataError(f"{path}: no such file; the Aariz CSV gives each image's device and pixel size")
    return read_csv(path, _CSV_COLUMNS, f"needed are {', '.join(_CSV_COLUMNS)}")[1]


def reader_folders(folder: Path) -> dict[str, Path]:
    return {reader: folder / "Annotations" / "Cephalometric Landmarks" / name for reader, name in _READERS.items()}


def _read_split(folder: Path, split: str, truth: str, machines: dict, manifest: Manifest) -> list[Record]:
    images = find_images(folder / "Cephalograms")
    files = {
        reader: {path.stem: path for path in sorted(place.glob("*.json"))}
        for reader, place in reader_folders(folder).items()
        if place.is_dir()
    }
    if not files:
        raise DataError(f"{folder / 'Annotations' / 'Cephalometric Landmarks'}: no reader's folder; see data/README.md")
    for reader in files:
        match_names(images, files[reader], f"{reader} reader's annotation")
    records = []
    for name, image_path in images.items():
        if name not in machines:
            raise DataError(f"{image_path}: not listed in {CSV_NAME}; add its row with device and pixel size")
        device, size, _ = machines[name]
        readers = {reader: read_points(files[reader][name]) for reader in files}
        records.append(
            Record(
                image_id=name,
                image_path=image_path,
                points_px=_truth(readers, truth, image_path, manifest),
                pixel_size=manifest.pixel_size(image_path, size),
                device=device,
                split=split,
                readers=readers,
                cvm_stage=read_cvm(folder, name),
            )
        )
    return records


def _truth(readers: dict[str, np.ndarray], truth: str, image_path: Path, manifest: Manifest) -> np.ndarray:
    """The official rule rounds up in pixels of the original, so a prepared copy goes back to them for it."""
    resized = manifest.of(image_path)
    if truth != "official" or resized is None:
        return ground_truth(readers, truth, str(image_path))
    readers = {name: resized.to_source(points).round(3) for name, points in readers.items()}
    return resized.to_copy(ground_truth(readers, truth, str(image_path)))


def read_points(path: Path) -> np.ndarray:
    """One reader's file -> float64 [29, 2] source px, joined by symbol; NaN where a landmark is missing or (-1, -1)."""
    return read_annotation(path)[1]


def read_annotation(path: Path) -> tuple[list[dict], np.ndarray]:
    """One reader's file: its entries as they stand there, and the points that `read_points` makes of them."""
    points = np.full((len(AARIZ29), 2), np.nan)
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["landmarks"]
        for entry in entries:
            if entry["symbol"] not in AARIZ29.symbols:
                continue
            value = entry["value"] or {"x": -1, "y": -1}
            point = (float(value["x"]), float(value["y"]))
            if any(map(math.isinf, point)):  # JSON knows no infinity, Python's reader does
                raise ValueError(f"{entry['symbol']} at {point}")
            if point != (-1.0, -1.0):
                points[AARIZ29.index(entry["symbol"])] = point
    except json.JSONDecodeError as error:
        raise DataError(f"{path}: broken JSON (line {error.lineno}: {error.msg}); restore the file") from error
    except (OSError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: not an Aariz annotation ({type(error).__name__}: {error}); restore the file") from error
    return entries, points


def read_cvm(folder: Path, name: str) -> int | None:
    """The cervical stage of an image of this split, None where it has no file. Raises: DataError."""
    path = folder / "Annotations" / "CVM Stages" / f"{name}.json"
    if not path.is_file():
        return None
    try:
        return int(json.loads(path.read_text(encoding="utf-8"))["cvm_stage"]["value"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: broken CVM file ({type(error).__name__}: {error}); restore or remove it") from error
