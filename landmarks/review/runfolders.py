"""Run folders as the page shows them: state, progress, messages and pictures, read from the files that a run writes."""

import contextlib
import functools
import json
import re
from pathlib import Path

import yaml

from landmarks.config import ModelConfig
from landmarks.filelock import holder
from landmarks.review.runjournal import PLAIN, journal_end

_CONSOLE_BYTES, _CONSOLE_LINES = 8 << 10, 14
_MOST_PICTURES = 24
_LISTED = 200
CONSOLE, PICTURES = "console.log", "pictures"
# Films of the page are read by models of this task; runs before it was a setting have it as well.
PAGE_TASK = ModelConfig().task


def find_runs(folder: Path) -> dict[str, Path]:
    """The run folders directly below `folder`, by name, the newest first."""
    found = []
    with contextlib.suppress(OSError):
        found = [path for path in folder.iterdir() if any((path / name).is_file() for name in ("config.yaml", CONSOLE))]
    newest = sorted(found, key=_changed, reverse=True)[:_LISTED]
    return {path.name: path for path in newest}


def _changed(path: Path) -> float:
    times = [0.0]
    for name in ("metrics.jsonl", CONSOLE, "config.yaml"):
        with contextlib.suppress(OSError):
            times.append((path / name).stat().st_mtime)
    return max(times)


def describe_run(path: Path, *, alive: bool = False) -> dict:
    """State and progress of one run. `alive`: a process that the page started for it has not ended.

    The state is running, finished, stopped, or failed (it never came to a checkpoint).
    """
    running = alive or holder(path / ".lock") is not None
    journal = journal_end(path / "metrics.jsonl")
    last, ends = journal.last, journal.ends
    settings = run_settings(path)
    epochs = int(settings.get("train", {}).get("epochs") or 0)
    summary = _summary(path)
    valid = last.get("valid", {})
    score = next((key for key in valid if key not in PLAIN), None)
    return {
        "name": path.name,
        "state": _state(path, running, summary),
        "epoch": ends[-1]["epoch"] if ends else 0,
        "epochs": epochs,
        "step": journal.step,
        "loss": (last.get("step") or last.get("train") or {}).get("loss"),
        "score": score,
        "value": valid.get(score) if score else None,
        "best": valid.get("best"),
        "seconds": ends[-1].get("times", {}).get("seconds") if ends else None,
        "seconds_left": _seconds_left(ends, journal.step, epochs) if running and ends else None,
        "peak_memory_mib": ends[-1].get("times", {}).get("peak_memory_mib") if ends else None,
        "changed": _changed(path),
        "resumable": not running and summary is None and (path / "config.yaml").is_file(),
        "has_model": (path / "checkpoints" / "best.pt").is_file() and run_task(path) == PAGE_TASK,
    }


def _state(path: Path, running: bool, summary: dict | None) -> str:
    if running:
        return "running"
    if summary is not None:
        return "finished"
    return "stopped" if any((path / "checkpoints").glob("*.pt")) else "failed"


def _summary(path: Path) -> dict | None:
    """What a finished run wrote last; None while it is, or was left, unfinished."""
    try:
        return json.loads((path / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _seconds_left(ends: list[dict], step: int, epochs: int) -> float | None:
    """By the pace of the last epochs, those of this sitting; None where no epoch's time is known."""
    marks = [(end["epoch"], end["times"]["seconds"]) for end in ends[-4:] if end.get("times", {}).get("seconds")]
    if not marks:
        return None
    first = marks[0] if len(marks) > 1 else (0, 0.0)
    pace = (marks[-1][1] - first[1]) / max(marks[-1][0] - first[0], 1)
    done = ends[-1]["epoch"]
    part = min((step - ends[-1]["step"]) / max(ends[-1]["step"] / done, 1), 1.0) if done else 0.0
    return max(0.0, (epochs - done - part) * pace)


def run_task(path: Path) -> str:
    """What the run's network learns."""
    return run_settings(path).get("model", {}).get("task", PAGE_TASK)


def run_settings(path: Path) -> dict:
    """The resolved settings by section; empty where there are none."""
    try:
        return _settings(path / "config.yaml", (path / "config.yaml").stat().st_mtime_ns)
    except OSError:
        return {}


@functools.lru_cache(maxsize=512)
def _settings(file: Path, _changed_ns: int) -> dict:
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return found if isinstance(found, dict) and all(isinstance(part, dict) for part in found.values()) else {}


def console_lines(path: Path) -> list[str] | None:
    """The last lines that a run of the page has written, of a progress bar its last state; None where others started it."""
    try:
        with (path / CONSOLE).open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _CONSOLE_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return None
    # tqdm goes back to the line's start, and moves the cursor
    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)
    lines = [re.sub(r"[\x00-\x1f\x7f]", "", line.rstrip("\r").split("\r")[-1]).strip()[:400] for line in text.split("\n")]
    return [line for line in lines if line][-_CONSOLE_LINES:]


def find_pictures(path: Path) -> dict[str, Path]:
    """The pictures of the last validation by name."""
    with contextlib.suppress(OSError):
        return {file.stem: file for file in sorted((path / PICTURES).glob("*.jpg"))[:_MOST_PICTURES]}
    return {}
