"""The Aariz data set in its official layout (Khalid et al., Sci Data 12, 1336, 2025); data/README.md shows the layout."""

import csv
import json
import math
from collections import Counter
from pathlib import Path

import numpy as np

from landmarks.cervical import is_stage
from landmarks.formats.csvfile import read_csv
from landmarks.formats.files import annotation_files, folder_named, passed_over, read_text
from landmarks.formats.manifest import Manifest
from landmarks.formats.records import DataError
from landmarks.formats.survey import TRUTH, Film, Survey, one_pixel_size
from landmarks.radiograph import image_files
from landmarks.schema import AARIZ29

LANDMARKS = AARIZ29
KEEPS = ("readers", "device", "pixel_size", "split", "cvm_stage")
SPLITS = ("train", "valid", "test")
CSV_NAME = "cephalogram_machine_mappings.csv"
_READERS = {"senior": "Senior Orthodontists", "junior": "Junior Orthodontists"}
_TRUTHS = ("mean", "senior", "junior", "official")
_CSV_COLUMNS = ("cephalogram_id", "machine", "pixel_size")
_POINTS = Path("Annotations", "Cephalometric Landmarks")
_STAGES = Path("Annotations", "CVM Stages")
# A millionth of a pixel: below the rounding of any figure, and the files stay readable.
_DECIMALS = 6


def scan(root: Path) -> Survey:
    """Images, both readers' points, CVM stages and the CSV of all splits."""
    survey = Survey(root=root, landmarks=AARIZ29, splits=SPLITS, truths=_TRUTHS)
    manifest, machines = Manifest(root), _scan_csv(survey, root / CSV_NAME)
    for split in SPLITS:
        # the zip spells its split folders in lower case, the authors' loader capitalised
        folder = folder_named(root, split)
        if folder is None:
            error = f"{root / split}: no such folder; the Aariz layout has train, valid and test below data.root"
            survey.add("split missing", f"{split}: no folder of this split", error=error, split=split)
        elif folder_named(folder, "Cephalograms") is None:
            error = f"{folder / 'Cephalograms'}: no such folder; see data/README.md for the layout"
            survey.add("split missing", f"{split}: no folder {folder / 'Cephalograms'}", error=error, split=split)
        else:
            _scan_split(survey, folder, split, machines, manifest)
    if machines:
        some = ", ".join(sorted(machines)[:5]) + (", ..." if len(machines) > 5 else "")
        survey.add("image missing", f"{len(machines)} rows of {CSV_NAME} have no image: {some}")
    return survey


def image_place(film: Film) -> str:
    """Where a film's image lies below the root, without suffix."""
    if film.split not in SPLITS:
        raise DataError(f"{film.path}: split '{film.split}'; Aariz has train, valid and test")
    return f"{film.split}/Cephalograms/{film.image_id}"


def write(survey: Survey, root: Path) -> None:
    """Both readers' files, CVM stages and the CSV, for films whose images lie below `root`. Raises: DataError."""
    for symbol in survey.landmarks.symbols:
        AARIZ29.index(symbol)
    rows = [[*_CSV_COLUMNS, "image_format", "mode"]]
    for film in survey.films:
        image_place(film)
        size = one_pixel_size(film, "aariz")
        if size is None:
            raise DataError(f"{film.path}: no pixel size; the Aariz CSV needs one for each image")
        folder, content = film.path.parents[1], {"ceph_id": film.image_id}
        source = {"dataset_name": "Aariz", "dataset_split": film.split}
        for reader, points_px in film.readers.items():
            place = folder / _POINTS / _READERS["senior" if reader == TRUTH else reader]
            _write_json(place / f"{film.image_id}.json", content | {"landmarks": _entries(survey, points_px)} | source)
        if film.cvm_stage is not None:
            stage = {"title": f"CVM-S{film.cvm_stage}", "value": film.cvm_stage}
            _write_json(folder / _STAGES / f"{film.image_id}.json", content | {"cvm_stage": stage} | source)
        rows.append([film.image_id, film.device, repr(size), film.path.suffix[1:].lower(), film.split.capitalize()])
    with (root / CSV_NAME).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def _entries(survey: Survey, points_px: np.ndarray) -> list[dict]:
    entries = []
    for symbol, point in zip(survey.landmarks.symbols, points_px, strict=True):
        if np.isfinite(point).all():
            x, y = (int(v) if v.is_integer() else v for v in point.round(_DECIMALS).tolist())
            entries.append({"title": AARIZ29.title(symbol), "symbol": symbol, "value": {"x": x, "y": y}})
    return entries


