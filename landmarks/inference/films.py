"""Which films a user means, and what each one's results are called: files, folders, wildcards; any number of them."""

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

from landmarks.radiograph import IMAGE_SUFFIXES, image_files

_WILDCARDS = frozenset("*?[")


class Film(NamedTuple):
    path: Path
    name: PurePath
    """Relative path without suffix for what is written about this film; no two films share one, whatever their case."""


def find_films(words: Sequence[str | Path]) -> list[Film]:
    """Films in the order given: files, all films of folders and of those below them, and wildcards, for shells that have none.

    Raises: ValueError on a name that leads to no film.

    Example:
        films = find_films(["patients/", "more/*.png"])
        names = [film.name for film in films]      # patients/a and more/a stay apart
    """
    found: dict[str, tuple[Path, PurePath]] = {}
    for word in words:
        before = len(found)
        for path, below in _films_of(Path(os.path.expanduser(word))):
            found.setdefault(os.path.normcase(os.path.abspath(path)), (path, below))
        if len(found) == before and not any(True for _ in _films_of(Path(os.path.expanduser(word)))):
            raise ValueError(f"{word}: no films ({', '.join(IMAGE_SUFFIXES)}) here")
    paths = [path for path, _ in found.values()]
    return [Film(path, name) for path, name in zip(paths, unique_names(found.values()), strict=True)]


def _films_of(given: Path) -> Iterator[tuple[Path, PurePath]]:
    """Films that a name leads to, each with its path below the folder that was given."""
    if given.is_dir():
        for path in image_files(given, below=True):
            yield path, path.relative_to(given)
    elif not given.exists() and _WILDCARDS & set(str(given)):
        for name in sorted(glob.glob(str(given), recursive=True)):
            yield from _films_of(Path(name)) if os.path.isdir(name) else [(Path(name), PurePath(Path(name).name))]
    else:
        yield given, PurePath(given.name)


def unique_names(films: Iterable[tuple[Path, PurePath]]) -> list[PurePath]:
    """A relative path without suffix for each film (path, path below the folder that was given).

    Films that would share one get their folder's name before it, then their suffix, then a number behind it. Drives and
    folders above do not matter, so that films may lie on any.
    """
    films = list(films)
    names: list[PurePath | None] = [None] * len(films)
    taken: set[str] = set()
    open_ = list(range(len(films)))
    for propose in (_plain_name, _name_in_folder, _name_with_suffix):
        proposed = {i: propose(*films[i]) for i in open_}
        keys = {i: str(name).casefold() for i, name in proposed.items()}
        counts: dict[str, int] = {}
        for key in keys.values():
            counts[key] = counts.get(key, 0) + 1
        for i in open_:
            if counts[keys[i]] == 1 and keys[i] not in taken:
                names[i] = proposed[i]
                taken.add(keys[i])
        open_ = [i for i in open_ if names[i] is None]
    numbers: dict[str, int] = {}
    for i in open_:
        base = _name_with_suffix(*films[i])
        name, key = base, str(base).casefold()
        while str(name).casefold() in taken:
            numbers[key] = numbers.get(key, 1) + 1
            name = base.with_name(f"{base.name}_{numbers[key]}")
        names[i] = name
        taken.add(str(name).casefold())
    return names


def _plain_name(path: Path, below: PurePath) -> PurePath:
    return below.with_suffix("")


def _name_in_folder(path: Path, below: PurePath) -> PurePath:
    return _folder_name(path, below) / below.with_suffix("")


def _name_with_suffix(path: Path, below: PurePath) -> PurePath:
    return _folder_name(path, below) / below


def _folder_name(path: Path, below: PurePath) -> PurePath:
    """Name of the folder that `below` starts in; empty at the root of a drive."""
    parents = list(path.parents)
    return type(below)(parents[len(below.parts) - 1].name) if len(parents) >= len(below.parts) else type(below)()
