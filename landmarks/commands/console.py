"""Log lines on the terminal: one line each, to stderr, from rank 0; no failing write ever ends a run."""

import contextlib
import errno
import logging
import os
import select
import stat
import sys
import time
from collections.abc import Callable
from typing import TextIO

# Characters of one write: a pipe that has room takes them without waiting (4,096 bytes on Linux, POSIX asks for 512).
_PIECE = 1024
_POLL_SECONDS = 0.01


def set_up_console() -> None:
    """Prepares stdout and stderr of a command, and shows the package's log lines. A second call changes nothing.

    Characters that the terminal's encoding lacks are written as escapes. Whatever cannot be written to stderr is dropped;
    stdout is dropped once nobody reads it any more (`| head`, a closed window), but a full disk is an error.
    """
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    if not isinstance(sys.stdout, SafeStream):
        sys.stdout = SafeStream(sys.stdout, _nobody_reads)
    if not isinstance(sys.stderr, SafeStream):
        sys.stderr = SafeStream(sys.stderr, lambda error: True, patience=1.0)
    log = logging.getLogger("landmarks")
    log.setLevel(logging.INFO)
    if not any(isinstance(handler, ConsoleHandler) for handler in log.handlers):
        log.addHandler(ConsoleHandler())


def _nobody_reads(error: Exception) -> bool:
    # Windows reports a closed pipe as EINVAL; a closed terminal is EIO
    return isinstance(error, OSError) and error.errno in (errno.EPIPE, errno.EIO, errno.EINVAL)


class SafeStream:
    """A text stream that drops what cannot be written, where `drop` says so of the error.

    A closed terminal, a full disk or a signal in the middle of a write then ends no run. With `patience`, what nobody
    takes for that many seconds is dropped too (a paused terminal, a full pipe): a run that waits in a write cannot save.
    """

    def __init__(self, stream: TextIO | None, drop: Callable[[Exception], bool], patience: float | None = None) -> None:
        # Windows starts a program without a console with None
        self._stream = open(os.devnull, "w", encoding="utf-8") if stream is None else stream  # noqa: SIM115
        self._drop, self._patience, self._wait = drop, patience, patience
        self._direct = None if patience is None else _open_again(self._stream)

    def write(self, text: str) -> int:
        if self._direct is not None:
            self._try(self._write_directly, text)
            return len(text)
        for start in range(0, len(text), _PIECE):
            if self._has_room():
                self._try(self._stream.write, text[start : start + _PIECE])
        return len(text)

    def _write_directly(self, text: str) -> None:
        """Never waits in the write itself: a terminal with a little room takes a part of a line and waits for the rest."""
        left = text.encode(self._stream.encoding or "utf-8", "backslashreplace")
        deadline = time.monotonic() + self._wait
        while left:
            try:
                left = left[os.write(self._direct, left) :]
                self._wait = self._patience
                deadline = time.monotonic() + self._wait
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    self._wait = 0.0  # until somebody reads again
                    return
                time.sleep(_POLL_SECONDS)

    def _has_room(self) -> bool:
        if self._patience is None:
            return True
        try:
            ready = bool(select.select([], [self._stream.fileno()], [], self._wait)[1])
        except (OSError, ValueError):  # no file, or Windows, which can ask sockets alone
            return True
        self._wait = self._patience if ready else 0.0
        return ready

    def flush(self) -> None:
        if self._direct is None:
            self._try(self._stream.flush)

    def _try(self, action: Callable, *text: str) -> int | None:
        try:
            return action(*text)
        except (OSError, ValueError, RuntimeError) as error:  # also a closed file; "reentrant call" from a signal handler
            if not self._drop(error):
                raise
            if isinstance(error, OSError) and not isinstance(error, BlockingIOError):
                self._discard_from_now_on()
            return None

    def _discard_from_now_on(self) -> None:
        """What is buffered still goes somewhere, and the interpreter's end does not fail on it either."""
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            if self._direct is not None:
                os.dup2(nowhere, self._direct, inheritable=False)
            os.close(nowhere)

    def __getattr__(self, name: str):
        return getattr(self._stream, name)


def _open_again(stream: TextIO) -> int | None:
    """The stream's pipe or terminal opened once more, for writes that do not wait; None where that cannot be done.

    The file that was inherited stays as it is: other programs, such as the shell, share its flags. Of other files it is a
    second handle, so that lines arrive while another thread leads standard error elsewhere (radiograph/intact.py).
    """
    try:
        handle = stream.fileno()
        mode = os.fstat(handle).st_mode
        if not (stat.S_ISFIFO(mode) or os.isatty(handle)):
            stream.flush()
            return os.dup(handle) if os.name == "posix" else None
        return os.open(f"/proc/self/fd/{handle}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except (OSError, ValueError, AttributeError):  # no file, no Linux, or a terminal of another user
        return None


class ConsoleHandler(logging.Handler):
    """Writes a record as one line to the current stderr, above any progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        rank = os.environ.get("RANK", "0")
        if rank != "0" and not getattr(record, "every_rank", False):
            return
        text = " ".join(record.getMessage().split("\n")).strip()
        if record.levelno >= logging.WARNING:
            text = f"{record.levelname.lower()}: {text}"
        write_line(text if rank == "0" else f"rank {rank}: {text}")


def write_line(text: str) -> None:
    """One line to stderr; a progress bar that is there is cleared first and drawn again below the line."""
    bars = sys.modules.get("tqdm")  # imported only where something draws a bar
    with bars.tqdm.external_write_mode(file=sys.stderr) if bars else contextlib.nullcontext():
        sys.stderr.write(text + "\n")
    sys.stderr.flush()
