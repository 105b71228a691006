"""Where decoded images are kept: in memory, in a file that later runs use again, or nowhere; each image once."""

import atexit
import contextlib
import hashlib
import json
import logging
import os
import shutil
import tempfile
import time
import weakref
from collections.abc import Iterable
from pathlib import Path
from stat import S_ISDIR
from typing import Protocol

import numpy as np

from landmarks.config import DataConfig
from landmarks.data.packfile import CACHE_VERSION, PackedStore, open_pack, write_pack
from landmarks.data.resources import available_memory
from landmarks.distributed import rank_info
from landmarks.filelock import exclusive, is_held
from landmarks.formats.records import DataError, Record
from landmarks.images import shrink
from landmarks.radiograph import ImageError, read_gray
from landmarks.wholefile import put_in_place, remove_if_free

log = logging.getLogger(__name__)

SUFFIX, UNFINISHED = ".cache", ".unfinished"


class ImageStore(Protocol):
    """Shrunk images by index; `image(i)` gives uint8 [h, w] and the source size (height, width)."""

    def image(self, index: int) -> tuple[np.ndarray, tuple[int, int]]: ...


class FileStore:
    """No cache: every call decodes the file."""

    def __init__(self, paths: list[Path], size: tuple[int, int], margin: float) -> None:
        self._paths, self._size, self._margin = paths, size, margin

    def image(self, index: int) -> tuple[np.ndarray, tuple[int, int]]:
        image = read_gray(self._paths[index])
        return shrink(image, self._size, self._margin)[0], image.shape


def open_store(records: Iterable[Record], data: DataConfig) -> ImageStore:
    """The store that `data.cache` asks for, built where it is not there yet; the next best where there is no room.

    Raises: DataError naming an image that cannot be read (unless data.on_error is 'skip').
    """
    paths = [record.image_path for record in records]
    if data.cache == "none":
        return FileStore(paths, data.image_size, data.cache_scale)
    key = cache_key(paths, data)
    mode = data.cache if data.cache != "auto" else _choose(key, data, len(paths))
    order = {"ram": (_ram_or_none, _disk_or_none), "disk": (_disk_or_none, _ram_or_none), "none": ()}[mode]
    for build in order:
        store = build(key, paths, data)
        if store is not None:
            store.sources = {int(number): paths[int(number)] for number in store.errors}
            if data.on_error == "stop":
                _check_again(store)
            return store
    if order:
        log.warning("cache: none; every image is decoded each time that it is used, which is slow")
    return FileStore(paths, data.image_size, data.cache_scale)


def _check_again(store: PackedStore) -> None:
    """Raises: DataError naming an image that could not be read when the cache was built, and still cannot."""
    for index in store.sources:
        try:
            store.image(index)
        except ImageError as error:
            raise DataError(f"{error}, or list it in data.exclude") from error


def cache_key(paths: list[Path], data: DataConfig) -> str:
    """Hash of all that decides the cache's bytes: files (name, size, times), size and version.

    Raises: DataError naming a file that is not there.
    """
    digest = hashlib.sha256(json.dumps([CACHE_VERSION, list(data.image_size), data.cache_scale]).encode())
    for path in paths:
        try:
            stat = path.stat()
        except OSError as error:
            if data.on_error == "skip":
                digest.update(f"{path}|missing\n".encode("utf-8", "surrogateescape"))
                continue
            raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
        # the change time as well: copying tools set a file's modification time back
        file = f"{path.resolve()}|{stat.st_size}|{stat.st_mtime_ns}|{stat.st_ctime_ns}\n"
        digest.update(file.encode("utf-8", "surrogateescape"))  # a name need not be UTF-8
    return digest.hexdigest()[:24]


def is_on_disk(records: Iterable[Record], data: DataConfig) -> bool:
    """Whether an earlier run left these images in the disk cache."""
    key = cache_key([record.image_path for record in records], data)
    return (Path(data.cache_dir).expanduser() / (key + SUFFIX)).is_file()


def image_bound(data: DataConfig) -> int:
    """Most bytes that one cached image can have."""
    height, width = (round(side * data.cache_scale) + 1 for side in data.image_size)
    return height * width


def _choose(key: str, data: DataConfig, num: int) -> str:
    need, free, folder = num * image_bound(data), available_memory(), Path(data.cache_dir).expanduser()
    sizes = f"the images need at most {_gib(need)}, {_gib(free)} of memory are free"
    if (folder / (key + SUFFIX)).is_file():
        log.info(f"cache: disk (an earlier run left it in {folder})")
        return "disk"
    if need < free / 2 or (rank_info().local_size > 1 and _has_note(key)):
        log.info(f"cache: ram ({sizes})")
        return "ram"
    if need < _free_disk(folder):
        log.info(f"cache: disk ({sizes}, more than half of it would be taken)")
        return "disk"
    log.info(f"cache: none ({sizes}, {_gib(_free_disk(folder))} on the disk of {folder})")
    return "none"


def _free_disk(folder: Path) -> int:
    """Bytes that a file in this folder, which need not be there yet, may take."""
    place = next((p for p in (folder.absolute(), *folder.absolute().parents) if p.is_dir()), None)
    try:
        return shutil.disk_usage(place).free if place else 0
    except OSError:
        return 0


