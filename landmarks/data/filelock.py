"""A lock between processes that the system frees when its holder dies, however it dies."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
    import msvcrt

_POLL_SECONDS = 0.2


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


def _try_lock(handle: int) -> bool | None:
    """True: locked; False: another process has it; None: no locks here."""
    try:
        if fcntl is None:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
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
