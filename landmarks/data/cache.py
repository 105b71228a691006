"""Decoded images, kept once: gray, uint8, shrunk by area, packed in one array that all workers share."""

import contextlib
import hashlib
import json
import mmap
import multiprocessing
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from tqdm import tqdm

from landmarks.config import DataConfig
from landmarks.data.records import DataError, Record
from landmarks.images import ImageError, read_gray, shrink

# Raise it whenever the same files would give other bytes.
CACHE_VERSION = 1


class ImageStore:
    """Shrunk images by index; `image(i)` gives uint8 [h, w] and the source size (height, width)."""

    def image(self, index: int) -> tuple[np.ndarray, tuple[int, int]]:
        raise AssertionError("a store defines image()")


class FileStore(ImageStore):
    """No cache: every call decodes the file."""

    def __init__(self, paths: list[Path], size: tuple[int, int], margin: float) -> None:
        self._paths, self._size, self._margin = paths, size, margin

    def image(self, index: int) -> tuple[np.ndarray, tuple[int, int]]:
        return _load(self._paths[index], self._size, self._margin)


class PackedStore(ImageStore):
    """One flat uint8 array over all images, in shared memory or mapped from a file."""

    def __init__(self, flat: np.ndarray, index: dict, path: Path | None = None) -> None:
        self._flat, self._index, self._path = flat, index, path
        sizes = [h * w for h, w in index["shapes"]]
        self._starts = np.concatenate([[0], np.cumsum(sizes)])

    @property
    def num_bytes(self) -> int:
        return int(self._starts[-1])

    def image(self, index: int) -> tuple[np.ndarray, tuple[int, int]]:
        error = self._index["errors"].get(str(index))
        if error:
            raise ImageError(error)
        view = self._flat[self._starts[index] : self._starts[index + 1]]
        return view.reshape(self._index["shapes"][index]), tuple(self._index["source_sizes"][index])

    def __reduce__(self):
        """Workers that are spawned, not forked, map the file again instead of copying it."""
        assert self._path is not None, "a store without a file is only shared by forking"
        return open_packed, (self._path,)


def open_packed(folder: Path) -> PackedStore:
    """A finished cache folder, mapped read-only. Raises: OSError, ValueError where it is not whole."""
    index = json.loads((folder / "index.json").read_text())
    num_bytes = sum(h * w for h, w in index["shapes"])
    if (folder / "images.bin").stat().st_size != num_bytes:
        raise ValueError(f"{folder}: cache of the wrong length")
    return PackedStore(np.memmap(folder / "images.bin", dtype=np.uint8, mode="r"), index, folder)


def open_store(records: Iterable[Record], data: DataConfig, *, say: Callable[[str], None]) -> ImageStore:
    """The store that `data.cache` asks for, built where it is not there yet.

    Raises: DataError naming an image that cannot be read (unless data.on_error is 'skip').
    """
    paths = [record.image_path for record in records]
    mode, why = _choose(data, len(paths))
    if why:
        say(why)
    if mode == "none":
        return FileStore(paths, data.image_size, data.cache_scale)
    if mode == "disk":
        try:
            return _disk_store(paths, data, say)
        except OSError as error:
            say(f"disk cache in {data.cache_dir} failed ({error.strerror or error}); images go to RAM instead")
    return _ram_store(paths, data)


def image_bound(data: DataConfig) -> int:
    """Most bytes that one cached image can have."""
    height, width = (round(side * data.cache_scale) + 1 for side in data.image_size)
    return height * width


