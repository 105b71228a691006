"""Log lines on the terminal: one line each, to stderr, from rank 0; no failing write ever ends a run."""

import contextlib
import logging
import os
import sys


def set_up_console() -> None:
    """Prepares stdout and stderr of a command, and shows the package's log lines. A second call changes nothing.

    stdout writes characters that the terminal's encoding lacks as escapes; stderr drops what cannot be written.
    """
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    if not isinstance(sys.stderr, SafeStream):
        sys.stderr = SafeStream(sys.stderr)
    log = logging.getLogger("landmarks")
    log.setLevel(logging.INFO)
    if not any(isinstance(handler, ConsoleHandler) for handler in log.handlers):
        log.addHandler(ConsoleHandler())


class SafeStream:
    """A text stream whose writes never raise: a closed terminal, a full disk or a signal inside a write ends no run."""

    def __init__(self, stream) -> None:
        self._stream = stream if stream is not None else open(os.devnull, "w")  # noqa: SIM115 (Windows without a console)

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except (OSError, ValueError, RuntimeError):  # EIO; closed file; "reentrant call" from a signal handler
            return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError, RuntimeError):
            self._stream.flush()

    def __getattr__(self, name: str):
        return getattr(self._stream, name)


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
