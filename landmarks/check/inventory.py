"""What a data set holds, read with all its defects: the readers stop at the first one, a check lists them all."""

import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from landmarks.formats import aariz, table
from landmarks.formats import isbi2015 as isbi
from landmarks.formats.manifest import Manifest
from landmarks.formats.records import DataError
from landmarks.radiograph import image_files
from landmarks.schema import AARIZ29, ISBI19, LandmarkSet


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that is wrong, or looks wrong."""

    kind: str
    text: str
    """One line for a person, with the image's id in it."""
    images: tuple[str, ...] = ()
    """Ids of the images that are accused; none where a device or the whole set is."""
    symbols: tuple[str, ...] = ()


@dataclass(kw_only=True, slots=True)
class Entry:
    """One image file with what the annotation files say of it."""

    image_id: str
    path: Path
    split: str
    device: str = "unknown"
    pixel_size: tuple[float, float] | None = None
    readers: dict[str, np.ndarray] = field(default_factory=dict)
    """Points [K, 2] in px by reader, NaN where there is none."""
    size: tuple[int, int] | None = None
    """(height, width), None where the file cannot be read."""


@dataclass(kw_only=True, slots=True)
class Inventory:
    root: Path
    landmarks: LandmarkSet
    entries: list[Entry] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def add(self, kind: str, text: str, *images: str, symbols: tuple[str, ...] = ()) -> None:
        self.findings.append(Finding(kind=kind, text=text, images=images, symbols=symbols))


def take_inventory(root: Path, data_format: str) -> Inventory:
    """Everything below `root`. Raises: DataError where it is no data set of this format at all."""
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; --root is the folder of the data set")
    inventory = {"isbi2015": _isbi, "table": _table}.get(data_format, _aariz)(root)
    if not inventory.entries:
        raise DataError(f"{root}: no images in the layout of '{data_format}'; see data/README.md")
    for name, count in Counter(entry.image_id for entry in inventory.entries).items():
        if count > 1:
            places = ", ".join(e.path.relative_to(root).as_posix() for e in inventory.entries if e.image_id == name)
            inventory.add("doubled id", f"{name}: the id of {count} images: {places}", name)
    return inventory


def _images(folder: Path, split: str) -> list[Entry]:
    return [Entry(image_id=path.stem, path=path, split=split) for path in image_files(folder)]


def _aariz(root: Path) -> Inventory:
    inventory, manifest = Inventory(root=root, landmarks=AARIZ29), Manifest(root)
    machines = _aariz_csv(inventory, root / aariz.CSV_NAME)
    for split in aariz.SPLITS:
        folder = aariz.find_split(root, split)
        if folder is None:
            inventory.add("split missing", f"{split}: no folder of this split")
            continue
        if not (folder / "Cephalograms").is_dir():
            inventory.add("split missing", f"{split}: no folder {folder / 'Cephalograms'}")
            continue
        entries = _images(folder / "Cephalograms", split)
        names = {entry.image_id for entry in entries}
        for reader, place in aariz.reader_folders(folder).items():
            files = {path.stem: path for path in sorted(place.glob("*.json"))} if place.is_dir() else {}
            _unmatched(inventory, names, files, split, f"{reader} reader's points")
            for entry in entries:
                if entry.image_id in files:
                    _aariz_points(inventory, entry, reader, files[entry.image_id])
        for entry in entries:
            try:
                aariz.read_cvm(folder, entry.image_id)
            except DataError as error:
                inventory.add("CVM stage broken", f"{entry.image_id}: {error}", entry.image_id)
            if entry.image_id in machines:
                entry.device, size, mode = machines.pop(entry.image_id)
                entry.pixel_size = manifest.pixel_size(entry.path, size)
                if mode and mode != split:
                    inventory.add("split disagrees", f"{entry.image_id}: lies in {split}, the CSV says {mode}", entry.image_id)
            else:
                inventory.add("not in CSV", f"{entry.image_id}: no row in {aariz.CSV_NAME}", entry.image_id)
        inventory.entries += entries
    if machines:
        some = ", ".join(sorted(machines)[:5]) + (", ..." if len(machines) > 5 else "")
        inventory.add("image missing", f"{len(machines)} rows of {aariz.CSV_NAME} have no image: {some}")
    return inventory


def _aariz_csv(inventory: Inventory, path: Path) -> dict[str, tuple[str, float, str]]:
    try:
        machines = aariz.read_machines(path)
    except DataError as error:
        inventory.add("CSV broken", str(error))
        return {}
    counts = Counter(row["cephalogram_id"] for _, row in aariz.read_rows(path))
    for name, count in counts.items():
        if count > 1:
            inventory.add("doubled id", f"{name}: stands in {count} rows of {path.name}", name)
    return machines


def _aariz_points(inventory: Inventory, entry: Entry, reader: str, path: Path) -> None:
    try:
        entries, points = aariz.read_annotation(path)
    except DataError as error:
        reason = str(error).removeprefix(f"{path}: ").split(";")[0]
        inventory.add("annotation broken", f"{entry.image_id}: {reader} reader's file: {reason}", entry.image_id)
        return
    counts = Counter(item["symbol"] for item in entries)
    doubled = tuple(s for s, count in counts.items() if count > 1)
    if doubled:
        line = f"{entry.image_id}: {', '.join(doubled)} more than once in the {reader} reader's file"
        inventory.add("doubled point", line, entry.image_id, symbols=doubled)
    unset = tuple(i["symbol"] for i in entries if i["symbol"] in AARIZ29.symbols and _is_unset(i["value"]))
    if unset:
        line = f"{entry.image_id}: {', '.join(unset)} at (-1, -1) in the {reader} reader's file"
        inventory.add("point (-1, -1)", line, entry.image_id, symbols=unset)
        points[[AARIZ29.index(s) for s in unset]] = np.nan
    entry.readers[reader] = points
    _missing(inventory, entry, reader, tuple(s for s in AARIZ29.symbols if s not in counts))