def _write_json(path: Path, content: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8", newline="\n")


def _scan_csv(survey: Survey, path: Path) -> dict[str, tuple[str, float, str]]:
    """The CSV: image id -> (device, pixel size in mm, split)."""
    machines = {}
    try:
        if not path.is_file():
            raise DataError(f"{path}: no such file; the Aariz CSV gives each image's device and pixel size")
        table = read_csv(path, _CSV_COLUMNS, f"needed are {', '.join(_CSV_COLUMNS)}")
        survey.notes.append(table.note)
        for line, row in table.rows:
            size = table.number(row, "pixel_size", line)
            if not size > 0:
                where = f"{path}, line {line}: image {row['cephalogram_id']}"
                raise DataError(f"{where} has pixel size '{row['pixel_size']}'; write millimetres, e.g. 0.1")
            machines[row["cephalogram_id"]] = (row["machine"], size, row.get("mode", "").lower())
    except DataError as error:
        survey.add("CSV broken", str(error), error=str(error))
        return {}
    for name, count in Counter(row["cephalogram_id"] for _, row in table.rows).items():
        if count > 1:
            survey.add("doubled id", f"{name}: stands in {count} rows of {path.name}", name)
    return machines


def _scan_split(survey: Survey, folder: Path, split: str, machines: dict, manifest: Manifest) -> None:
    place = folder_named(folder, "Cephalograms")
    paths = image_files(place)
    survey.notes.append(passed_over(place))
    images = {path.stem: path for path in paths}
    readers: dict[str, dict[str, np.ndarray]] = {name: {} for name in images}
    places = {reader: folder / _POINTS / name for reader, name in _READERS.items()}
    if not any(place.is_dir() for place in places.values()):
        error = f"{folder / _POINTS}: no reader's folder; see data/README.md"
        survey.add("annotation missing", f"{split}: no reader's folder", error=error, split=split)
    for reader, place in places.items():
        files = {path.stem: path for path in annotation_files(place, ".json")}
        survey.match(images, files, split, f"{reader} reader's points", blocks=(place.is_dir(), True))
        for name in (path.stem for path in paths if path.stem in files):
            if (points := _scan_points(survey, name, split, reader, files[name])) is not None:
                readers[name][reader] = points
    for path in paths:
        stage = _scan_stage(survey, folder, path.stem, split)
        resized = survey.sizes_before(manifest, path, path.stem)
        device, size = _scan_device(survey, path, split, machines, path.stem)
        stretch = resized.stretch if resized else (1.0, 1.0)
        pixel_size = None if size is None else (size * stretch[0], size * stretch[1])
        film = Film(image_id=path.stem, path=path, split=split, device=device, pixel_size=pixel_size,
                    readers=readers[path.stem], cvm_stage=stage, resized=resized)  # fmt: skip
        survey.films.append(film)


def _scan_device(survey: Survey, path: Path, split: str, machines: dict, name: str) -> tuple[str, float | None]:
    if name not in machines:
        error = f"{path}: not listed in {CSV_NAME}; add its row with device and pixel size"
        survey.add("not in CSV", f"{name}: no row in {CSV_NAME}", name, error=error, split=split)
        return "unknown", None
    device, size, mode = machines.pop(name)
    if mode and mode != split:
        survey.add("split disagrees", f"{name}: lies in {split}, the CSV says {mode}", name)
    return device, size


def _scan_points(survey: Survey, name: str, split: str, reader: str, path: Path) -> np.ndarray | None:
    try:
        entries, points = read_annotation(path)
    except DataError as error:
        reason = str(error).removeprefix(f"{path}: ").split(";")[0]
        line = f"{name}: {reader} reader's file: {reason}"
        survey.add("annotation broken", line, name, error=str(error), split=split)
        return None
    counts = Counter(item["symbol"] for item in entries)
    doubled = tuple(s for s, count in counts.items() if count > 1)
    if doubled:
        line = f"{name}: {', '.join(doubled)} more than once in the {reader} reader's file"
        survey.add("doubled point", line, name, symbols=doubled)
    unset = tuple(i["symbol"] for i in entries if i["symbol"] in AARIZ29.symbols and _is_unset(i["value"]))
    survey.unset_points(name, unset, reader)
    points[[AARIZ29.index(symbol) for symbol in unset]] = np.nan
    survey.missing_points(name, tuple(s for s in AARIZ29.symbols if s not in counts), reader)
    return points


def _is_unset(value: dict | None) -> bool:
    return not value or (value["x"], value["y"]) == (-1, -1)


def read_annotation(path: Path) -> tuple[list[dict], np.ndarray]:
    """One reader's file: its entries as they stand there, and the points [29, 2] in source px, joined by symbol."""
    points = np.full((len(AARIZ29), 2), np.nan)
    try:
        entries = json.loads(read_text(path))["landmarks"]
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


def _scan_stage(survey: Survey, folder: Path, name: str, split: str) -> int | None:
    path = next((path for suffix in (".json", ".JSON") if (path := folder / _STAGES / f"{name}{suffix}").is_file()), None)
    if path is None:
        return None
    try:
        stage = int(json.loads(read_text(path))["cvm_stage"]["value"])
        if is_stage(stage):
            return stage
        line = f"{path}: CVM stage {stage}; stages are 1 to 6: restore or remove the file"
        survey.add("CVM stage impossible", f"{name}: {line}", name, error=line, split=split)
    except (OSError, ValueError, KeyError, TypeError) as error:
        line = f"{path}: broken CVM file ({type(error).__name__}: {error}); restore or remove it"
        survey.add("CVM stage broken", f"{name}: {line}", name, error=line, split=split)
    return None
