"""CL-Detection 2023: train_stack.mha, all films in one padded stack, and train-gt.json with points by number.

The stack is read by `landmarks convert` alone, which writes the films as single images; training reads what it wrote.
Source: header keys of itk.org's MetaIO format.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from landmarks.formats.labelled import read_json, read_pixel_size
from landmarks.formats.records import DataError
from landmarks.formats.survey import TRUTH, Film, Survey
from landmarks.schema import LandmarkSet

LANDMARKS = LandmarkSet(name="cldetection2023", symbols=tuple(str(k) for k in range(1, 39)))
KEEPS = ("pixel_size",)
_STACK, _POINTS = "train_stack.mha", "train-gt.json"
STACKED = "images in a stack"
_CHUNK = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class _Header:
    width: int
    height: int
    films: int
    channels: int
    compressed: bool
    start: int
    """Byte at which the pixels begin."""


def scan(root: Path) -> Survey:
    """Raises: DataError where the stack or the points are missing or broken."""
    header, path = _read_header(root / _STACK), root / _POINTS
    points = np.full((header.films, len(LANDMARKS), 2), np.nan)
    sizes: list = [None] * header.films
    try:
        content = read_json(path)
        for entry in content["points"]:
            x, y, number = entry["point"]
            if not 1 <= int(number) <= header.films:
                raise ValueError(f"a point of image {number}, the stack has {header.films}")
            points[int(number) - 1, LANDMARKS.index(str(entry["name"]))] = float(x), float(y)
            sizes[int(number) - 1] = read_pixel_size(entry.get("scale", content.get("scale")), str(path))
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: not the challenge's points ({type(error).__name__}: {error}); restore the file") from error
    survey = Survey(root=root, landmarks=LANDMARKS)
    for k in range(header.films):
        size = sizes[k] if isinstance(sizes[k], tuple | None) else (sizes[k], sizes[k])
        name = f"{k + 1:03d}"
        survey.missing_points(name, tuple(s for s, p in zip(LANDMARKS.symbols, points[k], strict=True) if np.isnan(p).any()))
        survey.films.append(Film(image_id=name, path=root / _STACK, pixel_size=size, readers={TRUTH: points[k]}))
    line = f"{root / _STACK}: all films in one file; write single images first: landmarks convert --from cldetection2023"
    survey.add(STACKED, line, error=line)
    return survey


def image_place(film: Film) -> str:
    return f"images/{film.image_id}"


def film_pixels(survey: Survey) -> Iterator[np.ndarray]:
    """The films' gray pixels uint8 [h, w] in the survey's order, without the padding to the right and below.

    Raises: DataError where the stack is cut off.
    """
    path = survey.root / _STACK
    header = _read_header(path)
    shape = (header.height, header.width, header.channels)
    for block in _blocks(path, header, int(np.prod(shape))):
        pixels = np.frombuffer(block, dtype=np.uint8).reshape(shape)
        gray = pixels[..., 0] if header.channels == 1 else np.rint(pixels.mean(axis=2)).astype(np.uint8)
        rows, columns = np.flatnonzero(gray.any(axis=1)), np.flatnonzero(gray.any(axis=0))
        yield gray[: rows[-1] + 1, : columns[-1] + 1] if len(rows) else gray


def _blocks(path: Path, header: _Header, size: int) -> Iterator[bytes]:
    """One film's bytes at a time: the whole stack takes gigabytes."""
    with path.open("rb") as file:
        file.seek(header.start)
        unpack, held = zlib.decompressobj(), bytearray()
        for number in range(header.films):
            while len(held) < size and (part := file.read(_CHUNK)):
                try:
                    held += unpack.decompress(part) if header.compressed else part
                except zlib.error as error:
                    raise DataError(f"{path}: broken at film {number + 1} ({error}); restore the file") from error
            if len(held) < size:
                raise DataError(f"{path}: ends at film {number + 1} of {header.films}; restore the file")
            yield bytes(held[:size])
            del held[:size]


def _read_header(path: Path) -> _Header:
    if not path.is_file():
        raise DataError(f"{path}: no such file; the challenge's folder has {_STACK} and {_POINTS}")
    keys: dict[str, str] = {}
    with path.open("rb") as file:
        while "ElementDataFile" not in keys and (line := file.readline(1000)) and len(keys) < 100:
            key, _, value = line.decode("latin-1").partition("=")
            keys[key.strip()] = value.strip()
        start = file.tell()
    try:
        width, height, films = (int(word) for word in keys["DimSize"].split())
        if keys["ElementDataFile"] != "LOCAL" or keys["ElementType"] not in ("MET_UCHAR", "MET_UCHAR_ARRAY"):
            raise ValueError(f"pixels of {keys['ElementType']} in {keys['ElementDataFile']}")
        if min(width, height, films) < 1 or width * height > 1 << 28:
            raise ValueError(f"a size of {width} x {height} x {films}")
        channels = int(keys.get("ElementNumberOfChannels", "1"))
    except (KeyError, ValueError) as error:
        raise DataError(f"{path}: not a stack of 8-bit films ({type(error).__name__}: {error})") from error
    compressed = keys.get("CompressedData", "False").lower() == "true"
    return _Header(width=width, height=height, films=films, channels=channels, compressed=compressed, start=start)
