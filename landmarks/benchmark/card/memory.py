"""Part 3: an 8 GB card. What the planner picks is run under that limit, beside what it predicted."""

import gc
import logging
from dataclasses import asdict, replace

import torch

from landmarks.benchmark.card.bench import Bench
from landmarks.benchmark.card.environment import context_mib, used_by_all
from landmarks.benchmark.clock import Clock, allocated_mib, forget_peak, peak_mib, seconds_of
from landmarks.config import Config
from landmarks.device import is_out_of_memory
from landmarks.engine.measure import measured_learner, with_choice
from landmarks.engine.memory import CONTEXT_BYTES, MIB, cap_memory
from landmarks.engine.network import set_up_torch
from landmarks.engine.planner import Choice, plan
from landmarks.engine.step import train_window
from landmarks.engine.stopping import TrainingError
from landmarks.tasks import task_type
from landmarks.tasks.task import Task
from landmarks.trainconfig import RECOMPUTE_LEVELS, parse_size

log = logging.getLogger(__name__)

_LIMIT = "8GB"
_RECIPES = ("1024_rtx3070ti", "768")
_WARM_UP, _STEPS = 2, 5
# Seconds that a choice takes on a card: the network, the trial of kernels, the steps.
_NEED = 12
# Room beside the tensors' own peak, of which the smallest memory for a step is tried.
_ROOMS = (1.3, 1.2, 1.1, 1.05, 1.02)


def run(bench: Bench) -> None:
    used_before = used_by_all() if bench.device.type == "cuda" else None
    for name in _RECIPES[: bench.num(len(_RECIPES))]:
        config = _limited(bench.recipe(name), bench.device)
        task = task_type(config).from_settings(config)
        choices = plan(config, task, parse_size(_LIMIT), levels=RECOMPUTE_LEVELS[: bench.num(len(RECOMPUTE_LEVELS))])
        for choice in chosen(choices, config)[: 1 if bench.dry else None]:
            label = f"{name} {choice.recompute} {choice.micro_batch}x{choice.accumulate}"
            bench.item(label, lambda c=config, t=task, o=choice: measure(c, t, o, bench), need=_NEED)
        if name == _RECIPES[0]:
            _extremes(bench, config, task)
    if bench.device.type == "cuda":
        bench.item("context after steps", lambda: {"context MiB": context_mib(bench.device, used_before)})


def _limited(config: Config, device: torch.device) -> Config:
    config = replace(config, train=replace(config.train, memory_limit=_LIMIT))
    set_up_torch(config, device)
    return config


def chosen(choices: list[Choice], config: Config) -> list[Choice]:
    """The recipe's own batch, then the fastest that fits of every level, in the planner's order."""
    own = [c for c in choices if (c.micro_batch, c.recompute) == (config.train.batch_size, config.train.recompute)]
    best = {}
    for choice in choices:
        if choice.fits:
            best.setdefault(choice.recompute, choice)
    return own + [choice for choice in best.values() if choice not in own]


def measure(config: Config, task: Task, choice: Choice, bench: Bench) -> dict:
    """Peaks, and the time of a step whole and by phase, beside the planner's prediction; `fits` is False out of memory."""
    predicted = {key: value for key, value in asdict(choice).items() if key not in ("recompute", "fits")}
    try:
        figures = _steps(with_choice(config, choice), task, bench)
    except RuntimeError as error:
        if not (is_out_of_memory(error) or isinstance(error, TrainingError)):
            raise
        figures = {"fits": False}
    free_device(bench.device)
    return {"predicted": predicted, **figures}


