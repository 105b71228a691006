"""Processes that the page starts and that outlive it: a session of their own, output in a file, no terminal."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

# So that the page stays quick while a training runs.
_NICENESS = 5


def start_command(words: list[str], console: Path) -> subprocess.Popen:
    """`landmarks WORDS` in a process that ends neither with the page nor with its terminal; output is added to `console`.

    Raises: OSError.
    """
    apart = {"start_new_session": True}
    if os.name == "nt":
        apart = {"creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP}
    with console.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "landmarks", *words],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            **apart,
        )
    if hasattr(os, "setpriority"):
        with contextlib.suppress(OSError):  # it has ended already
            os.setpriority(os.PRIO_PROCESS, process.pid, _NICENESS)
    return process


def ask_to_stop(process_id: int) -> None:
    """Asks a run to save and end, as Ctrl+C does. Raises: ValueError where this user may not, or it has ended."""
    try:
        os.kill(process_id, signal.SIGTERM)
    except OSError as error:
        raise ValueError(f"the run cannot be stopped from here ({error.strerror})") from error
