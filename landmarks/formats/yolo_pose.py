"""YOLO pose: labels/<image>.txt beside images/, `class cx cy w h` and then x y (visible) of each point, as parts of the size.

x times the image's width is taken as it stands. data.yaml may name the points (`kpt_names`); otherwise they are called 1, 2,
... and data.names or --names says which landmarks these are. Folders train, val and test below images/ and labels/ are splits.
"""

from pathlib import Path

import numpy as np
import yaml

from landmarks.formats.labelled import Labelled, known_points, survey_of
from landmarks.formats.records import DataError
from landmarks.formats.survey import TRUTH, Film, Survey
from landmarks.radiograph import ImageError, image_files, read_gray

LANDMARKS = None
KEEPS = ()
_SPLITS = {"train": "train", "val": "valid", "valid": "valid", "test": "test"}


def scan(root: Path) -> Survey:
    """Raises: DataError where there are no labels, or one cannot be read."""
    names, dimensions = _read_yaml(root / "data.yaml")
    found = []
    for image in image_files(root / "images", below=True) if (root / "images").is_dir() else []:
        place = image.relative_to(root / "images")
        label = root / "labels" / place.with_suffix(".txt")
        if label.is_file():
            found.append(_labelled(label, image, root, names, dimensions))
    survey = survey_of(root, found, order=names)
    images = {film.image_id for film in survey.films}
    for label in sorted((root / "labels").rglob("*.txt")):
        if label.stem not in images and label.name != "classes.txt" and not label.name.startswith("."):
            error = f"{label}: labels without image; add the image or remove the file"
            survey.add("image missing", f"{label.stem}: labels, but no image", label.stem, error=error)
    return survey


def image_place(film: Film) -> str:
    return f"images/{film.image_id}"


def write(survey: Survey, root: Path) -> None:
    symbols = survey.landmarks.symbols
    for film in survey.films:
        height, width = film.size or read_gray(film.path).shape
        known = known_points(film, symbols)
        words = [f"{known[s][0] / width:.9f} {known[s][1] / height:.9f} 2" if s in known else "0 0 0" for s in symbols]
        label = root / "labels" / film.path.relative_to(root / "images").with_suffix(".txt")
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text(" ".join(["0 0.5 0.5 1 1", *words]) + "\n", encoding="utf-8")
    # no `path`: the trainer then takes the folder of this file, and not the one that it is started in
    about = {"train": "images", "val": "images", "kpt_shape": [len(symbols), 3], "names": {0: "head"},
             "kpt_names": {0: list(symbols)}}  # fmt: skip
    (root / "data.yaml").write_text(yaml.safe_dump(about, allow_unicode=True, sort_keys=False), encoding="utf-8")


def _read_yaml(path: Path) -> tuple[tuple[str, ...], int]:
    """Names of the points, and numbers a point (0: not stated)."""
    if not path.is_file():
        return (), 0
    try:
        about = yaml.safe_load(path.read_text(encoding="utf-8"))
        names = about.get("kpt_names", {})
        names = next(iter(names.values()), []) if isinstance(names, dict) else names
        return tuple(str(name) for name in names), int(about["kpt_shape"][1])
    except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
        reason = " ".join(str(error).split())[:120]
        raise DataError(f"{path}: not the description of a pose data set ({type(error).__name__}: {reason})") from error


def _labelled(label: Path, image: Path, root: Path, names: tuple[str, ...], dimensions: int) -> Labelled:
    try:
        lines = [line.split() for line in label.read_text(encoding="utf-8").splitlines() if line.strip()]
        if len(lines) != 1:
            raise ValueError(f"{len(lines)} objects; a cephalogram has one head")
        values = np.array([float(word) for word in lines[0][5:]])
        size = dimensions or (3 if len(values) % 3 == 0 and np.isin(values[2::3], (0, 1, 2)).all() else 2)
        if len(values) == 0 or len(values) % size or (names and len(values) != size * len(names)):
            raise ValueError(f"{len(values)} numbers for {len(names) or 'some'} points of {size}")
        height, width = read_gray(image).shape
    except (OSError, UnicodeDecodeError, ValueError) as error:
        if isinstance(error, ImageError):
            raise DataError(str(error)) from error
        raise DataError(f"{label}: not a line of key points ({error}); restore the file") from error
    points = values.reshape(-1, size)
    known = points[:, 2] > 0 if size == 3 else np.ones(len(points), dtype=bool)
    labels = names or tuple(str(k) for k in range(1, len(points) + 1))
    found = {s: (float(x) * width, float(y) * height) for s, (x, y), k in zip(labels, points[:, :2], known, strict=True) if k}
    place = image.relative_to(root)
    return Labelled(image=place.as_posix(), where=str(label), readers={TRUTH: found},
                    split=_SPLITS.get(place.parts[1].lower(), "all"), size=(height, width))  # fmt: skip
