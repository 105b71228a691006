"""Which films a user means, and what each one's results are called: files, folders, wildcards; any number of them."""

import glob
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from landmarks.radiograph.files import IMAGE_SUFFIXES, image_paths

_WILDCARDS = frozenset("*?[")


class Film(NamedTuple):
    path: str
    name: str
    """Relative path, with slashes and without suffix, for what is written about a film; no two share one in any case."""


def find_films(words: Sequence[str | Path]) -> list[Film]:
    """Films in the order given: files, all films of folders and of those below them, and wildcards, for shells without.

    Raises: ValueError on a name that leads to no film.

    Example:
        films = find_films(["patients/", "more/*.png"])
        names = [film.name for film in films]      # patients/a and more/a stay apart
    """
    found: dict[str, tuple[str, str, str]] = {}
    for word in words:
        films = list(_films_of(os.path.expanduser(word)))
        if not films:
            raise ValueError(f"{word}: no films ({', '.join(IMAGE_SUFFIXES)}) here")
        for film in films:
            found.setdefault(os.path.normcase(os.path.abspath(film[0])), film)
    names = unique_names((folder, below) for _, folder, below in found.values())
    return [Film(path, name) for (path, _, _), name in zip(found.values(), names, strict=True)]


def _films_of(given: str) -> Iterator[tuple[str, str, str]]:
    """Films that a name leads to: path, name of the folder that was given, path below that folder with slashes."""
    if os.path.isdir(given):
        folder = os.path.basename(os.path.abspath(given))
        start = len(os.path.join(given, ""))
        for path in image_paths(given, below=True):
            yield path, folder, path[start:].replace(os.sep, "/")
    elif not os.path.lexists(given) and _WILDCARDS & set(given):
        for name in sorted(glob.glob(given, recursive=True)):
            yield from _films_of(name)
    else:
        yield given, os.path.basename(os.path.dirname(os.path.abspath(given))), os.path.basename(given)


def unique_names(films: Iterable[tuple[str, str]]) -> list[str]:
    """A relative path without suffix for each film, given as the name of its folder and its path below that.

    Films that would share one get their folder's name before it, then their suffix, then a number behind it. Drives and
    folders above do not matter, so that films may lie on any.
    """
    films = list(films)
    names = [""] * len(films)
    taken: set[str] = set()
    unnamed = list(range(len(films)))
    for propose in (_plain_name, _name_in_folder, _name_with_suffix):
        proposed = [propose(*films[i]) for i in unnamed]
        keys = [name.casefold() for name in proposed]
        counts = Counter(keys)
        for i, name, key in zip(unnamed, proposed, keys, strict=True):
            if counts[key] == 1 and key not in taken:
                names[i] = name
                taken.add(key)
        unnamed = [i for i in unnamed if not names[i]]
    numbers: Counter[str] = Counter()
    for i in unnamed:
        base = _name_with_suffix(*films[i])
        names[i] = base
        while names[i].casefold() in taken:
            numbers[base.casefold()] += 1
            names[i] = f"{base}_{numbers[base.casefold()] + 1}"
        taken.add(names[i].casefold())
    return names


def _plain_name(folder: str, below: str) -> str:
    return os.path.splitext(below)[0]


def _name_in_folder(folder: str, below: str) -> str:
    return _name_with_suffix(folder, os.path.splitext(below)[0])


def _name_with_suffix(folder: str, below: str) -> str:
    return f"{folder}/{below}" if folder else below
