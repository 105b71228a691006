"""Predictions as data sets, in the formats that annotation tools open and that a training reads."""

import logging
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from landmarks.formats.survey import TRUTH, Film, Survey
from landmarks.formats.writing import named_formats, write_set
from landmarks.schema import GROUPS, LandmarkSet

log = logging.getLogger(__name__)

# Folders, and what is left of a name that is not UTF-8, which no format can hold.
_NO_NAME = re.compile("[/\ud800-\udfff]")


def check_formats(names: Sequence[str]) -> tuple[str, ...]:
    """The names, each once. Raises: ValueError where one is no format that holds any landmarks."""
    known = named_formats()
    for name in names:
        if name not in known:
            raise ValueError(f"--save: found {name!r}; write one or more of {', '.join(known)}, with commas between them")
    return tuple(dict.fromkeys(names))


def write_predicted(found: Sequence[tuple[str, dict]], output: Path, names: Sequence[str]) -> None:
    """A folder `output`/<format> for each name; one that is there is left as it is.

    Args:
        found: the file of each film, and its entry of predictions.json; films without points are left out.
    """
    films = _films(found)
    if not films:
        return
    symbols = tuple(next(iter(found))[1]["points"])
    for name in names:
        folder = output / name
        if folder.exists():
            continue
        landmarks = LandmarkSet(name=name, symbols=symbols, groups=GROUPS)
        for line in write_set(Survey(root=output, landmarks=landmarks, films=films), folder, name):
            log.info(f"not kept: {line}")
        log.info(f"{folder}: {len(films)} films")


def _films(found: Sequence[tuple[str, dict]]) -> list[Film]:
    """The films with points, under names that no two share whatever their folders are: they are ids in most formats."""
    films: dict[str, Film] = {}
    named: set[str] = set()
    for path, film in found:
        points_px = np.array([point or (np.nan, np.nan) for point in film["points"].values()], dtype=float)
        # a DICOM film that was given twice has one pseudonym
        if film["name"] in named or not np.isfinite(points_px).any():
            continue
        named.add(film["name"])
        name = flat = _NO_NAME.sub("_", film["name"])
        number = 1
        while name.casefold() in films:
            number += 1
            name = f"{flat}_{number}"
        films[name.casefold()] = _film(path, name, film, points_px)
    return list(films.values())


def _film(path: str, name: str, film: dict, points_px: np.ndarray) -> Film:
    return Film(
        image_id=name,
        path=Path(path),
        device=film["device"],
        pixel_size=tuple(film["pixel_size"]) if film["pixel_size"] else None,
        readers={TRUTH: points_px},
        size=(film["height"], film["width"]),
    )
