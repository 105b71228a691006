"""Seconds by phase of a step and of a piece of work, and the most memory that a stretch of a program took."""

import argparse
import contextlib
import time
from collections import defaultdict
from collections.abc import Callable
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


def seconds_of(work: Callable[[], object], device: torch.device, *, warm_up: int, repeats: int) -> list[float]:
    """Seconds of each repetition: by the device's own events on a GPU, which nothing waits for in between."""
    for _ in range(warm_up):
        work()
    wait_for(device)
    if device.type != "cuda":
        return [_host_seconds(work) for _ in range(repeats)]
    events = [(torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)) for _ in range(repeats)]
    for start, end in events:
        start.record()
        work()
        end.record()
    wait_for(device)
    return [start.elapsed_time(end) / 1000 for start, end in events]


def _host_seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


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


def allocated_mib(device: torch.device) -> float | None:
    """MiB of living tensors at most since `forget_peak`; None on the CPU, where nobody counts them."""
    return torch.cuda.max_memory_allocated(device) / 2**20 if device.type == "cuda" else None
