"""Seconds by phase of a step, and the most memory that a stretch of a program took."""

import argparse
import contextlib
import time
from collections import defaultdict
from pathlib import Path

import torch


def at_least_one(word: str) -> int:
    """The type of an argument that counts something."""
    if (number := int(word)) < 1:
        raise argparse.ArgumentTypeError(f"found {word}; write 1 or more")
    return number


class Clock:
    """Adds up seconds by phase; on a GPU it waits for the device before and after each."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.seconds: dict[str, float] = defaultdict(float)

    @contextlib.contextmanager
    def __call__(self, phase: str):
        wait_for(self._device)
        start = time.perf_counter()
        yield
        wait_for(self._device)
        self.seconds[phase] += time.perf_counter() - start


def wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def forget_peak(device: torch.device) -> None:
    """Starts a new measurement of peak memory."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    else:
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")


def peak_mib(device: torch.device) -> float | None:
    """MiB since `forget_peak`: reserved on a GPU, resident on the CPU (Linux; elsewhere None)."""
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device) / 2**20
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 2**10
    return None