def _disk_or_none(key: str, paths: list[Path], data: DataConfig) -> PackedStore | None:
    final = Path(data.cache_dir).expanduser() / (key + SUFFIX)
    with contextlib.suppress(OSError, ValueError, KeyError):
        return open_pack(final, key)
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        remove_unfinished(final.parent)
        return _build_on_disk(final, key, paths, data)
    except OSError as error:
        log.info(f"cache: not on disk, {final.parent}: {error.strerror or error} (free some room or set data.cache_dir)")
        return None


def _build_on_disk(final: Path, key: str, paths: list[Path], data: DataConfig) -> PackedStore:
    """Written under another name and renamed when it is whole; a second process waits for the first one's file."""
    with exclusive(_lock_of(final), lambda: log.info(f"cache: waiting for another process that builds {final}")):
        # the process that was waited for may have finished the same cache
        with contextlib.suppress(OSError, ValueError, KeyError):
            return open_pack(final, key)
        need, free = len(paths) * image_bound(data), _free_disk(final.parent)
        if need > free:
            raise OSError(f"the images need up to {_gib(need)}, {_gib(free)} are free")
        handle, name = tempfile.mkstemp(prefix=f".{key}.", suffix=UNFINISHED, dir=final.parent)
        try:
            with open(handle, "wb") as file:
                line = write_pack(file, key, paths, data)
                os.fsync(file.fileno())
            # Windows refuses to replace a file that another process has mapped: then that one is as good
            with contextlib.suppress(PermissionError):
                put_in_place(Path(name), final)
        finally:
            remove_if_free(Path(name))
    log.info(f"cache: {line}, in {final}")
    return open_pack(final, key)


def remove_unfinished(folder: Path) -> None:
    """Removes what killed builds left: files whose lock no living process holds."""
    for path in folder.glob(f".*{UNFINISHED}"):
        lock = lock_of_unfinished(path)
        with contextlib.suppress(OSError):
            # an hour, because on a disk that knows no locks a living build looks the same
            if (lock.exists() and not is_held(lock)) or path.stat().st_mtime < time.time() - 3600:
                path.unlink()


def lock_of_unfinished(path: Path) -> Path:
    """The lock under which a build writes this unfinished file."""
    return _lock_of(path.with_name(path.name.split(".")[1] + SUFFIX))


def _lock_of(final: Path) -> Path:
    return final.with_name(f".{final.stem}.lock")


def _ram_or_none(key: str, paths: list[Path], data: DataConfig) -> PackedStore | None:
    """One copy for all workers and all training processes of a machine."""
    try:
        if rank_info().local_size > 1 and hasattr(os, "memfd_create"):
            return _shared_by_ranks(key, paths, data)
        return _in_memory(key, paths, data)
    except OSError as error:
        log.info(f"cache: not in memory: {error.strerror or error}")
        return None


def _in_memory(key: str, paths: list[Path], data: DataConfig) -> PackedStore:
    """A file without a name: it lives in memory and goes when the last process that has it mapped ends."""
    need, free = len(paths) * image_bound(data), available_memory()
    if need > 0.9 * free:
        raise OSError(f"the images need up to {_gib(need)}, {_gib(free)} are free")
    if not hasattr(os, "memfd_create"):
        return _in_temporary_file(key, paths, data)
    handle = os.memfd_create("landmarks-cache", os.MFD_CLOEXEC)
    try:
        with open(handle, "wb", closefd=False) as file:
            line = write_pack(file, key, paths, data)
    except BaseException:
        os.close(handle)
        raise
    log.info(f"cache: {line}, in memory")
    store = open_pack(Path(f"/proc/{os.getpid()}/fd/{handle}"), key)
    # open as long as the store is used: workers that are spawned and other ranks come to the file through it
    weakref.finalize(store, os.close, handle)
    return store


def _in_temporary_file(key: str, paths: list[Path], data: DataConfig) -> PackedStore:
    """Where there are no files without a name, the system keeps a temporary one in its page cache."""
    handle, name = tempfile.mkstemp(prefix="landmarks_", suffix=SUFFIX)
    atexit.register(remove_if_free, Path(name))
    with open(handle, "wb") as file:
        line = write_pack(file, key, paths, data)
    log.info(f"cache: {line}, in {name}")
    return open_pack(Path(name), key)


def _shared_by_ranks(key: str, paths: list[Path], data: DataConfig) -> PackedStore:
    """The first rank builds and writes down where its memory is; the others wait for its lock and map the same pages."""
    note = _note(key)
    with exclusive(note.with_suffix(".lock"), lambda: None):
        with contextlib.suppress(OSError, ValueError, KeyError):
            return open_pack(Path(note.read_text(encoding="utf-8")), key)
        store = _in_memory(key, paths, data)
        note.write_text(str(store.path), encoding="utf-8")
        atexit.register(remove_if_free, note)
    return store


def _note(key: str) -> Path:
    """Where the ranks of one launcher, their common parent, look for the memory that the first one filled.

    Raises: OSError where another user may have planted the folder: the note in it says which file is mapped.
    """
    folder = Path(tempfile.gettempdir()) / f"landmarks_{os.getuid() if hasattr(os, 'getuid') else 'user'}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if hasattr(os, "getuid") and (not S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077):
        raise OSError(f"{folder}: no folder of this user alone, others can write there; remove it")
    return folder / f"{os.getppid()}_{key}"


def _has_note(key: str) -> bool:
    with contextlib.suppress(OSError):
        return _note(key).exists()
    return False


def _gib(num_bytes: int) -> str:
    return f"{num_bytes / 2**30:.2f} GiB"
