"""train.log: what a run says, with the time, in a file beside its checkpoints; a resumed run appends."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

_PACKAGE = logging.getLogger("landmarks")


class _LogFile(logging.FileHandler):
    """A file of log lines; a full disk loses lines, not the run."""

    def handleError(self, record: logging.LogRecord) -> None:
        pass


@contextlib.contextmanager
def recorded(output: Path, rank: int) -> Iterator[None]:
    """Meanwhile rank 0 writes the package's log lines to train.log, at last the reason why the block ended early."""
    if rank > 0:
        yield
        return
    try:
        file = _LogFile(output / "train.log", encoding="utf-8")
    except OSError as error:
        _PACKAGE.warning(f"{output / 'train.log'}: not written ({error.strerror or error})")
        yield
        return
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%d %H:%M:%S"))
    level = _PACKAGE.level
    _PACKAGE.setLevel(min(level, logging.INFO) if level else logging.INFO)  # in a program that sets up no log lines, too
    _PACKAGE.addHandler(file)
    try:
        yield
    except BaseException as error:
        file.handle(_PACKAGE.makeRecord("landmarks", logging.ERROR, "", 0, f"{type(error).__name__}: {error}", (), None))
        raise
    finally:
        _PACKAGE.removeHandler(file)
        _PACKAGE.setLevel(level)
        with contextlib.suppress(OSError):
            file.close()
