"""Writes films with their points as a data set: images copied, or as PNG, and of the rest what the format can hold."""

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
from tqdm import tqdm

from landmarks.formats import FORMATS, GENERATED
from landmarks.formats.reading import format_named
from landmarks.formats.records import DataError
from landmarks.formats.survey import TRUTH, Film, Survey
from landmarks.radiograph import read_radiograph
from landmarks.schema import LandmarkSet
from landmarks.wholefile import put_in_place

# What every annotation tool opens; films of other kinds are written as PNG at full depth.
_COPIED = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
# Splits have other names in some layouts: for a film's split, the first of these that the target takes.
_OTHER_SPLITS = {"all": ("train",), "test": ("test1",), "test1": ("test",), "test2": ("test",), "valid": ("train",)}


def named_formats() -> list[str]:
    """The formats that hold landmarks of any names, in which a model's points can be written."""
    return sorted(name for name, form in FORMATS.items() if name not in GENERATED and _holds_names(form))


def _holds_names(form: ModuleType) -> bool:
    return hasattr(form, "write") and form.LANDMARKS is None and not getattr(form, "NUMBERED", False)


def write_set(survey: Survey, output: Path, target: str, *, pixels: Iterator[np.ndarray] | None = None) -> list[str]:
    """Writes the films of a survey to the new folder `output` in the format `target`.

    Args:
        pixels: of each film, where its path holds none.
    Returns: lines that say what the target cannot hold.
    Raises: DataError, with nothing left behind.

    Example:
        for line in write_set(survey, Path("data/mine"), "table"):
            print(f"not kept: {line}")
    """
    module = format_named(target)
    survey, lost = _fitted(survey, module, target)
    places = _places(survey, module)
    unfinished = output.with_name(f".{output.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        films = list(_write_images(pixels, unfinished, places))
        module.write(replace(survey, root=unfinished, films=films), unfinished)
        if output.is_dir():
            output.rmdir()
        put_in_place(unfinished, output)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return lost


def _fitted(survey: Survey, module: ModuleType, target: str) -> tuple[Survey, list[str]]:
    """What of a survey the target format can hold, and a line for everything else."""
    lost, films = [], survey.films
    if module.LANDMARKS:
        survey, line = _with_landmarks(survey, module.LANDMARKS, target)
        lost, films = [line] if line else [], survey.films
    several = sum(len(film.readers) > 1 for film in films)
    if several and "readers" not in module.KEEPS:
        lost.append(f"{target} holds one reader; the mean is written for {several} films")
    for name, unknown in (("device", "unknown"), ("pixel_size", None), ("split", "all"), ("cvm_stage", None)):
        known = sum(getattr(film, name) != unknown for film in films)
        if known and name not in module.KEEPS:
            lost.append(f"{target} holds no {name.replace('_', ' ')}; it is left out for {known} films")
    if (len(survey.splits) and "split" in module.KEEPS) or (not survey.splits and "split" not in module.KEEPS):
        return survey, lost
    return replace(survey, splits=()), lost


def _with_landmarks(survey: Survey, landmarks: LandmarkSet, target: str) -> tuple[Survey, str]:
    common = landmarks.common_with(survey.landmarks)
    if not common:
        raise DataError(f"{target}: has none of the landmarks {', '.join(survey.landmarks.symbols[:8])}; map them with --names")
    left_out = [s for s in survey.landmarks.symbols if s not in landmarks.symbols]
    rows = [survey.landmarks.symbols.index(s) if s in common else -1 for s in landmarks.symbols]

    def ordered(points_px: np.ndarray) -> np.ndarray:
        return np.vstack([points_px, np.full((1, 2), np.nan)])[rows]

    films = [replace(f, readers={name: ordered(points) for name, points in f.readers.items()}) for f in survey.films]
    line = f"{target} does not know {', '.join(left_out)}; left out" if left_out else ""
    return replace(survey, landmarks=landmarks, films=films), line


def _places(survey: Survey, module: ModuleType) -> list[tuple[Film, str]]:
    """Each film, with a split that the target takes, and where its image goes, without suffix."""
    found = []
    for film in survey.films:
        found.append(_placed(film, module))
    doubled = [place for place, count in Counter(place.casefold() for _, place in found).items() if count > 1]
    if doubled:
        raise DataError(f"{doubled[0]}: two films would be written there; rename one of the images")
    return found


def _placed(film: Film, module: ModuleType) -> tuple[Film, str]:
    try:
        return film, module.image_place(film)
    except DataError:
        for split in _OTHER_SPLITS.get(film.split, ()):
            try:
                return replace(film, split=split), module.image_place(replace(film, split=split))
            except DataError:
                continue
        raise


def _write_images(pixels: Iterator[np.ndarray] | None, output: Path, places: list[tuple[Film, str]]) -> Iterator[Film]:
    """The films as they are in the output, which their images are written to."""
    for film, place in tqdm(places, desc="write", unit="img", leave=False, disable=None):
        (output / place).parent.mkdir(parents=True, exist_ok=True)
        if pixels is not None:
            yield _written(film, next(pixels), output, place)
        elif film.path.suffix.lower() in _COPIED:
            target = output / (place + film.path.suffix.lower())
            shutil.copyfile(film.path, target)
            yield replace(film, path=target, size=film.size or read_radiograph(film.path).gray.shape, resized=None)
        else:
            read = read_radiograph(film.path)
            size = film.pixel_size or read.pixel_size.mm
            yield replace(_written(film, read.pixels, output, place), pixel_size=size)


def _written(film: Film, pixels: np.ndarray, output: Path, place: str) -> Film:
    if pixels.dtype not in (np.uint8, np.uint16):
        span = max(float(pixels.max() - pixels.min()), 1e-12)
        pixels = np.rint((pixels - pixels.min()) / span * 65535).astype(np.uint16)
    target = output / f"{place}.png"
    cv2.imencode(".png", pixels)[1].tofile(target)
    readers = film.readers or {TRUTH: np.empty((0, 2))}
    return replace(film, path=target, size=pixels.shape, readers=readers, resized=None)
