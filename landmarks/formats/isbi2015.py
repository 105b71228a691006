"""The ISBI 2015 challenge's data set in its own layout; data/README.md shows it."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from landmarks.formats.files import annotation_files, folder_named, passed_over
from landmarks.formats.manifest import Manifest
from landmarks.formats.records import DataError
from landmarks.formats.survey import TRUTH, Film, Survey
from landmarks.radiograph import image_files
from landmarks.schema import ISBI19

LANDMARKS = ISBI19
KEEPS = ("readers", "pixel_size", "split")
PIXEL_SIZE_MM = 0.1
DEVICE = "ISBI 2015"
FOLDERS = {"train": "TrainingData", "test1": "Test1Data", "test2": "Test2Data"}
# as copies of the set name them, in any case, beside or below RawImage
_OTHER_NAMES = {"train": ("train", "training"), "test1": ("test1",), "test2": ("test2",)}
_READERS = {"senior": "400_senior", "junior": "400_junior"}
_TRUTHS = ("mean", "senior", "junior")
_DECIMALS = 6


def scan(root: Path) -> Survey:
    """Images and both readers' points of the parts that are there."""
    survey = Survey(root=root, landmarks=ISBI19, splits=tuple(FOLDERS), truths=_TRUTHS, holds_out_valid=True)
    manifest, files = Manifest(root), _reader_files(survey)
    for split in FOLDERS:
        if folder := _images_of(root, split):
            _scan_part(survey, folder, split, files, manifest)
    return survey


def _images_of(root: Path, split: str) -> Path | None:
    parents = (folder_named(root, "RawImage"), root)
    for parent in filter(None, parents):
        for name in (FOLDERS[split], *_OTHER_NAMES[split]):
            if folder := folder_named(parent, name):
                return folder
    return None


def image_place(film: Film) -> str:
    """Where a film's image lies below the root, without suffix."""
    if film.split not in FOLDERS:
        raise DataError(f"{film.path}: split '{film.split}'; ISBI 2015 has {', '.join(FOLDERS)}")
    return f"RawImage/{FOLDERS[film.split]}/{film.image_id}"


def write(survey: Survey, root: Path) -> None:
    """Both readers' files, for films whose images lie below `root`. Raises: DataError."""
    rows = [survey.landmarks.index(symbol) for symbol in ISBI19.symbols]
    for film in survey.films:
        image_place(film)
        expected = _pixel_size(film)
        if film.pixel_size is not None and not np.allclose(film.pixel_size, expected, rtol=1e-6):
            raise DataError(f"{film.path}: pixel size {film.pixel_size}; the layout of ISBI 2015 means {PIXEL_SIZE_MM} mm")
        for reader, points_px in film.readers.items():
            folder = root / "AnnotationsByMD" / _READERS["senior" if reader == TRUTH else reader]
            folder.mkdir(parents=True, exist_ok=True)
            points_px = np.nan_to_num(points_px[rows], nan=-1).round(_DECIMALS)
            lines = [f"{_word(x)},{_word(y)}" for x, y in points_px.tolist()]
            text = "\n".join(lines) + film.extra.get(reader, "\n")
            (folder / f"{film.image_id}.txt").write_text(text, encoding="utf-8", newline="\n")


def _word(value: float) -> str:
    return f"{value:.0f}" if value.is_integer() else f"{value:.{_DECIMALS}f}"


def _pixel_size(film: Film) -> tuple[float, float]:
    x, y = film.resized.pixel_factors if film.resized else (1.0, 1.0)
    return PIXEL_SIZE_MM * x, PIXEL_SIZE_MM * y


def _reader_files(survey: Survey) -> dict[str, dict[str, Path]]:
    """The readers' files by name. They lie below AnnotationsByMD; in copies, at the top or below any other folder."""
    files = {}
    others = sorted(path for path in survey.root.iterdir() if path.is_dir())
    parents = [*filter(None, [folder_named(survey.root, "AnnotationsByMD")]), survey.root, *others]
    for reader, name in _READERS.items():
        if place := next(filter(None, (folder_named(parent, name) for parent in parents)), None):
            files[reader] = {path.stem: path for path in annotation_files(place, ".txt")}
    if not files:
        line = f"{survey.root / 'AnnotationsByMD'}: no reader's folder (400_senior, 400_junior)"
        survey.add("annotation missing", line, error=line)
    return files


def _scan_part(survey: Survey, folder: Path, split: str, files: dict[str, dict[str, Path]], manifest: Manifest) -> None:
    paths = image_files(folder)
    survey.notes.append(passed_over(folder))
    images = {path.stem: path for path in paths}
    readers: dict[str, dict[str, np.ndarray]] = {name: {} for name in images}
    rest: dict[str, dict[str, str]] = {name: {} for name in images}
    for reader, found in files.items():
        own = _own_files(images, found)
        survey.match(images, own, split, f"{reader} reader's points", blocks=(True, False))
        for name in (path.stem for path in paths if path.stem in own):
            if (points := _scan_points(survey, name, split, reader, own[name])) is not None:
                readers[name][reader], rest[name][reader] = points
    for path in paths:
        film = Film(image_id=path.stem, path=path, split=split, device=DEVICE, readers=readers[path.stem],
                    resized=survey.sizes_before(manifest, path, path.stem), extra=rest[path.stem])  # fmt: skip
        survey.films.append(replace(film, pixel_size=_pixel_size(film)))


def _own_files(images: dict[str, Path], found: dict[str, Path]) -> dict[str, Path]:
    """A reader's files of this part by the names of its images, or by their own names where there is no image.

    The folders hold the points of all 400 images: only those between this part's first and last are its own. Copies
    write 7 in one place and 007 in the other.
    """
    if not images:
        return {}
    numbers = {_order(name): name for name in images}
    named = {name if name in images else numbers.get(_order(name), name): path for name, path in found.items()}
    return {name: path for name, path in named.items() if min(numbers) <= _order(name) <= max(numbers)}


def _order(name: str) -> tuple[int, str]:
    return (int(name), "") if name.isdecimal() else (-1, name)


def _scan_points(survey: Survey, name: str, split: str, reader: str, path: Path) -> tuple[np.ndarray, str] | None:
    try:
        points, rest = read_points(path)
    except DataError as error:
        reason = str(error).removeprefix(f"{path}: ").split(";")[0]
        line = f"{name}: {reader} reader's file: {reason}"
        survey.add("annotation broken", line, name, error=str(error), split=split)
        return None
    unset = tuple(s for s, point in zip(ISBI19.symbols, points, strict=True) if np.isnan(point).all())
    survey.unset_points(name, unset, reader)
    return points, rest


def read_points(path: Path) -> tuple[np.ndarray, str]:
    """One reader's file -> points float64 [19, 2] source px, and the rows of classification behind them as they stand."""
    text = path.read_bytes().decode("utf-8-sig", errors="replace").replace("\r\n", "\n")
    lines = text.split("\n")[: len(ISBI19)]
    try:
        points = np.array([[float(word) for word in re.split(r"\s*[,;\s]\s*", line.strip())] for line in lines])
        if points.shape != (len(ISBI19), 2):
            raise ValueError(f"{len(lines)} lines of points")
        if np.isinf(points).any():
            raise ValueError("a point at infinity")
    except ValueError as error:
        raise DataError(f"{path}: not 19 lines 'x,y' ({error}); restore the file") from error
    points = np.where((points == -1).all(axis=1, keepdims=True), np.nan, points)
    return points, text.removeprefix("\n".join(lines))
