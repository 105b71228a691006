"""Images in a folder a stage: train/1 to train/6, valid/1 to valid/6, or 1 to 6 alone; the Aariz cervical crops lie so.

A folder may also be called CS1, S1 or CVM-S1. `stages.csv` with the columns image,stage adds further readers' stages,
a row a reader and image. There are no landmarks.
"""

import csv
import re
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from landmarks.cervical import is_stage
from landmarks.formats.csvfile import read_csv
from landmarks.formats.records import DataError
from landmarks.formats.survey import TRUTH, Film, Survey
from landmarks.radiograph import image_files
from landmarks.schema import NO_LANDMARKS

LANDMARKS = NO_LANDMARKS
KEEPS = ("split", "cvm_stage")
_SPLITS = {"train": "train", "training": "train", "val": "valid", "valid": "valid", "validation": "valid", "test": "test"}
_STAGE = re.compile(r"(?:cvm)?[-_ ]*(?:c?s)?[-_ ]*(\d+)", re.IGNORECASE)
_READERS = "stages.csv"


def scan(root: Path) -> Survey:
    """All images by split and stage. Raises: DataError where there is no folder of a stage."""
    survey = Survey(root=root, landmarks=NO_LANDMARKS)
    folders = {path: _SPLITS[path.name.lower()] for path in _folders(root) if path.name.lower() in _SPLITS}
    survey.splits = tuple(dict.fromkeys(folders.values()))
    more = _more_readers(survey, root / _READERS)
    for folder, split in folders.items() if folders else [(root, "all")]:
        if not any(_STAGE.fullmatch(path.name) for path in _folders(folder)):
            raise DataError(f"{folder}: no folders of stages; the images of a stage lie in a folder named 1 to 6")
        for path in _folders(folder):
            _scan_folder(survey, path, split, more)
    _doubled(survey)
    for name in sorted(more.keys() - {film.image_id for film in survey.films}):
        survey.add("image missing", f"{name}: a row in {_READERS}, but no image", name)
    return survey


def image_place(film: Film) -> str:
    """Where a film's image lies below the root, without suffix. Raises: DataError where it has no stage."""
    if film.cvm_stage is None:
        raise DataError(f"{film.path}: no cervical stage; class_folders holds images by their stage")
    split = "" if film.split == "all" else f"{film.split}/"
    return f"{split}{film.cvm_stage}/{film.image_id}"


def write(survey: Survey, root: Path) -> None:
    """stages.csv, where films have further readers; the stage itself is the folder of the image."""
    rows = [(film.image_id, stage) for film in survey.films for stage in film.cvm_readers[1:]]
    if not rows:
        return
    with (root / _READERS).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([("image", "stage"), *rows])


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith((".", "__")))


def _scan_folder(survey: Survey, folder: Path, split: str, more: dict[str, list[int]]) -> None:
    found = _STAGE.fullmatch(folder.name)
    stage = int(found[1]) if found and is_stage(int(found[1])) else None
    images = image_files(folder)
    if stage is None and images:
        kind = "CVM stage impossible" if found else "CVM stage missing"
        names = ", ".join(path.stem for path in images[:3]) + (", ..." if len(images) > 3 else "")
        line = f"{folder}: {len(images)} images in a folder that names no stage from 1 to 6 ({names})"
        error = f"{folder}: stages are 1 to 6; rename the folder or move its images" if found else ""
        survey.add(kind, line, *(path.stem for path in images), error=error, split=split)
    for path in images:
        others = more.get(path.stem, [])
        film = Film(
            image_id=path.stem,
            path=path,
            split=split,
            readers={TRUTH: np.empty((0, 2))},
            cvm_stage=stage,
            cvm_readers=(stage, *others) if stage and others else (),
        )
        survey.films.append(film)


def _more_readers(survey: Survey, path: Path) -> dict[str, list[int]]:
    """Further readers' stages by image."""
    stages: dict[str, list[int]] = defaultdict(list)
    if not path.is_file():
        return stages
    table = read_csv(path, ("image", "stage"), "the header is image,stage")
    for line, row in table.rows:
        value, name = table.number(row, "stage", line), Path(row["image"]).stem
        if not (value.is_integer() and is_stage(int(value))):
            error = f"{path}, line {line}: stage '{row['stage']}'; write 1 to 6, or remove the row"
            survey.add("CVM stage impossible", f"{name}: {error}", name, error=error)
            continue
        stages[name].append(int(value))
    return stages


def _doubled(survey: Survey) -> None:
    """One image in the folders of two stages."""
    counts = Counter((film.split, film.image_id) for film in survey.films)
    for split, name in (key for key, count in counts.items() if count > 1):
        films = [film for film in survey.films if (film.split, film.image_id) == (split, name)]
        folders = " and ".join(film.path.parent.name for film in films)
        error = f"{films[1].path}: also in the folder {films[0].path.parent}; keep one"
        survey.add("CVM stage doubled", f"{name}: lies in the folders {folders} of {split}", name, error=error, split=split)
