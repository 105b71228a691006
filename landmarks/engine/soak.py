"""Kills a run again and again, resumes it, and holds the result against the run that was never stopped."""

import contextlib
import json
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from landmarks.checkpointfile import CheckpointError, read_checkpoint, verify_checkpoint
from landmarks.engine.checkpoint import CheckpointFolder

log = logging.getLogger(__name__)

# What a repeated run may differ in: times, and where it ran.
_FREE = {"seconds", "versions", "config", "recipe"}
_DAMAGED_PLACES = 50
# How an interrupted run may end: killed, or saved and stopped by a signal.
_SAVED = (-signal.SIGKILL, *(128 + number for number in (signal.SIGTERM, signal.SIGINT, getattr(signal, "SIGHUP", 1))))
_IN_TERMINAL = "import os, sys; os.open(sys.argv[1], os.O_RDWR); os.execv(sys.argv[2], sys.argv[2:])"


@dataclass(slots=True)
class Outcome:
    """One line of the soak's table."""

    name: str
    done: int = 0
    failures: list[str] = field(default_factory=list)


class Soak:
    """A command that trains, and the folder in which its runs are made and compared."""

    def __init__(self, train_command: list[str], folder: Path, *, seed: int) -> None:
        self._command, self._folder = train_command, folder
        self._random = random.Random(seed)
        self.reference = folder / "reference"
        self.seconds = 0.0

    def make_reference(self) -> None:
        """The uninterrupted run. Raises: ValueError with the run's own last line where it fails."""
        started = time.monotonic()
        shutil.rmtree(self.reference, ignore_errors=True)
        process = self._start(self.reference, [])
        errors = process.communicate()[1]
        if process.returncode:
            raise ValueError(f"the uninterrupted run failed: {errors.strip().splitlines()[-1]}")
        self.seconds = time.monotonic() - started

    def interrupt(
        self, name: str, kills: int, how: Callable[[subprocess.Popen, Path], bool], *, terminal: bool = False
    ) -> Outcome:
        """Starts, interrupts by `how` and resumes until it was interrupted `kills` times, then lets it end.

        Args:
            terminal: run in a terminal of its own until it is interrupted.
        """
        outcome, output = Outcome(name), self._folder / name.replace(" ", "_")
        shutil.rmtree(output, ignore_errors=True)
        while True:
            words = ["--resume", f"data.workers={self._random.choice((0, 1, 3))}"]
            process = self._start(output, words, terminal=terminal and outcome.done < kills)
            interrupted = outcome.done < kills and how(process, output)
            errors = process.communicate()[1] or ""
            self._check_latest(output, outcome)
            if interrupted and process.returncode != 0:
                outcome.done += 1
                log.info(f"{name}: {outcome.done} of {kills}")
                if process.returncode not in _SAVED:
                    outcome.failures.append(f"exit code {process.returncode}: {errors.strip().splitlines()[-1:]}")
                    return outcome
                continue
            if process.returncode:
                outcome.failures.append(f"exit code {process.returncode}: {errors.strip().splitlines()[-1:]}")
                return outcome
            if outcome.done >= kills:
                break
            shutil.rmtree(output)  # it ended before all kills: once more from the beginning
        outcome.failures += compare_runs(self.reference, output)
        log.info(f"{name}: {outcome.done} times, {'not ' if outcome.failures else ''}the same as uninterrupted")
        return outcome

    def at_a_random_moment(self, number: int) -> Callable[[subprocess.Popen, Path], bool]:
        """Sends the signal somewhere between the start of the process and the end of what it would do."""

        def interrupt(process: subprocess.Popen, output: Path) -> bool:
            deadline = time.monotonic() + self._random.uniform(0.2, 0.9) * self.seconds
            while time.monotonic() < deadline and process.poll() is None:
                time.sleep(0.02)
            if number != signal.SIGKILL and not self._is_training(process, output):
                return False
            process.send_signal(number)
            return True

        return interrupt

    def during_a_write(self, process: subprocess.Popen, output: Path) -> bool:
        """Kills the process while a checkpoint is being written."""
        skipped = self._random.randrange(4)
        part = output / "checkpoints" / ".latest.pt.part"
        while process.poll() is None:
            if part.exists():
                if skipped == 0:
                    process.kill()
                    return True
                skipped -= 1
                while part.exists() and process.poll() is None:
                    time.sleep(0.0005)
            time.sleep(0.0005)
        return False

    def lose_terminal(self, process: subprocess.Popen, output: Path) -> bool:
        """Closes the terminal that the run writes to."""
        if not self._is_training(process, output):
            return False
        os.close(self._terminal)
        return True

    def signal_all(self, process: subprocess.Popen, output: Path) -> bool:
        """Sends SIGTERM to the run and its loader workers at once, as a control group does."""
        if not self._is_training(process, output):
            return False
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="utf-8").split()
        for number in [*map(int, children), process.pid]:
            os.kill(number, signal.SIGTERM)
        return True

    def block_stderr(self, process: subprocess.Popen, output: Path) -> bool:
        """Sends SIGTERM while nobody reads what the run writes, and its pipe is full."""
        if not self._is_training(process, output):
            return False
        pipe = os.open(f"/proc/{process.pid}/fd/2", os.O_WRONLY | os.O_NONBLOCK)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(pipe, b" " * 4096)
        os.close(pipe)
        time.sleep(self._random.uniform(0, 1))
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(120)
        return True

    def damage(self) -> Outcome:
        """Cuts latest.pt off, or changes a byte, at random places: never believed, an earlier one is used."""
        outcome = Outcome("damaged latest.pt")
        folder = self._folder / "damaged"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.reference / "checkpoints", folder / "checkpoints")
        latest = folder / "checkpoints" / "latest.pt"
        content = latest.read_bytes()
        for number in range(_DAMAGED_PLACES):
            offset = self._random.randrange(len(content))
            changed = bytes([content[offset] ^ (1 << self._random.randrange(8))])
            latest.write_bytes(content[:offset] if number % 2 else content[:offset] + changed + content[offset + 1 :])
            path, _, refused = CheckpointFolder(folder, keep=1).newest_sound()
            if path == latest or not any(str(latest) in line for line in refused):
                outcome.failures.append(f"damage at byte {offset} was believed")
            outcome.done += 1
        shutil.rmtree(folder)
        return outcome

    def _is_training(self, process: subprocess.Popen, output: Path) -> bool:
        """Waits until the run answers signals itself: from its first step on."""
        before = _size(output / "metrics.jsonl")
        while process.poll() is None and _size(output / "metrics.jsonl") <= before:
            time.sleep(0.02)
        return process.poll() is None

    def _start(self, output: Path, words: list[str], *, terminal: bool = False) -> subprocess.Popen:
        command = [*self._command, "--output", str(output), *words]
        if not terminal:
            return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self._terminal, inside = os.openpty()
        # in a session of its own, a program's first terminal is the one whose loss it hears of
        command = [sys.executable, "-c", _IN_TERMINAL, os.ttyname(inside), *command]
        process = subprocess.Popen(command, stdin=inside, stdout=inside, stderr=inside, start_new_session=True)
        os.close(inside)
        return process

    def _check_latest(self, output: Path, outcome: Outcome) -> None:
        latest = output / "checkpoints" / "latest.pt"
        if latest.exists():
            try:
                verify_checkpoint(latest)
            except CheckpointError as error:
                outcome.failures.append(str(error))


