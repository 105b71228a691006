"""The records of a split: of one data set, or of several whose landmarks differ."""

from dataclasses import replace

import numpy as np

from landmarks.config import DataConfig
from landmarks.data.labels import settle_outside
from landmarks.dataconfig import single_sets
from landmarks.formats.reading import chosen_symbols, format_named, read_dataset, survey_dataset
from landmarks.formats.records import DataError, NoSplitError, Record, RecordSet
from landmarks.schema import AARIZ29, LandmarkSet
from landmarks.synthetic.folder import dataset_root


def read_split(data: DataConfig, split: str, *, seed: int) -> RecordSet:
    """The records of one split, less the excluded ones, with the landmarks that `data.landmarks` names.

    Of several data sets each gives what it calls this split, and all records have all landmarks, NaN where a set lacks one.
    Raises: DataError naming what is missing or wrong; NoSplitError where there is no such split.
    """
    if data.sets:
        return _read_together(data, split, seed)
    found = read_dataset(
        data.format,
        dataset_root(data),
        split=split,
        ground_truth=data.ground_truth,
        val_fraction=data.val_fraction,
        seed=seed,
        hold_out=data.val_split == "valid",  # a run that validates on another split needs no film of 'train' for it
        held_out=data.held_out,
        exclude=data.exclude,
        landmarks=data.landmarks,
        names=data.names,
    )
    return settle_outside(found, data)


def usual_landmarks(data: DataConfig) -> LandmarkSet:
    """The landmarks of these settings as far as formats fix them, Aariz's where they do not. Raises: ValueError."""
    every = united([format_named(alone.format).LANDMARKS or AARIZ29 for alone in single_sets(data).values()])
    return LandmarkSet(name="any", symbols=chosen_symbols(every, data.landmarks))


def united(several: list[LandmarkSet]) -> LandmarkSet:
    """All landmarks of several sets, in the order in which they are first named."""
    symbols = tuple(dict.fromkeys(symbol for one in several for symbol in one.symbols))
    groups: dict[str, tuple[str, ...]] = {}
    titles: dict[str, str] = {}
    for one in several:
        titles = {symbol: one.title(symbol) for symbol in one.symbols} | titles if one.titles else titles
        for name, members in one.groups.items():
            groups[name] = tuple(dict.fromkeys((*groups.get(name, ()), *members)))
    return LandmarkSet(
        name="+".join(dict.fromkeys(one.name for one in several)),
        symbols=symbols,
        titles=tuple(titles.get(symbol, symbol) for symbol in symbols),
        groups=groups,
    )


def _read_together(data: DataConfig, split: str, seed: int) -> RecordSet:
    found: dict[str, RecordSet] = {}
    lacking: list[NoSplitError] = []
    every: list[LandmarkSet] = []
    for one, alone in zip(data.sets, single_sets(data).values(), strict=True):
        try:
            if one.split(split):
                found[one.called] = read_split(alone, one.split(split), seed=seed)
        except NoSplitError as error:
            if split in ("train", "valid"):
                raise
            lacking.append(error)
        # all splits have the landmarks of all sets, those of sets without this split too
        every.append(found[one.called].landmarks if one.called in found else _landmarks(alone))
    if not found:
        raise lacking[0] if lacking else NoSplitError(f"data.sets: no set has a split '{split}'")
    landmarks = united(every)
    weights = {one.called: one.weight for one in data.sets}
    records = tuple(
        _in_union(record, part.landmarks, landmarks, name, weights[name])
        for name, part in found.items()
        for record in part.records
    )
    try:
        chosen = chosen_symbols(landmarks, data.landmarks)
    except ValueError as error:
        raise DataError(f"data.landmarks: {error}") from error
    notes = [f"{name}: {line}" for name, part in found.items() for line in part.note.splitlines()]
    told = ", ".join(f"{len(part.records)} of {name}" for name, part in found.items())
    notes.append(f"data.sets: split {split}: {told}; {len(chosen)} landmarks")
    return RecordSet(landmarks=landmarks, records=records, note="\n".join(notes)).select(chosen)


def _landmarks(data: DataConfig) -> LandmarkSet:
    """Those of one set."""
    fixed = None if data.names else format_named(data.format).LANDMARKS
    return fixed or survey_dataset(data.format, dataset_root(data), names=data.names).landmarks


def _in_union(record: Record, own: LandmarkSet, union: LandmarkSet, name: str, weight: float) -> Record:
    rows = [own.symbols.index(symbol) if symbol in own.symbols else len(own) for symbol in union.symbols]

    def spread(points_px: np.ndarray) -> np.ndarray:
        return np.vstack([points_px, np.full((1, 2), np.nan)])[rows]

    readers = {reader: spread(points) for reader, points in record.readers.items()}
    return replace(record, points_px=spread(record.points_px), readers=readers, dataset=name, weight=weight)
