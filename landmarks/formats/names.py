"""Names of landmarks in other people's files -> this project's symbols, by an explicit YAML file `name: symbol`.

A symbol of null leaves the landmark out. Upper and lower case, blanks, hyphens and underscores do not matter.
"""

import difflib
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import yaml

from landmarks.formats.records import DataError
from landmarks.formats.survey import Film, Survey
from landmarks.schema import AARIZ29, GROUPS, LandmarkSet

_READY = Path(__file__).with_name("spellings")


def read_names(word: str) -> dict[str, str | None]:
    """The YAML file of this path, or one that ships with the package ("usual", "isbi_numbers").

    Raises: DataError where it is missing, no table of names, or names something that is no symbol.
    """
    ready = {path.stem: path for path in _READY.glob("*.yaml")}
    path = ready.get(word, Path(word).expanduser())
    if not path.is_file():
        raise DataError(f"{path}: no such file; write a YAML file `name: symbol`, or one of {', '.join(sorted(ready))}")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(f"{path}: not readable as YAML ({' '.join(str(error).split())[:120]})") from error
    if not isinstance(content, dict) or not all(isinstance(v, str | None) for v in content.values()):
        raise DataError(f"{path}: not a table of `name: symbol`, one a line")
    return {str(name): symbol for name, symbol in content.items()}


def rename(survey: Survey, names: dict[str, str | None]) -> Survey:
    """The same films with symbols for names; a name that is itself a symbol of Aariz stays.

    Raises: DataError where a name is unknown, with the nearest symbols, or two names mean one landmark.
    """
    known = {_plain(name): symbol for name, symbol in names.items()}
    symbols = [
        names[s] if s in names else known[_plain(s)] if _plain(s) in known else _own(s) for s in survey.landmarks.symbols
    ]
    kept = [k for k, symbol in enumerate(symbols) if symbol is not None]
    chosen = tuple(symbols[k] for k in kept)
    if twice := next((symbol for symbol in chosen if chosen.count(symbol) > 1), None):
        both = [name for name, symbol in zip(survey.landmarks.symbols, symbols, strict=True) if symbol == twice]
        raise DataError(f"{survey.root}: {' and '.join(both)} both mean {twice}; map one of them to null")
    if not chosen:
        raise DataError(f"{survey.root}: no landmark is left; all names are mapped to null")
    titles = tuple(AARIZ29.title(s) if s in AARIZ29.symbols else s for s in chosen)
    landmarks = LandmarkSet(name=survey.landmarks.name, symbols=chosen, titles=titles, groups=GROUPS)
    return replace(survey, landmarks=landmarks, films=[_pick(film, np.array(kept)) for film in survey.films])


def _symbol(name: str, names: dict[str, str | None], plain: dict[str, str | None]) -> str | None:
    if name in names:
        return names[name]
    return plain[_plain(name)] if _plain(name) in plain else _own(name)


def _own(name: str) -> str:
    symbols = {_plain(s): s for s in AARIZ29.symbols}
    if _plain(name) in symbols:
        return symbols[_plain(name)]
    titles = {_plain(AARIZ29.title(s)): s for s in AARIZ29.symbols} | symbols
    near = difflib.get_close_matches(_plain(name), titles, n=3, cutoff=0.4)
    hint = "; nearest: " + ", ".join(f"{titles[t]} ({AARIZ29.title(titles[t])})" for t in near) if near else ""
    raise DataError(f"unknown landmark name '{name}'{hint}; add it to the names file, or map it to null")


def _plain(name: str) -> str:
    return re.sub(r"[\s_\-()./]+", "", name).casefold().replace("'", "`").replace("’", "`")


def _pick(film: Film, rows: np.ndarray) -> Film:
    return replace(film, readers={reader: points[rows] for reader, points in film.readers.items()})
