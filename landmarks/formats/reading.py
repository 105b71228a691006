"""Reading a data set of any format: all that is there with its defects, or strictly, as training and evaluation do."""

import contextlib
import difflib
from collections import Counter
from pathlib import Path
from types import ModuleType

from landmarks.formats import FORMATS
from landmarks.formats.exclusions import read_exclusions, unknown_ids
from landmarks.formats.names import read_names, rename
from landmarks.formats.records import DataError, Record, RecordSet, ground_truth
from landmarks.formats.splits import DEVELOPMENT, EVERY_FOLD, development_films, films_of_split
from landmarks.formats.survey import TRUTH, Film, Survey
from landmarks.schema import GROUPS, LandmarkSet


def format_named(name: str) -> ModuleType:
    """The module of a format. Raises: DataError with the nearest names where it is unknown."""
    if name in FORMATS:
        return FORMATS[name]
    near = difflib.get_close_matches(name, FORMATS, n=2, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise DataError(f"data.format: unknown format '{name}'; {hint}known are {', '.join(FORMATS)}")


def survey_dataset(data_format: str, root: Path, *, names: str = "") -> Survey:
    """Everything below `root`, defects included; `names` renames the landmarks, see `names.py`.

    Raises: DataError where it is no data set of this format at all, or a landmark's name is unknown.
    """
    module, root = format_named(data_format), Path(root).expanduser()
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; set data.root (or --root) to the folder of the data set")
    try:
        survey = module.scan(root)
    except DataError as error:
        raise DataError(f"{error}{_nested(module, root)}") from error
    if not survey.films:
        why = next((f" ({finding.error})" for finding in survey.findings if finding.error), "")
        what = f"no images in the layout of '{data_format}'; see data/README.md"
        raise DataError(f"{root}: {what}{why}{_nested(module, root)}")
    _doubled_ids(survey)
    survey.notes = [note for note in (*survey.notes, _at_the_corner(survey)) if note]
    survey = rename(survey, read_names(names)) if names else survey
    if group := next((symbol for symbol in survey.landmarks.symbols if symbol in ("all", *GROUPS)), ""):
        raise DataError(f"{root}: a landmark called '{group}', which is the name of a group; give it another one by data.names")
    return survey


def _at_the_corner(survey: Survey) -> str:
    """A line on points at (0, 0), which many tools write where there is none."""
    found = [film.image_id for film in survey.films if any((p == 0).all(axis=1).any() for p in film.readers.values())]
    some = ", ".join(found[:3]) + (", ..." if len(found) > 3 else "")
    line = f"points at (0, 0) are taken as they stand in {len(found)} images ({some}); remove what nobody annotated"
    return f"{survey.root}: {line}" if found else ""


def _nested(module: ModuleType, root: Path) -> str:
    """A hint where the data set lies one folder deeper, as an unpacked archive often does."""
    for folder in sorted(path for path in root.iterdir() if path.is_dir())[:5]:
        with contextlib.suppress(DataError):
            if module.scan(folder).films:
                return f"; did you mean {folder}?"
    return ""


def read_dataset(
    data_format: str,
    root: str | Path,
    *,
    split: str = "all",
    ground_truth: str = "mean",
    val_fraction: float = 0.1,
    seed: int = 0,
    hold_out: bool = True,
    held_out: str | Path = "",
    exclude: str | Path = "",
    landmarks: tuple[str, ...] = (),
    names: str = "",
) -> RecordSet:
    """The records of one split of a data set of any format, in the order of its files.

    Args:
        split: a split that the set names, 'all', or train and valid, cut by `val_fraction` and `seed` where it names none.
        ground_truth: mean, senior or junior reader, or official (the rule of the Aariz authors).
        hold_out: whether 'valid' is held out of 'train' where the set names splits but no 'valid'.
        held_out: CSV file with a column `image`: these films are 'valid', and 'train' is the rest of both splits.
        exclude: CSV file `image,reason` of images to leave out.
        landmarks: symbols or groups, in this order; empty means all.
        names: YAML file `name: symbol`, or "usual" or "isbi_numbers", where the set calls its landmarks by other names.
    Raises: DataError naming the first file that is missing, broken or contradicts another one.

    >>> records = read_dataset("isbi2015", "data/ISBI2015", split="test1")  # doctest: +SKIP
    >>> records.records[0].points_px.shape  # doctest: +SKIP
    (19, 2)
    """
    survey = _checked_truth(survey_dataset(data_format, Path(root), names=names), ground_truth, data_format)
    films, note = _films(survey, split, held_out, val_fraction=val_fraction, seed=seed, hold_out=hold_out)
    notes = [*survey.notes, note]
    if exclude:
        films, note = without_excluded(survey, films, Path(exclude).expanduser())
        notes.append(note)
    if not films:
        raise DataError(f"{root}: no images in split '{split}'")
    records, note = tuple(_record(film, ground_truth) for film in films), "\n".join(filter(None, notes))
    return _chosen(RecordSet(landmarks=survey.landmarks, records=records, note=note), landmarks)


def _films(
    survey: Survey, split: str, held_out: str | Path, *, val_fraction: float, seed: int, hold_out: bool
) -> tuple[list[Film], str]:
    """The films of a split, and a line for the user; a list of held-out films divides 'train' and 'valid' anew."""
    if not held_out or split not in DEVELOPMENT:
        survey.stop_at_first(split)
        return films_of_split(survey, split, val_fraction=val_fraction, seed=seed, hold_out=hold_out)
    if str(held_out) == EVERY_FOLD:
        raise DataError(
            f"split '{split}': each of its images was held out from one model of this ensemble and known to the others; "
            "crossval has written their out-of-fold figures; choose another split"
        )
    films = development_films(survey)
    for part in {film.split for film in films}:
        survey.stop_at_first(part)
    listed = read_exclusions(Path(held_out).expanduser(), setting="data.held_out").keys()
    note = unknown_ids(listed, set().union(*(_names(film, survey.root) for film in films)), setting="data.held_out")
    return [film for film in films if bool(_names(film, survey.root) & listed) == (split == "valid")], note


def without_excluded(survey: Survey, films: list[Film], path: Path) -> tuple[list[Film], str]:
    """The films that an exclusion list leaves, and a line about ids in it that name no film."""
    excluded = read_exclusions(path).keys()
    note = unknown_ids(excluded, set().union(*(_names(film, survey.root) for film in survey.films)))
    return [film for film in films if not _names(film, survey.root) & excluded], note


def chosen_symbols(every: LandmarkSet, names: tuple[str, ...]) -> tuple[str, ...]:
    """The landmarks that symbols and groups name, in this order; all where no name is given. Raises: ValueError."""
    return tuple(symbol for name in names for symbol in every.members(name)) if names else every.symbols


def _checked_truth(survey: Survey, truth: str, data_format: str) -> Survey:
    """The survey. Raises: DataError where the format has no such rule for the ground truth."""
    if survey.truths and truth not in survey.truths:
        words = f"{', '.join(survey.truths[:-1])} or {survey.truths[-1]}"
        raise DataError(f"data.ground_truth: {truth} is no rule of the format {data_format}; use {words}")
    return survey


def _chosen(found: RecordSet, names: tuple[str, ...]) -> RecordSet:
    try:
        return found.select(chosen_symbols(found.landmarks, names))
    except ValueError as error:
        raise DataError(f"data.landmarks: {error}") from error


def _names(film: Film, root: Path) -> set[str]:
    """What may be written for a film in a list of images: its id, or its path with at least the last folder."""
    path = film.path.relative_to(root).with_suffix("") if film.path.is_relative_to(root) else film.path.with_suffix("")
    return {film.image_id, *("/".join(path.parts[i:]) for i in range(len(path.parts) - 1))}


def _doubled_ids(survey: Survey) -> None:
    """Puts images of one id in front of all other findings: two of one split block it."""
    before, survey.findings = survey.findings, []
    counts = Counter(film.image_id for film in survey.films)
    for name in (name for name, count in counts.items() if count > 1):
        films = [film for film in survey.films if film.image_id == name]
        splits, paths = [film.split for film in films], [film.path for film in films]
        twice = next((split for split in splits if splits.count(split) > 1), None)
        what = "stands in two rows" if paths[0] == paths[1] else f"a second image with the id '{name}' beside {paths[0].name}"
        error = "" if twice is None else f"{paths[1]}: {what}; keep one"
        places = ", ".join(path.relative_to(survey.root).as_posix() for path in paths)
        survey.add("doubled id", f"{name}: the id of {len(films)} images: {places}", name, error=error, split=twice or "")
    survey.findings += before


def _record(film: Film, truth: str) -> Record:
    return Record(
        image_id=film.image_id,
        image_path=film.path,
        points_px=_truth(film, truth),
        pixel_size=film.pixel_size,
        device=film.device,
        split=film.split,
        readers={} if TRUTH in film.readers else film.readers,
        cvm_stage=film.cvm_stage,
        cvm_readers=film.cvm_readers,
    )


def _truth(film: Film, truth: str):
    """The official rule rounds up in pixels of the original, so a prepared copy goes back to them for it."""
    if TRUTH in film.readers:
        return film.readers[TRUTH]
    if truth != "official" or film.resized is None:
        return ground_truth(film.readers, truth, str(film.path))
    readers = {name: film.resized.to_source(points).round(3) for name, points in film.readers.items()}
    return film.resized.to_copy(ground_truth(readers, truth, str(film.path)))
