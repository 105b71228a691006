"""Locks between processes that the system frees when their holder dies, however it dies."""

import contextlib
import os
import struct
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
    import msvcrt

_POLL_SECONDS = 0.2
# struct flock, and which of its parts are the kind and the process
_FLOCK, _KIND, _PROCESS = ("qqihh", 3, 2) if sys.platform == "darwin" else ("hhqqi4x", 0, 4)


@contextlib.contextmanager
def exclusive(path: Path, waiting: Callable[[], None]) -> Iterator[bool]:
    """Holds the lock file `path`, which is removed afterwards; `waiting` is called once if another process has it.

    Yields False where the file system knows no locks (some network disks): then nobody is kept out.
    """
    handle = _open_locked(path, waiting)
    try:
        yield handle is not None
    finally:
        if handle is not None:
            # removed before it is freed: who waits for it sees that the name is gone, and takes a new one
            with contextlib.suppress(OSError):
                path.unlink()
            os.close(handle)
            with contextlib.suppress(OSError):  # Windows removes no open file
                if fcntl is None:
                    path.unlink()


def hold_for_life(path: Path) -> TextIO | None:
    """Takes the lock file `path` until the returned file is closed or this process ends; None where another one has it.

    Where the file system knows no locks nobody is kept out.
    Raises: OSError where the file cannot be written.
    """
    while True:
        file = path.open("w", encoding="utf-8")
        if _try_lock(file.fileno(), inherited=False) is False:
            file.close()
            return None
        if _is_still(path, file.fileno()):
            return file
        file.close()  # its last holder removed it in between


def remove_held(path: Path, file: TextIO) -> None:
    """Gives up a lock of `hold_for_life` and removes its file, before anyone else can take it."""
    with contextlib.suppress(OSError):
        path.unlink()
    file.close()
    with contextlib.suppress(OSError):  # Windows removes no open file
        if fcntl is None:
            path.unlink()


def holder(path: Path) -> int | None:
    """The process that has a lock of `hold_for_life`: its id, 0 where the system does not say, None where nobody has it.

    Only asks: a process that takes the lock at this moment is not kept out.
    """
    try:
        with path.open("r+b") as file:
            if fcntl is None:
                return None if _try_lock(file.fileno()) else 0
            asked = [0] * 5
            asked[_KIND] = fcntl.F_WRLCK
            found = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, struct.pack(_FLOCK, *asked)))
            return None if found[_KIND] == fcntl.F_UNLCK else max(found[_PROCESS], 0)
    except OSError:
        return None


def is_held(path: Path) -> bool:
    """Whether a living process holds this lock."""
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        return _try_lock(handle) is False
    finally:
        os.close(handle)


def _open_locked(path: Path, waiting: Callable[[], None]) -> int | None:
    told = False
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        locked = _try_lock(handle)
        if locked is None:
            os.close(handle)
            return None
        if locked and _is_still(path, handle):
            return handle
        os.close(handle)
        if not locked:
            if not told:
                waiting()
                told = True
            time.sleep(_POLL_SECONDS)


def _try_lock(handle: int, *, inherited: bool = True) -> bool | None:
    """True: locked; False: another process has it; None: no locks here.

    A lock that is not `inherited` is this process's alone.
    """
    try:
        if fcntl is None:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            # lockf, not flock, for a run's life: the loader's forked workers must not inherit the lock and outlive the run
            # with it; flock elsewhere, because lockf lets go when its process closes the file anywhere, as `is_held` does
            (fcntl.flock if inherited else fcntl.lockf)(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return None


def _is_still(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except OSError:
        return False
