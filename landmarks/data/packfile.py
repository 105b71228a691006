"""Shrunk images packed in one file, and read from it through a memory map that all processes share.

Layout: the images' gray values one behind the other, a JSON index, its length (8 bytes) and a mark (8 bytes). The mark
comes last, so a file that was cut off anywhere is not taken for a whole one.
"""

import json
import mmap
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import numpy as np
from tqdm import tqdm

from landmarks.config import DataConfig
from landmarks.data.resources import usable_cores
from landmarks.formats.records import DataError
from landmarks.images import shrink
from landmarks.radiograph import ImageError, read_gray

# Raise it whenever the same files would give other bytes.
CACHE_VERSION = 3
_MARK = b"CEPHPACK"
# decoded images wait for their turn to be written, so only so many are under way at once
_CHUNK = 64


class PackedStore:
    """Shrunk images by index, mapped read-only; workers that are spawned, not forked, map the file again."""

    def __init__(self, path: Path, content: mmap.mmap, index: dict) -> None:
        self.path, self._content = path, np.frombuffer(content, dtype=np.uint8)
        # arrays, not lists: a list of objects is copied into every worker as reference counts change
        self._shapes = np.array(index["shapes"], dtype=np.int32).reshape(-1, 2)
        self._source_sizes = np.array(index["source_sizes"], dtype=np.int32).reshape(-1, 2)
        self._starts = np.concatenate([[0], np.cumsum(self._shapes.astype(np.int64).prod(axis=1))])
        self.about: dict = index["about"]
        self.errors: dict[str, str] = index["errors"]
        self.key: str = index["key"]
        self.sources: dict[int, Path] = {}
        """Files of the images in `errors`, which are read again when they are wanted: the error may have passed."""

    @property
    def num_bytes(self) -> int:
        return int(self._starts[-1])

    def __len__(self) -> int:
        return len(self._shapes)

    def image(self, index: int) -> tuple[np.ndarray, tuple[int, int]]:
        """uint8 [h, w] and the source size (height, width). Raises: ImageError naming a file that was broken."""
        if error := self.errors.get(str(index)):
            if index not in self.sources:
                raise ImageError(error)
            image = read_gray(self.sources[index])
            return shrink(image, tuple(self.about["image_size"]), self.about["cache_scale"])[0], image.shape
        view = self._content[self._starts[index] : self._starts[index + 1]]
        height, width = self._source_sizes[index].tolist()
        return view.reshape(self._shapes[index]), (height, width)

    def __reduce__(self):
        return open_pack, (self.path, self.key), {"sources": self.sources}


def open_pack(path: Path, key: str) -> PackedStore:
    """A finished pack of these images. Raises: OSError, ValueError where it is not there, not whole, or of others."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size < 16:
            raise ValueError(f"{path}: not a whole cache")
        content = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
    length = int.from_bytes(content[-16:-8], "little")
    if content[-8:] != _MARK or length > size - 16:
        raise ValueError(f"{path}: not a whole cache")
    index = json.loads(content[size - 16 - length : size - 16])
    if not isinstance(index, dict):
        raise ValueError(f"{path}: not a whole cache")
    if index["key"] != key or sum(h * w for h, w in index["shapes"]) != size - 16 - length:
        raise ValueError(f"{path}: a cache of other images")
    return PackedStore(path, content, index)


def write_pack(file: BinaryIO, key: str, paths: list[Path], data: DataConfig) -> str:
    """Decodes all images in threads (OpenCV releases the lock) and writes them in order.

    Returns: a line about how many and how fast.
    Raises: DataError naming an image that cannot be read (unless data.on_error is 'skip'), OSError on a full disk.
    """

    def load(path: Path):
        try:
            image = read_gray(path)
            return shrink(image, data.image_size, data.cache_scale)[0], image.shape, ""
        except ImageError as error:
            if data.on_error == "stop":
                raise DataError(f"{error}, or list it in data.exclude") from error
            return np.zeros((1, 1), np.uint8), (1, 1), str(error)

    about = {"image_size": list(data.image_size), "cache_scale": data.cache_scale, "folder": _common_folder(paths)}
    index: dict = {"key": key, "about": about, "shapes": [], "source_sizes": [], "errors": {}}
    started, threads = time.monotonic(), usable_cores()
    with ThreadPoolExecutor(threads) as pool, progress(len(paths), "decode") as bar:
        for start in range(0, len(paths), _CHUNK):
            for image, source_size, error in _in_order(pool, load, paths[start : start + _CHUNK]):
                if error:
                    index["errors"][str(len(index["shapes"]))] = error
                index["shapes"].append(list(image.shape))
                index["source_sizes"].append(list(source_size))
                file.write(np.ascontiguousarray(image).data)
                bar.update()
    words = json.dumps(index).encode()
    file.write(words + len(words).to_bytes(8, "little") + _MARK)
    file.flush()
    num_bytes = sum(h * w for h, w in index["shapes"])
    seconds = max(time.monotonic() - started, 1e-9)
    return (
        f"{len(paths)} images decoded in {seconds:.1f} s ({len(paths) / seconds:.0f} images/s, {threads} threads), "
        f"{num_bytes / 2**20:.0f} MiB, {num_bytes / max(len(paths), 1) / 1e6:.2f} MB an image"
    )


def _in_order(pool: ThreadPoolExecutor, load: Callable, paths: list[Path]):
    """Results in the paths' order; the first error ends the work that has not begun."""
    waiting = [pool.submit(load, path) for path in paths]
    try:
        for future in waiting:
            yield future.result()
    finally:
        for future in waiting:
            future.cancel()


def _common_folder(paths: list[Path]) -> str:
    return os.path.commonpath([path.resolve().parent for path in paths]) if paths else ""


def progress(total: int, what: str) -> tqdm:
    return tqdm(total=total, desc=what, unit="img", leave=False, mininterval=1)
