"""Sizes of images, kept with the caches: a file's header is read once, and again only where the file has changed."""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import ExifTags, Image

from landmarks.config import DataConfig
from landmarks.radiograph import ImageError, read_gray
from landmarks.synthetic.folder import dataset_root
from landmarks.wholefile import put_in_place, remove_if_free

SIZES_FOLDER = "sizes"
# Raise it whenever the same file would be given another size.
_VERSION = 1
# Fewer images are read again: that takes a moment, even where each has to be decoded for its size.
_WORTH_KEEPING = 50
# Threads that read headers: they wait for the disk.
_READERS = 8
# Formats of one page, whose size the first bytes tell; EXIF says which of them lie on their side.
_PLAIN, _LYING = ("PNG", "JPEG", "BMP"), (5, 6, 7, 8)

Size = tuple[int, int]


def image_sizes(paths: Sequence[Path], data: DataConfig) -> list[Size | None]:
    """(height, width) of each image of a data set as it is decoded; None where it cannot be read.

    What was read is kept below `data.cache_dir`, unless `data.cache` is 'none', by path, bytes and times. Processes that do so
    at once replace each other's file as a whole: what one of them loses is read again.
    """
    place = None if data.cache == "none" else sizes_file(dataset_root(data), Path(data.cache_dir).expanduser())
    known = _read(place) if place else {}
    names = [os.path.abspath(path) for path in paths]
    states = [_state(name) for name in names]
    sizes = [tuple(known[n][1]) if s and n in known and known[n][0] == s else None for n, s in zip(names, states, strict=True)]
    unknown = [number for number, size in enumerate(sizes) if size is None and states[number]]
    with ThreadPoolExecutor(_READERS) as pool:
        for number, size in zip(unknown, pool.map(_size_or_none, [paths[number] for number in unknown]), strict=True):
            sizes[number] = size
    found = {names[number]: (states[number], sizes[number]) for number in unknown if sizes[number]}
    if place and len(found) >= _WORTH_KEEPING:
        known = {name: kept for name, kept in known.items() if os.path.exists(name)}
        with contextlib.suppress(OSError):  # a full or locked disk: they are read again
            _write(place, known | found)
    return sizes


def sizes_file(root: Path, cache_dir: Path) -> Path:
    """Where the sizes of a data set are kept; never inside the set."""
    name = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:24]
    return kept_outside(root, cache_dir) / SIZES_FOLDER / f"{name}.json"


def kept_outside(root: Path, cache_dir: Path) -> Path:
    """The folder of the caches; one in the user's home where that lies in the data set, as data/cache does in ./data."""
    inside = cache_dir.resolve().is_relative_to(root.resolve())
    return Path.home() / ".cache" / "landmarks" if inside else cache_dir


def image_size(path: Path) -> Size:
    """(height, width) of an image as it is decoded, of the usual files by their header alone. Raises: ImageError."""
    try:
        with Image.open(path) as image:
            if image.format in _PLAIN:
                turned = image.format == "JPEG" and image.getexif().get(ExifTags.Base.Orientation, 1) in _LYING
                return image.size if turned else image.size[::-1]
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        pass
    return read_gray(path).shape


def _size_or_none(path: Path) -> Size | None:
    try:
        return image_size(path)
    except ImageError:
        return None


def _state(name: str) -> list[int]:
    """Bytes and times of a file, by which a changed one is known; empty where there is none."""
    try:
        stat = os.stat(name)
    except OSError:
        return []
    # the change time as well: copying tools set a file's modification time back
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]


def _read(path: Path) -> dict[str, tuple[list[int], Size]]:
    """State and size by path; none where the file is missing, damaged or of another version."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["version"] != _VERSION:
            return {}
        return {name: (row[:3], (int(row[3]), int(row[4]))) for name, row in content["sizes"].items()}
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError):
        return {}


def _write(path: Path, sizes: dict[str, tuple[list[int], Size]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = {name: [*state, *size] for name, (state, size) in sizes.items()}
    handle, part = tempfile.mkstemp(prefix=".", suffix=".unfinished", dir=path.parent)
    try:
        with open(handle, "w", encoding="utf-8") as file:
            json.dump({"version": _VERSION, "sizes": rows}, file, separators=(",", ":"))
        put_in_place(Path(part), path)
    finally:
        remove_if_free(Path(part))