def _is_unset(value: dict | None) -> bool:
    return not value or (value["x"], value["y"]) == (-1, -1)


def _missing(inventory: Inventory, entry: Entry, reader: str, symbols: tuple[str, ...]) -> None:
    if symbols:
        who = f" in the {reader} reader's file" if reader != "truth" else ""
        line = f"{entry.image_id}: no {', '.join(symbols)}{who}"
        inventory.add("missing point", line, entry.image_id, symbols=symbols)


def _unmatched(inventory: Inventory, names: set[str], files: dict[str, Path], split: str, what: str) -> None:
    for name in sorted(names - files.keys()):
        inventory.add("annotation missing", f"{name}: no {what} ({split})", name)
    for name in sorted(files.keys() - names):
        inventory.add("image missing", f"{name}: {what}, but no image in {split}", name)


def _isbi(root: Path) -> Inventory:
    inventory, manifest = Inventory(root=root, landmarks=ISBI19), Manifest(root)
    folders = isbi.reader_folders(root)
    for split, folder in isbi.FOLDERS.items():
        place = root / "RawImage" / folder
        if not place.is_dir():
            continue
        entries = _images(place, split)
        names = {entry.image_id for entry in entries}
        for reader, annotated in folders.items():
            files = {path.stem: path for path in sorted(annotated.glob("*.txt"))}
            # the folders hold the points of all 400 images: only those between this split's first and last are its own
            own = {n: p for n, p in files.items() if names and min(names) <= n <= max(names)}
            _unmatched(inventory, names, own, split, f"{reader} reader's points")
            for entry in entries:
                if entry.image_id in own:
                    _isbi_points(inventory, entry, reader, own[entry.image_id])
        for entry in entries:
            entry.device = isbi.DEVICE
            entry.pixel_size = manifest.scaled_pixel_size(entry.path, isbi.PIXEL_SIZE_MM)
        inventory.entries += entries
    return inventory


def _isbi_points(inventory: Inventory, entry: Entry, reader: str, path: Path) -> None:
    try:
        points = isbi.read_points(path)
    except DataError as error:
        reason = str(error).removeprefix(f"{path}: ").split(";")[0]
        inventory.add("annotation broken", f"{entry.image_id}: {reader} reader's file: {reason}", entry.image_id)
        return
    unset = tuple(s for s, point in zip(ISBI19.symbols, points, strict=True) if np.isnan(point).all())
    if unset:
        line = f"{entry.image_id}: {', '.join(unset)} at (-1, -1) in the {reader} reader's file"
        inventory.add("point (-1, -1)", line, entry.image_id, symbols=unset)
    entry.readers[reader] = points


def _table(root: Path) -> Inventory:
    path = root / "landmarks.csv"
    if not path.is_file() or not (root / "images").is_dir():
        raise DataError(f"{root}: a table data set is a folder with images/ and landmarks.csv")
    landmarks, rows = table.read_rows(path)
    inventory, manifest = Inventory(root=root, landmarks=landmarks), Manifest(root)
    for line, row in rows:
        place = root / "images" / row["image"]
        if not place.is_file():
            inventory.add("image missing", f"{row['image']}: a row, but no image", Path(row["image"] or "?").stem)
            continue
        device, split = row.get("device") or "unknown", row.get("split") or "all"
        entry = Entry(image_id=place.stem, path=place, split=split, device=device)
        _table_cells(inventory, entry, row, f"{path}, line {line}", manifest)
        inventory.entries.append(entry)
    listed = {entry.path for entry in inventory.entries}
    for image in image_files(root / "images", below=True):
        if image not in listed:
            inventory.add("annotation missing", f"{image.stem}: no row in landmarks.csv", image.stem)
    return inventory


def _table_cells(inventory: Inventory, entry: Entry, row: dict[str, str], where: str, manifest: Manifest) -> None:
    symbols, broken = inventory.landmarks.symbols, set()
    points = np.full((len(symbols), 2), np.nan)
    for k, symbol in enumerate(symbols):
        try:
            points[k] = [table.read_number(row, f"{symbol}_{axis}", where) for axis in "xy"]
        except DataError as error:
            broken.add(symbol)
            inventory.add("broken cell", f"{entry.image_id}: {error}", entry.image_id, symbols=(symbol,))
    try:
        size = table.read_pixel_size(row, where)
        entry.pixel_size = None if math.isnan(size) else manifest.pixel_size(entry.path, size)
    except DataError as error:
        inventory.add("broken cell", f"{entry.image_id}: {error}", entry.image_id)
    unset = (points == -1).all(axis=1)
    if unset.any():
        names = tuple(np.array(symbols)[unset].tolist())
        inventory.add("point (-1, -1)", f"{entry.image_id}: {', '.join(names)} at (-1, -1)", entry.image_id, symbols=names)
    gaps = np.isnan(points).any(axis=1)
    _missing(inventory, entry, "truth", tuple(s for s, gap in zip(symbols, gaps, strict=True) if gap and s not in broken))
    points[unset | gaps] = np.nan
    entry.readers["truth"] = points
