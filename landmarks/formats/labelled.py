"""What annotation tools have in common: image names, and points by label. Their formats turn files into `Labelled`."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import numpy as np

from landmarks.formats.manifest import Manifest, Resized
from landmarks.formats.records import DataError
from landmarks.formats.survey import TRUTH, Film, Survey, mean_points
from landmarks.radiograph import image_files
from landmarks.schema import GROUPS, LandmarkSet

DECIMALS = 6
"""A millionth of a pixel: below the rounding of any figure."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Labelled:
    """One image as an annotation file names it; points in source px, (0, 0) the centre of the top-left pixel."""

    image: str
    """A path below the root, an address, or a bare file name."""
    where: str
    """The file that says so, for messages."""
    readers: dict[str, dict[str, tuple[float, float]]] = field(default_factory=dict)
    """Points by label, by reader."""
    split: str = "all"
    device: str = "unknown"
    pixel_size: tuple[float, float] | float | None = None
    """(sx, sy) in mm, or one number where the file holds one."""
    size: tuple[int, int] | None = None


def survey_of(root: Path, found: list[Labelled], *, order: tuple[str, ...] = ()) -> Survey:
    """The films of these annotations with their images below `root`; every image needs one.

    Args:
        order: labels in the order that the files state; others follow as they are met.
    Raises: DataError where no point has a label.
    """
    labels = dict.fromkeys([*order, *(label for one in found for points in one.readers.values() for label in points)])
    if not labels:
        raise DataError(f"{found[0].where if found else root}: no labelled points")
    splits = sorted({one.split for one in found} - {"all"})
    landmarks = LandmarkSet(name="labelled", symbols=tuple(labels), groups=GROUPS)
    survey = Survey(root=root, landmarks=landmarks, splits=tuple(splits))
    images, manifest = _Images(root), Manifest(root)
    for one in found:
        if (path := images.find(one.image)) is None:
            error = f"{one.where}: no image '{one.image}' below {root}; add the image or remove its annotation"
            survey.add("image missing", f"{one.image}: annotated, but no image", PurePosixPath(one.image).stem, error=error)
        else:
            survey.films.append(_film(survey, one, path, survey.sizes_before(manifest, path, path.stem)))
    used = {film.path for film in survey.films}
    for path in images.paths:
        if path not in used:
            error = f"{path}: image without annotation; annotate it or remove the image"
            survey.add("annotation missing", f"{path.stem}: no annotation", path.stem, error=error)
    return survey


def _film(survey: Survey, one: Labelled, path: Path, resized: Resized | None) -> Film:
    symbols, readers = survey.landmarks.symbols, {}
    for reader, labelled in one.readers.items():
        points = np.array([labelled.get(symbol, (np.nan, np.nan)) for symbol in symbols], dtype=np.float64).reshape(-1, 2)
        unset = (points == -1).all(axis=1)
        survey.unset_points(path.stem, tuple(np.array(symbols)[unset].tolist()), reader)
        points[unset] = np.nan
        if infinite := [s for s, point in zip(symbols, points, strict=True) if np.isinf(point).any()]:
            error = f"{one.where}: {one.image}: {infinite[0]} at infinity; correct the point"
            survey.add("broken point", error, path.stem, symbols=tuple(infinite), error=error)
        gaps = np.isnan(points).any(axis=1) & ~unset
        survey.missing_points(path.stem, tuple(np.array(symbols)[gaps].tolist()), reader)
        readers[reader] = points
    if not readers:
        readers = {TRUTH: np.full((len(symbols), 2), np.nan)}
    size = one.pixel_size
    if isinstance(size, float):
        x, y = resized.stretch if resized else (1.0, 1.0)
        size = (size * x, size * y)
    return Film(
        image_id=path.stem,
        path=path,
        split=one.split,
        device=one.device,
        pixel_size=size,
        readers=readers,
        size=one.size,
        resized=resized,
    )


class _Images:
    """The image files below a root, found by path or, where it is unique, by name with or without suffix."""

    def __init__(self, root: Path) -> None:
        self.paths = image_files(root, below=True)
        self._by_path = {path.relative_to(root).as_posix(): path for path in self.paths}
        counts = Counter(path.name for path in self.paths)
        self._by_name = {path.name: path for path in self.paths if counts[path.name] == 1}
        stems = Counter(path.stem for path in self.paths)
        self._by_stem = {path.stem: path for path in self.paths if stems[path.stem] == 1}

    def find(self, name: str) -> Path | None:
        for word in _spellings(name):
            for candidate in (word, f"images/{word}"):
                if candidate in self._by_path:
                    return self._by_path[candidate]
        for word in _spellings(name):
            bare = PurePosixPath(word).name
            # upload folders put a random word and a dash before the name
            for guess in (bare, bare.partition("-")[2]):
                if guess in self._by_name:
                    return self._by_name[guess]
        return self._by_stem.get(name)


def _spellings(name: str) -> list[str]:
    """The name as it stands, with slashes for backslashes, and as the path of an address."""
    plain = name.replace("\\", "/").removeprefix("./")
    address = urlsplit(plain) if "://" in plain or "?d=" in plain else None
    decoded = [unquote(address.query.partition("d=")[2] or address.path)] if address else []
    return [plain, *decoded]


def read_json(path: Path):
    """A JSON file's content, with or without a byte-order mark. Raises: DataError."""
    try:
        return json.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: byte {error.start} is not UTF-8; restore the file") from error
    except ValueError as error:
        raise DataError(f"{path}: broken JSON ({error}); restore the file") from error


def write_json(path: Path, content) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def known_points(film: Film, symbols: tuple[str, ...]) -> dict[str, tuple[float, float]]:
    """Label -> (x, y) of the film's annotated landmarks: the mean of its readers, rounded for a file."""
    points = zip(symbols, mean_points(film), strict=True)
    return {s: (round(float(x), DECIMALS), round(float(y), DECIMALS)) for s, (x, y) in points if np.isfinite((x, y)).all()}


def read_pixel_size(value, where: str) -> tuple[float, float] | float | None:
    """(sx, sy) or one number in mm, as the file states it; None where it does not. Raises: DataError."""
    if value in (None, ""):
        return None
    try:
        pair = [float(v) for v in value] if isinstance(value, list | tuple) else [float(value)]
    except (TypeError, ValueError):
        pair = []
    if len(pair) not in (1, 2) or not all(0 < v < np.inf for v in pair):
        raise DataError(f"{where}: pixel size {value!r}; write millimetres above 0")
    return pair[0] if len(pair) == 1 else (pair[0], pair[1])