def _steps(config: Config, task: Task, bench: Bench) -> dict:
    device = bench.device
    learner, window = measured_learner(config, task, device)
    for _ in range(bench.num(_WARM_UP)):
        if train_window(learner, window).recoveries:
            return {"fits": False}
    forget_peak(device)  # to choose its kernels, cuDNN tries some that take far more than a step needs
    seconds = seconds_of(lambda: train_window(learner, window), device, warm_up=bench.num(2) - 1, repeats=bench.num(_STEPS))
    peaks = {"reserved MiB": peak_mib(device), "allocated MiB": allocated_mib(device)}
    clock = Clock(device)
    train_window(learner, window, clock)
    images = config.train.batch_size * config.train.accumulate
    median = sorted(seconds)[len(seconds) // 2]
    return {"fits": True, **peaks, "seconds": median, "images/s": images / median, "phases": dict(clock.seconds)}


def _extremes(bench: Bench, config: Config, task: Task) -> None:
    bench.item("recovery", lambda: _recovery(config, task, bench), need=_NEED)
    bench.item("largest batch", lambda: _largest_batch(config, task, bench), need=2 * _NEED)
    bench.item("smallest memory for two images", lambda: _smallest_memory(config, task, bench), need=2 * _NEED)


def _recovery(config: Config, task: Task, bench: Bench) -> dict:
    """A batch far too large for the limit: the window is taken back, halved and repeated until it fits."""
    size = 4 if bench.dry else 32
    config = replace(config, train=replace(config.train, batch_size=size, accumulate=1, recompute="none"))
    learner, window = measured_learner(config, task, bench.device)
    if bench.dry:
        learner.net = _SmallDevice(learner.net, room=1)
    first, second = (train_window(learner, window) for _ in range(2))
    halved = learner.progress.micro_batch
    facts = {
        "recovered": bool(first.recoveries) and 0 < halved < size,
        "stepped": first.stepped and second.stepped,
        "the next step recovers nothing": not second.recoveries,
    }
    lines = [line for line, _ in first.recoveries]
    return {"ok": all(facts.values()), **facts, "batch": size, "micro-batch": halved, "lines": lines}


class _SmallDevice(torch.nn.Module):
    """A network on a device that holds `room` images, for a dry run."""

    def __init__(self, net: torch.nn.Module, room: int) -> None:
        super().__init__()
        self._net, self._room = net, room

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if len(images) > self._room:
            raise torch.OutOfMemoryError("injected: out of memory")
        return self._net(images)


def _largest_batch(config: Config, task: Task, bench: Bench) -> dict:
    """The largest true batch of a pass with everything recomputed, from the planner's answer up or down."""
    totals = {c.micro_batch: c.total for c in plan(_batch(config, 2, 1, "all"), task, 2**60, levels=["all"])}
    predicted = max(1, 1 + (parse_size(_LIMIT) - totals[1]) // (totals[2] - totals[1]))
    size, most = (1, 1) if bench.dry else (predicted, 4 * predicted)
    tried = {size: _fits(config, task, size, bench)}
    step = 1 if tried[size] else -1
    while 1 <= size + step <= most and (bench.dry or bench.left() > _NEED):
        size += step
        tried[size] = _fits(config, task, size, bench)
        if tried[size] != tried[size - step]:
            break
    fitting = [size for size, good in tried.items() if good]
    return {"predicted": predicted, "largest": max(fitting, default=0), "tried": tried}


def _smallest_memory(config: Config, task: Task, bench: Bench) -> dict:
    """Two images of a pass, everything recomputed, under ever lower limits."""
    device = bench.device
    found = _steps(_batch(config, 2, 1, "all"), task, bench)
    free_device(device)
    if device.type != "cuda":
        return found
    total, allocated, smallest = torch.cuda.get_device_properties(device).total_memory, found["allocated MiB"] * MIB, None
    try:
        for room in _ROOMS:
            torch.cuda.set_per_process_memory_fraction(min(1.0, room * allocated / total), device)
            if not _fits(config, task, 2, bench):
                break
            smallest = (room * allocated + CONTEXT_BYTES) / MIB
    finally:
        cap_memory(config.train, device)
    return found | {"smallest MiB": smallest}


def _batch(config: Config, size: int, accumulate: int, level: str) -> Config:
    train = replace(config.train, batch_size=size, accumulate=accumulate, recompute=level)
    return replace(config, train=train)


def _fits(config: Config, task: Task, size: int, bench: Bench) -> bool:
    """Whether three steps of this batch go through in one piece, everything recomputed."""
    good = _go_through(_batch(config, size, 1, "all"), task, bench)
    free_device(bench.device)
    return good


def _go_through(config: Config, task: Task, bench: Bench) -> bool:
    try:
        learner, window = measured_learner(config, task, bench.device)
        return not any(train_window(learner, window).recoveries for _ in range(bench.num(3)))
    except RuntimeError as error:
        if not (is_out_of_memory(error) or isinstance(error, TrainingError)):
            raise
        return False


def free_device(device: torch.device) -> None:
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