def available_memory() -> int:
    """Bytes that this process may still use: the container's limit where there is one, else the host's free memory."""
    free = []
    with contextlib.suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        free.append(1024 * next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable")))
    for limit, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        with contextlib.suppress(OSError, ValueError):
            free.append(int(Path(limit).read_text()) - int(Path(used).read_text()))
    return max(0, min(free)) if free else 4 << 30


def _choose(data: DataConfig, num: int) -> tuple[str, str]:
    if data.cache != "auto":
        return data.cache, ""
    need, free = num * image_bound(data), available_memory()
    mode = "ram" if need < free / 2 else "disk"
    return mode, f"cache: {mode} (images need at most {need / 2**30:.2f} GiB, {free / 2**30:.1f} GiB of memory are free)"


def _load(path: Path, size: tuple[int, int], margin: float) -> tuple[np.ndarray, tuple[int, int]]:
    image = read_gray(path)
    return shrink(image, size, margin)[0], image.shape


def _fill(paths: list[Path], data: DataConfig, write: Callable[[np.ndarray], None]) -> dict:
    """Decodes all images in threads (OpenCV releases the lock), writes them in order, returns the index."""

    def load(path: Path):
        try:
            return *_load(path, data.image_size, data.cache_scale), ""
        except ImageError as error:
            if data.on_error == "stop":
                raise DataError(str(error)) from error
            return np.zeros((1, 1), np.uint8), (1, 1), str(error)

    index: dict = {"version": CACHE_VERSION, "shapes": [], "source_sizes": [], "errors": {}}
    # decoded images that wait for their turn are whole images, so only a few are under way at once
    with (
        ThreadPoolExecutor(os.cpu_count() or 1) as pool,
        tqdm(total=len(paths), desc="decode", unit="img", leave=False, mininterval=1) as bar,
    ):
        for start in range(0, len(paths), 64):
            for image, source_size, error in pool.map(load, paths[start : start + 64]):
                if error:
                    index["errors"][str(len(index["shapes"]))] = error
                index["shapes"].append(list(image.shape))
                index["source_sizes"].append(list(source_size))
                write(image)
                bar.update()
    return index


def _ram_store(paths: list[Path], data: DataConfig) -> PackedStore:
    if "fork" not in multiprocessing.get_all_start_methods() or sys.platform == "darwin":
        return _file_in_memory(paths, data)
    # reserved, not used: pages of an anonymous map cost nothing until they are written
    shared = mmap.mmap(-1, max(1, len(paths) * image_bound(data)))
    flat = np.frombuffer(shared, dtype=np.uint8)
    position = 0

    def write(image: np.ndarray) -> None:
        nonlocal position
        flat[position : position + image.size] = image.reshape(-1)
        position += image.size

    return PackedStore(flat, _fill(paths, data, write))


def _file_in_memory(paths: list[Path], data: DataConfig) -> PackedStore:
    """Where workers are spawned, they share a temporary file that the system keeps in its page cache."""
    import atexit

    folder = Path(tempfile.mkdtemp(prefix="landmarks_cache_"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _write_folder(folder, paths, data)
    return open_packed(folder)


def cache_key(paths: list[Path], data: DataConfig) -> str:
    """Hash of all that decides the cache's bytes: files (name, size, time), size and version."""
    digest = hashlib.sha256(json.dumps([CACHE_VERSION, list(data.image_size), data.cache_scale]).encode())
    for path in paths:
        stat = path.stat()
        digest.update(f"{path.resolve()}|{stat.st_size}|{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:24]


def _disk_store(paths: list[Path], data: DataConfig, say: Callable[[str], None]) -> PackedStore:
    folder = Path(data.cache_dir) / cache_key(paths, data)
    with contextlib.suppress(OSError, ValueError, KeyError):
        return open_packed(folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        _write_folder(building, paths, data)
        # another process may have finished the same cache meanwhile: then its folder is as good as ours
        with contextlib.suppress(OSError):
            building.rename(folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return open_packed(folder)


def _write_folder(folder: Path, paths: list[Path], data: DataConfig) -> None:
    with (folder / "images.bin").open("wb") as file:
        index = _fill(paths, data, lambda image: file.write(np.ascontiguousarray(image).data))
        file.flush()
        os.fsync(file.fileno())
    (folder / "index.json").write_text(json.dumps(index))
