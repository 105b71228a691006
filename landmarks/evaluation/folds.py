"""Folds of a cross-validation: films of one patient or of one exposure stay together, devices and stages are spread evenly."""

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from landmarks.check.images import check_images
from landmarks.dataconfig import DataConfig
from landmarks.formats.csvfile import read_csv
from landmarks.formats.reading import survey_dataset, without_excluded
from landmarks.formats.records import DataError
from landmarks.formats.splits import development_films
from landmarks.formats.survey import Film, Survey
from landmarks.wholefile import put_in_place

_COLUMNS = ("image", "fold", "device", "patient")
_TWINS = ("identical images", "near-identical images")


def make_folds(data: DataConfig, root: Path, folder: Path, num: int, *, seed: int, by_device: bool = False) -> list[Path]:
    """Assigns the films of 'train' and 'valid' to folds, or takes the folds that the folder has already.

    Writes folds.csv, and for each fold a list of its films that `data.held_out` can name.

    Args:
        by_device: each fold takes whole devices, so that every film is judged by a model that knows no film of its device.
    Returns: the lists. Raises: DataError.
    """
    table, lists = folder / "folds.csv", [folder / f"fold_{k + 1}.csv" for k in range(num)]
    survey = survey_dataset(data.format, root, names=data.names)
    survey.films = development_films(survey)
    if data.exclude:
        survey.films, _ = without_excluded(survey, survey.films, Path(data.exclude).expanduser())
    if table.is_file():
        _check_known(table, survey.films, num, by_device=by_device)
        return lists
    folds = assign_folds(survey.films, _same_exposures(survey), num, seed=seed, by_device=by_device)
    folder.mkdir(parents=True, exist_ok=True)
    for k, path in enumerate(lists):
        _write(path, ("image",), [(film.image_id,) for film, fold in zip(survey.films, folds, strict=True) if fold == k])
    rows = [(f.image_id, fold + 1, f.device, f.patient) for f, fold in zip(survey.films, folds, strict=True)]
    _write(table, _COLUMNS, rows)  # last: its presence says that all lists are there
    return lists


def assign_folds(
    films: Sequence[Film], together: Iterable[tuple[str, ...]], num: int, *, seed: int, by_device: bool = False
) -> np.ndarray:
    """The fold of each film, int [N] from 0: groups of films that belong together go, the largest first, where fewest are.

    Args:
        together: ids of films that show the same exposure.
        num: folds, 2 or more.
        by_device: whether all films of a device belong together.
    Raises: DataError where there are fewer groups than folds.
    """
    group = _groups(films, together, by_device=by_device)
    names, sizes = np.unique(group, return_counts=True)
    if num < 2 or len(names) < num:
        what = "devices" if by_device else "films that do not belong together"
        raise DataError(f"--folds: found {num} for {len(names)} {what}; write a number from 2 to {max(2, len(names))}")
    order = np.random.default_rng([seed, 0xF01D]).permutation(len(names))
    order = order[np.argsort(-sizes[order], kind="stable")]
    folds, taken = np.zeros(len(films), dtype=int), Counter()
    for name in names[order]:
        members = np.flatnonzero(group == name)
        first = films[members[0]]
        # films of one device and cervical stage, of one device, of any: rare stages would else miss whole folds
        kinds = [(), (first.device,), (first.device, first.cvm_stage)][: 1 if by_device else 3]
        fold = min(range(num), key=lambda k: (*(taken[kind, k] for kind in reversed(kinds)), k))
        folds[members] = fold
        for kind in kinds:
            taken[kind, fold] += len(members)
    return folds


def _groups(films: Sequence[Film], together: Iterable[tuple[str, ...]], *, by_device: bool) -> np.ndarray:
    """A number for each film, the same for films that belong together, directly or through others."""
    group, first = np.arange(len(films)), {}
    rows = {film.image_id: i for i, film in enumerate(films)}
    pairs = [(rows[a], rows[b]) for a, b, *_ in together if a in rows and b in rows]
    for i, film in enumerate(films):
        keys = [("patient", film.patient)] if film.patient else []
        keys += [("device", film.device)] if by_device else []
        pairs += [(first.setdefault(key, i), i) for key in keys]
    for a, b in pairs:
        group[group == group[b]] = group[a]
    return group


def _same_exposures(survey: Survey) -> list[tuple[str, ...]]:
    seen = Survey(root=survey.root, landmarks=survey.landmarks, films=list(survey.films))
    check_images(seen)
    return [finding.images for finding in seen.findings if finding.kind.startswith(_TWINS)]


def _check_known(table: Path, films: Sequence[Film], num: int, *, by_device: bool) -> None:
    """Raises: DataError where the folds were made of other films, or are not as many."""
    rows = [row for _, row in read_csv(table, _COLUMNS, f"the header is {','.join(_COLUMNS)}").rows]
    found = len({row["fold"] for row in rows})
    if found != num:
        raise DataError(f"{table}: holds {found} folds, not {num}; write --folds {found}, or another --output")
    if {row["image"] for row in rows} != {film.image_id for film in films}:
        raise DataError(f"{table}: made of other films than the data set has now; choose another --output")
    if by_device and len({row["device"] for row in rows}) < len({(row["device"], row["fold"]) for row in rows}):
        raise DataError(f"{table}: its folds divide devices; leave --by-device out, or choose another --output")


def _write(path: Path, columns: Sequence[str], rows: Sequence[Sequence]) -> None:
    part = path.with_name(f".{path.name}.part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
    put_in_place(part, path)