def compare_runs(one: Path, other: Path) -> list[str]:
    """What differs between two finished runs, bit for bit: latest and best checkpoint, metrics.jsonl."""
    failures = []
    for name in ("latest.pt", "best.pt"):
        states = [read_checkpoint(run / "checkpoints" / name) for run in (one, other)]
        failures += [f"{name}: {path}" for path in differences(*states)]
    lines = [metric_lines(run) for run in (one, other)]
    if lines[0] != lines[1]:
        failures.append(f"metrics.jsonl: {len(lines[0])} lines, {len(lines[1])} lines, not the same")
    return failures


def metric_lines(run: Path) -> list[dict]:
    """Lines of metrics.jsonl without their times."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    return [{key: value for key, value in line.items() if key != "times"} for line in lines]


def differences(one, other, path: str = "") -> list[str]:
    """Paths at which two checkpoints differ, times and versions aside."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = (one.keys() | other.keys()) - _FREE
        return [d for key in sorted(keys, key=str) for d in differences(one.get(key), other.get(key), f"{path}/{key}")]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [d for i, pair in enumerate(zip(one, other, strict=True)) for d in differences(*pair, f"{path}/{i}")]
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return [] if torch.equal(one, other) else [path]
    return [] if one == other else [path]


def train_command(config: str, settings: list[str]) -> list[str]:
    return [sys.executable, "-m", "landmarks", "train", "--config", config, *settings]


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
