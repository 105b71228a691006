"""Lines on the terminal: one at a time, from the right rank, and never the end of a run."""

import contextlib
import errno
import io
import logging
import os
import sys

import pytest
from tqdm import tqdm

from landmarks.commands.console import ConsoleHandler, SafeStream, set_up_console
from landmarks.distributed import EVERY_RANK

log = logging.getLogger("landmarks.a.module")


class Failing(io.StringIO):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def write(self, *text):
        raise self.error

    flush = write


@pytest.fixture(autouse=True)
def _console(monkeypatch):
    monkeypatch.setattr(sys, "stdout", sys.stdout)  # put back what set_up_console wraps
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    yield
    package = logging.getLogger("landmarks")
    package.handlers = [handler for handler in package.handlers if not isinstance(handler, ConsoleHandler)]


def test_a_line_stands_alone_beside_a_progress_bar(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    set_up_console()
    set_up_console()
    with tqdm(total=3, file=sys.stderr, ncols=40, mininterval=0) as bar:
        bar.update()
        log.info("two\nlines")
        log.warning("careful")
        bar.update()
    shown = [part for line in stream.getvalue().split("\n") for part in line.split("\r") if part.strip()]
    assert [part for part in shown if "it/s" not in part and "/3" not in part] == ["two lines", "warning: careful"]


@pytest.mark.parametrize(("rank", "shown"), [("0", "a\nwarning: b\n"), ("3", "rank 3: warning: b\n")])
def test_other_ranks_write_only_what_they_alone_know(monkeypatch, rank, shown):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("RANK", rank)
    monkeypatch.delitem(sys.modules, "tqdm", raising=False)
    set_up_console()
    log.info("a")
    log.warning("b", extra=EVERY_RANK)
    assert stream.getvalue() == shown


@pytest.mark.parametrize("error", [OSError(errno.EIO, "closed"), ValueError("closed file"), RuntimeError("reentrant call")])
def test_a_failing_stderr_raises_nowhere(monkeypatch, error):
    monkeypatch.setattr(sys, "stderr", Failing(error))
    set_up_console()
    log.warning("lost")
    with tqdm(total=2, file=sys.stderr, mininterval=0) as bar:
        bar.update()
    print("lost", file=sys.stderr, flush=True)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot ask a pipe for room")
def test_a_stderr_that_nobody_reads_holds_no_run_up(monkeypatch):
    read, write = os.pipe()
    os.set_blocking(write, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(write, b"x" * 4096)
    os.set_blocking(write, True)
    with open(write, "w") as full:
        stream = SafeStream(full, lambda error: True, patience=0.1)
        for _ in range(100):
            stream.write("a line that would wait for ever\n")
        os.read(read, 1 << 20)
        stream.write("heard again\n")
        full.flush()
    assert os.read(read, 1 << 20).endswith(b"heard again\n")
    os.close(read)


@pytest.mark.skipif(sys.platform == "win32", reason="no second handle there")
def test_lines_to_a_file_arrive_while_a_library_is_kept_silent(tmp_path):
    with open(tmp_path / "log", "w") as file, open(os.devnull, "w") as nowhere:
        stream = SafeStream(file, lambda error: True, patience=1.0)
        os.dup2(nowhere.fileno(), file.fileno())
        stream.write("a line\n")
    assert (tmp_path / "log").read_text() == "a line\n"


@pytest.mark.skipif(sys.platform != "linux", reason="a terminal that is opened once more without waiting")
def test_a_paused_terminal_with_room_for_half_a_line_holds_no_run_up():
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    os.set_blocking(theirs, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(theirs, b"x" * 4096)
    os.set_blocking(theirs, True)
    os.read(ours, 300)
    with open(theirs, "w") as terminal:
        stream = SafeStream(terminal, lambda error: True, patience=0.1)
        for _ in range(20):
            stream.write("a line of some length " * 40 + "\n")
        assert os.get_blocking(theirs), "the shell shares this file"
        while len(os.read(ours, 1 << 16)) > 4000:
            pass
        stream.write("heard again\n")
        assert os.read(ours, 1 << 16).endswith(b"heard again\r\n")
    os.close(ours)


def test_stdout_drops_a_lost_reader_but_reports_a_full_disk(monkeypatch):
    for lost in (BrokenPipeError(errno.EPIPE, "pipe"), OSError(errno.EIO, "terminal"), OSError(errno.EINVAL, "Windows pipe")):
        monkeypatch.setattr(sys, "stdout", Failing(lost))
        set_up_console()
        print("dropped", flush=True)
    monkeypatch.setattr(sys, "stdout", Failing(OSError(errno.ENOSPC, "No space left on device")))
    set_up_console()
    with pytest.raises(OSError, match="No space"):
        print("kept", flush=True)


def test_a_console_of_another_code_page_shows_escapes(monkeypatch):
    bytes_written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(bytes_written, encoding="cp437"))
    set_up_console()
    print("\u0141ukasz \u00e9 \udcff", flush=True)
    assert bytes_written.getvalue().rstrip() == b"\\u0141ukasz \x82 \\udcff"
    nowhere = SafeStream(None, lambda error: True)  # pythonw on Windows has no streams
    assert nowhere.write("nowhere") == 7
    nowhere.close()


@pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal")
def test_a_closed_terminal_does_not_end_the_work():
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    stream = SafeStream(os.fdopen(theirs, "w"), lambda error: True)
    os.close(ours)
    for _ in range(3):
        assert stream.write("line\n") == 5
        stream.flush()
    stream.close()
