"""The disk caches that runs have left: what they hold, and how to be rid of them."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from landmarks.data.cache import SUFFIX, UNFINISHED, lock_of_unfinished
from landmarks.data.packfile import open_pack
from landmarks.data.sizes import SIZES_FOLDER
from landmarks.filelock import is_held
from landmarks.wholefile import remove_if_free


@dataclass(frozen=True, kw_only=True, slots=True)
class CacheFile:
    """One cache, or what a killed build left of one."""

    path: Path
    num_bytes: int
    written: datetime
    about: str
    """What is in it, in words."""


def list_caches(folder: Path) -> list[CacheFile]:
    """All caches of a folder, the newest first; unfinished ones that no process works on are among them."""
    files = [*folder.glob(f"*{SUFFIX}"), *_abandoned(folder)] if folder.is_dir() else []
    found = [_describe(path) for path in files]
    return sorted(found, key=lambda cache: cache.written, reverse=True)


def clear_caches(folder: Path) -> tuple[int, list[str]]:
    """Removes them all; a run that has one mapped keeps its copy until it ends.

    Returns: the bytes freed, and a line for each cache that could not be removed.
    """
    freed, kept = 0, []
    for cache in list_caches(folder):
        try:
            cache.path.unlink(missing_ok=True)
            freed += cache.num_bytes
        except OSError as error:
            kept.append(f"{cache.path}: cannot be removed ({error.strerror or error})")
    for sizes in (folder / SIZES_FOLDER).glob("*.json"):
        freed += sizes.stat().st_size
        remove_if_free(sizes)
    for lock in folder.glob(".*.lock") if folder.is_dir() else ():
        if not is_held(lock):
            remove_if_free(lock)
    return freed, kept


def _abandoned(folder: Path) -> list[Path]:
    return [path for path in folder.glob(f".*{UNFINISHED}") if not is_held(lock_of_unfinished(path))]


def _describe(path: Path) -> CacheFile:
    stat = path.stat()
    try:
        store = open_pack(path, path.stem)
        height, width = store.about["image_size"]
        about = f"{len(store)} images of {store.about['folder']} for {height}x{width} at {store.about['cache_scale']:g}"
    except (OSError, ValueError, KeyError):
        about = "unfinished or of an older version"
    return CacheFile(path=path, num_bytes=stat.st_size, written=datetime.fromtimestamp(stat.st_mtime), about=about)
