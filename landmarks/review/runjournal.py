"""What a run's journal (metrics.jsonl) says: its state now, read as it grows, and its curves."""

import contextlib
import json
import math
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

_MOST_BYTES = 64 << 20
# Curves of more points than a screen has columns look the same.
_MOST_POINTS, _MOST_LINES = 300, 3000
_STEP = b'{"kind": "step"'
PLAIN = ("kind", "epoch", "step", "times")


@dataclass(kw_only=True, slots=True)
class JournalEnd:
    """The newest lines of a journal."""

    file_id: int = 0
    offset: int = 0
    """Bytes that have been read."""
    last: dict[str, dict] = field(default_factory=dict)
    """The newest line of each kind."""
    ends: list[dict] = field(default_factory=list)
    """The newest few ends of epochs."""

    @property
    def step(self) -> int:
        return max((line["step"] for line in self.last.values()), default=0)


_known: dict[Path, JournalEnd] = {}
_reading = threading.Lock()


def journal_end(file: Path) -> JournalEnd:
    """The end of a journal; of one that was read before only what is new is read."""
    with _reading:
        return _read_on(file)


def _read_on(file: Path) -> JournalEnd:
    known = _known.get(file, JournalEnd())
    try:
        with file.open("rb") as opened:
            size, file_id = opened.seek(0, 2), file.stat().st_ino
            if file_id != known.file_id or size < known.offset:
                # a resumed run has written its journal anew
                known = JournalEnd(file_id=file_id, offset=max(0, size - _MOST_BYTES))
            opened.seek(known.offset)
            content = opened.read(_MOST_BYTES)
    except OSError:
        return JournalEnd()
    # a line that is being written is read the next time
    whole = content[: content.rfind(b"\n") + 1]
    known.offset += len(whole)
    lines = whole.split(b"\n")
    steps = [line for line in lines if line.startswith(_STEP)][-1:]
    for line in _parsed([*steps, *(line for line in lines if line and not line.startswith(_STEP))]):
        known.last[line["kind"]] = line
        if line["kind"] == "train":
            known.ends = [*known.ends, line][-4:]
    _known[file] = known
    return known


def _parsed(lines: Iterable[bytes]) -> Iterable[dict]:
    for line in lines:
        with contextlib.suppress(ValueError):
            value = json.loads(line)
            if isinstance(value, dict) and isinstance(value.get("step"), int) and isinstance(value.get("kind"), str):
                yield value


def read_curves(file: Path) -> dict:
    """The curves of a journal, each a list of [step, value].

    `loss` and `lr` are means over a few steps each, `valid` has one curve a figure, `recoveries` counts how often the run
    ran out of memory and continued with smaller batches.
    """
    try:
        with file.open("rb") as opened:
            opened.seek(max(0, opened.seek(0, 2) - _MOST_BYTES))
            lines = opened.read().split(b"\n")
    except OSError:
        lines = []
    steps = [line for line in lines if line.startswith(_STEP)]
    steps = list(_parsed(steps[:: -(-len(steps) // _MOST_LINES) or 1]))
    valid: dict[str, list] = {}
    recoveries = 0
    for line in _parsed(line for line in lines if line and not line.startswith(_STEP)):
        recoveries += line["kind"] == "memory"
        for key, value in line.items() if line["kind"] == "valid" else ():
            if key not in PLAIN and _finite(value):
                valid.setdefault(key, []).append([line["step"], value])
    return {
        "loss": _thinned([[line["step"], line["loss"]] for line in steps if _finite(line.get("loss"))]),
        "lr": _thinned([[line["step"], line["lr"]] for line in steps if _finite(line.get("lr"))]),
        "valid": {key: _thinned(points) for key, points in valid.items()},
        "recoveries": recoveries,
    }


def _finite(value: object) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _thinned(points: list) -> list:
    """At most a few hundred points: means of neighbours."""
    width = -(-len(points) // _MOST_POINTS) or 1
    groups = (points[start : start + width] for start in range(0, len(points), width))
    return [[group[-1][0], sum(value for _, value in group) / len(group)] for group in groups]
