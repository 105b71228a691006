"""The films of one split: the data set's own splits, or a validation part that is held out of its training films."""

import numpy as np

from landmarks.formats.records import DataError, NoSplitError
from landmarks.formats.survey import Film, Survey

# The splits that a model is made with; others are kept for tests.
DEVELOPMENT = ("train", "valid")
# `data.held_out` of several models of which each was trained without other images.
EVERY_FOLD = "every fold"


def films_of_split(survey: Survey, split: str, *, val_fraction: float, seed: int, hold_out: bool) -> tuple[list[Film], str]:
    """The films, and a line for the user where the validation part is held out although the set names splits.

    Args:
        hold_out: whether 'valid' may be held out of 'train' where the set names splits but no 'valid'.
    Raises: DataError where there is no such split.
    """
    films = survey.films
    if split == "all":
        return films, ""
    part = split in DEVELOPMENT
    if not survey.splits:
        if not part:
            raise NoSplitError(
                f"{survey.root}: no column 'split' and no folders for it, so there are only train and valid, cut by "
                f"data.val_fraction; name the films of '{split}', or use --split valid"
            )
        return hold_out_valid(films, split, val_fraction, seed), ""
    own = [film for film in films if film.split == split]
    train = [film for film in films if film.split == "train"]
    if part and survey.holds_out_valid and train:
        return hold_out_valid(train, split, val_fraction, seed), ""
    if part and hold_out and train and "valid" not in survey.splits:
        found = hold_out_valid(train, split, val_fraction, seed)
        num = len(found) if split == "valid" else len(train) - len(found)
        told = f"{num} of {len(train)} images of 'train' are held out for it (data.val_fraction)"
        return found, f"{survey.root}: no images of split 'valid'; {told}" if num else ""
    if not own:
        there = ", ".join(sorted({film.split for film in films})) or "none"
        raise NoSplitError(f"{survey.root}: no images of split '{split}'; there are {there}")
    return own, ""


def development_films(survey: Survey) -> list[Film]:
    """The films of 'train' and 'valid' together; all where the set names no splits. Raises: DataError where there is none."""
    films = [film for film in survey.films if not survey.splits or film.split in DEVELOPMENT]
    if not films:
        raise DataError(f"{survey.root}: no images of split 'train'")
    return films


def hold_out_valid(films: list[Film], split: str, fraction: float, seed: int) -> list[Film]:
    """The part 'train' or 'valid' of training films: 'valid' takes this fraction, drawn by seed, at least one film.

    Raises: DataError where there is no such part.
    """
    if not fraction:
        if split == "valid":
            raise DataError("data.val_fraction: 0 leaves no split 'valid'; write a fraction above 0, or another data.val_split")
        return films
    if len(films) < 2:
        raise DataError("data.val_fraction: a single training image leaves none to validate on; add images")
    order = np.random.default_rng([seed, 0x5E1]).permutation(len(films))
    chosen = np.zeros(len(films), dtype=bool)
    chosen[order[: max(1, round(len(films) * fraction))]] = True
    return [film for film, out in zip(films, chosen, strict=True) if out == (split == "valid")]
