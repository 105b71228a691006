"""The parts of the benchmark, each in a process of its own: what ends one leaves the others alone.

A fault in a kernel makes the device useless for the process that started it, a limit of memory stays for the life of a
process, and a hang ends only with it.
"""

import contextlib
import importlib
import json
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from landmarks.benchmark.card.bench import Bench, Job, failure_line, part_file

log = logging.getLogger(__name__)

_POLL_SECONDS = 1.0
# Exit codes of a part's process.
_FAILED, _USED_DEVICE = 3, 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    name: str
    module: str
    """Has `run(bench)`, or, after a colon, another name for it."""
    share: float
    """Of the whole time; what a part leaves over goes to the later ones."""


PARTS = (
    Part(name="environment", module="landmarks.benchmark.card.environment", share=0.06),
    Part(name="correctness", module="landmarks.benchmark.card.correctness", share=0.17),
    Part(name="memory", module="landmarks.benchmark.card.memory", share=0.25),
    Part(name="speed", module="landmarks.benchmark.card.speed", share=0.27),
    Part(name="training", module="landmarks.benchmark.card.training", share=0.25),
)
"""In order of worth."""


def run_parts(job: Job, parts: Sequence[Part], seconds: float, report: Callable[[dict], None]) -> dict[str, dict]:
    """Runs the parts one after the other.

    Args:
        report: is called with the outcomes so far whenever there are new figures.
    Returns: by part its state (ok, failed, ended), a line where it is not ok, seconds, and its items.
    """
    end, found = time.time() + seconds, {}
    methods = _start_methods([__name__, *(part.module.partition(":")[0] for part in parts)])
    for number, part in enumerate(parts):
        left = max(0.0, end - time.time())
        share = left * part.share / sum(later.share for later in parts[number:])
        log.info(f"{part.name}: up to {share:.0f} s")
        more = partial(_report_more, report, found, part.name)
        found[part.name] = _run_part(job, part, share, methods, more)
        report(found)
        outcome = found[part.name]
        log.info(f"{part.name}: {outcome['state']} after {outcome['seconds']:.0f} s {outcome.get('line', '')}".rstrip())
    return found


def _report_more(report: Callable[[dict], None], found: dict, name: str, outcome: dict) -> None:
    report({**found, name: outcome})


def _run_part(job: Job, part: Part, share: float, methods: tuple[str, ...], report: Callable[[dict], None]) -> dict:
    start, line_file = time.time(), part_file(job.folder, part.name).with_suffix(".line")
    process = None
    for method in methods:
        process = multiprocessing.get_context(method).Process(target=_child, args=(job, part, start + share))
        process.start()
        try:
            _wait(process, start + share, lambda: report(_outcome(job, part, "running", start)))
        except BaseException:
            _end(process)
            raise
        if process.exitcode != _USED_DEVICE:
            break
    if process.exitcode == 0:
        return _outcome(job, part, "ok", start)
    if process.exitcode is None:
        _end(process)
        return _outcome(job, part, "ended", start) | {"line": f"its {share:.0f} s were over"}
    line = line_file.read_text(encoding="utf-8") if line_file.exists() else f"its process died ({_death(process.exitcode)})"
    return _outcome(job, part, "failed", start) | {"line": line}


def _start_methods(modules: list[str]) -> tuple[str, ...]:
    """How to start a process, the quickest first; a copy of one that has used the device cannot use it again.

    The process that is copied for every part is started here: its imports take none of the first part's time.
    """
    if "forkserver" in multiprocessing.get_all_start_methods():
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(modules)
        process = context.Process(target=int)
        with contextlib.suppress(OSError, EOFError):  # a module that cannot be imported may end it
            process.start()
            process.join()
            if process.exitcode == 0:
                return "forkserver", "spawn"
    return ("spawn",)


def _wait(process: multiprocessing.Process, deadline: float, report: Callable[[], None]) -> None:
    while process.exitcode is None and time.time() < deadline:
        process.join(min(_POLL_SECONDS, max(0.0, deadline - time.time())))
        report()


def _outcome(job: Job, part: Part, state: str, start: float) -> dict:
    items = {}
    with contextlib.suppress(OSError, ValueError):
        items = json.loads(part_file(job.folder, part.name).read_text(encoding="utf-8"))
    return {"state": state, "seconds": time.time() - start, "items": items}


def _child(job: Job, part: Part, deadline: float) -> None:
    """The process of one part."""
    if hasattr(os, "setpgrp"):
        os.setpgrp()  # so that the processes which it starts end with it
    threading.Thread(target=end_with_parent, daemon=True).start()
    if "torch" in sys.modules and sys.modules["torch"].cuda._is_in_bad_fork():
        sys.exit(_USED_DEVICE)
    try:
        bench = Bench(job=job, part=part.name, deadline=deadline)
        module, _, function = part.module.partition(":")
        getattr(importlib.import_module(module), function or "run")(bench)
    except BaseException as error:
        path = part_file(job.folder, part.name).with_suffix(".line")
        path.write_text(failure_line(error), encoding="utf-8")
        sys.exit(_FAILED)


def end_with_parent() -> None:
    """For a thread: ends this process when the one that started it has ended, however it did."""
    multiprocessing.parent_process().join()
    os._exit(_FAILED)


def _end(process: multiprocessing.Process) -> None:
    """The process and those that it started."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.join()


def _death(exitcode: int) -> str:
    with contextlib.suppress(ValueError):
        return signal.Signals(-exitcode).name
    return f"exit code {exitcode}"
