"""The ISBI 2015 challenge's data set in its own layout; data/README.md shows it."""

from pathlib import Path

import numpy as np

from landmarks.formats.manifest import Manifest
from landmarks.formats.records import DataError, Record, RecordSet, cut_validation, find_images, ground_truth, match_names
from landmarks.schema import ISBI19

PIXEL_SIZE_MM = 0.1
DEVICE = "ISBI 2015"
FOLDERS = {"train": "TrainingData", "test1": "Test1Data", "test2": "Test2Data"}
_READERS = {"senior": "400_senior", "junior": "400_junior"}


def read_isbi(root: Path, *, split: str, truth: str, val_fraction: float, seed: int) -> RecordSet:
    """One split: train, valid (cut from the training part by seed), test1, test2, or all that are there.

    Raises: DataError naming the file that is missing or broken.
    """
    if truth == "official":
        raise DataError("data.ground_truth: official is a rule of the Aariz authors; use mean, senior or junior")
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; set data.root to the challenge's folder")
    if split == "all":
        present = [name for name, folder in FOLDERS.items() if (root / "RawImage" / folder).is_dir()]
        return RecordSet(landmarks=ISBI19, records=tuple(r for name in present for r in _read_folder(root, name, truth)))
    if split not in (*FOLDERS, "valid"):
        raise DataError(f"{root}: ISBI 2015 has no split '{split}'; choose train, valid, test1, test2 or all")
    records = _read_folder(root, "train" if split == "valid" else split, truth)
    if split in ("train", "valid"):
        records = cut_validation(records, split, val_fraction, seed)
    return RecordSet(landmarks=ISBI19, records=tuple(records))


def reader_folders(root: Path) -> dict[str, Path]:
    """Where the readers' files lie: below AnnotationsByMD, or at the top in some copies."""
    folders = {}
    for reader, name in _READERS.items():
        for place in (root / "AnnotationsByMD" / name, root / name):
            if place.is_dir():
                folders[reader] = place
                break
    if not folders:
        raise DataError(f"{root / 'AnnotationsByMD'}: no reader's folder (400_senior, 400_junior)")
    return folders


def _read_folder(root: Path, split: str, truth: str) -> list[Record]:
    images = find_images(root / "RawImage" / FOLDERS[split])
    files = {reader: {path.stem: path for path in folder.glob("*.txt")} for reader, folder in reader_folders(root).items()}
    for reader, found in files.items():
        # the annotation folders hold all 400 images, so a text file without an image of this split is no error
        match_names(images, {name: path for name, path in found.items() if name in images}, f"{reader} reader's points")
    records, manifest = [], Manifest(root)
    for name, image_path in images.items():
        readers = {reader: read_points(files[reader][name]) for reader in files}
        records.append(
            Record(
                image_id=name,
                image_path=image_path,
                points_px=ground_truth(readers, truth, str(image_path)),
                pixel_size=manifest.scaled_pixel_size(image_path, PIXEL_SIZE_MM),
                device=DEVICE,
                split=split,
                readers=readers,
            )
        )
    return records


def read_points(path: Path) -> np.ndarray:
    """One reader's file -> float64 [19, 2] source px; the classification rows behind the points are ignored."""
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")[: len(ISBI19)]
    try:
        points = np.array([[float(word) for word in line.split(",")] for line in lines])
        if points.shape != (len(ISBI19), 2):
            raise ValueError(f"{len(lines)} lines of points")
        if np.isinf(points).any():
            raise ValueError("a point at infinity")
    except ValueError as error:
        raise DataError(f"{path}: not 19 lines 'x,y' ({error}); restore the file") from error
    return np.where((points == -1).all(axis=1, keepdims=True), np.nan, points)
