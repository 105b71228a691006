"""Time and memory of a training step by phase, beside the loop that one writes first, in one process on the same images."""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import torch

from landmarks.benchmark.clock import Clock, at_least_one, forget_peak, peak_mib, wait_for
from landmarks.benchmark.plain import peer_step, plain_loader, plain_step
from landmarks.config import Config
from landmarks.configfile import load_config
from landmarks.data.loading import open_dataset
from landmarks.data.workers import loader_settings
from landmarks.device import choose_device, is_out_of_memory
from landmarks.engine.build import prepare_run
from landmarks.engine.planner import settle_batch
from landmarks.engine.run import Run
from landmarks.engine.step import train_window
from landmarks.metrics import format_figure, format_table
from landmarks.tasks import task_type

_WARM_UP = 3  # the first steps fetch their memory from the system, and a GPU chooses its kernels
PHASES = ("data wait", "copy", "forward", "loss", "backward", "optimizer", "EMA")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", required=True, help="recipe, a YAML file of configs/")
    parser.add_argument(
        "--steps", type=at_least_one, default=5, help="optimizer steps that are measured, after three that are not"
    )
    parser.add_argument("settings", nargs="*", metavar="section.key=value", help="settings that override the recipe's")


def run(args: argparse.Namespace) -> dict:
    """Prints the table and returns its figures. Raises: ValueError for a user's reason."""
    words = [*args.settings, "train.log_images=0"]
    config = load_config(args.config, words)
    device = choose_device(config.train.device)
    records, samples = open_dataset(config.data, config.data.train_split, augment=config.augment, seed=0)
    config, _ = settle_batch(config, task_type(config).from_records(config, records), device, None)
    num = len(records.landmarks)
    workers, _ = loader_settings(config.data, batch_size=config.train.batch_size, cuda=device.type == "cuda")
    # the plain loop goes first: what the framework sets in the process (memory, cuDNN) must not help it
    batches = plain_loader(samples, config, config.heatmap.sigma, workers)
    found = {}
    for name, make in (("plain loop", plain_step), ("landmarker", peer_step)):
        if step := make(config, num, device):
            found[name] = _measure_or_none(step, batches, config, device, args.steps)
            del step
    del batches
    found["landmarks"] = measure_own(config, device, args.steps)
    plain = found["plain loop"]
    ratio = plain["step"] / found["landmarks"]["step"] if plain else None
    words = f"a step of the plain loop takes {ratio:.2f} times as long" if ratio else "the plain loop ran out of memory"
    print(_table(found), f"\n{words}")
    return {"seconds": found, "ratio": ratio, "device": str(device)}


def _measure_or_none(step: Callable, batches: Iterator, config: Config, device: torch.device, steps: int) -> dict | None:
    """None where the step ran out of memory."""
    try:
        return _measure(step, batches, config, device, steps)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return None


def _measure(
    step: Callable, batches: Iterator, config: Config, device: torch.device, steps: int, warm_up: int = _WARM_UP
) -> dict:
    """Seconds a step by phase and in all, images a second, and peak memory."""
    clock = Clock(device)
    for number in range(warm_up + steps):
        if number == warm_up:
            wait_for(device)
            forget_peak(device)
            clock, start = Clock(device), time.perf_counter()
        with clock("data wait"):
            window = list(islice(batches, config.train.accumulate))
        step(window, clock)
    wait_for(device)
    return _figures(clock, (time.perf_counter() - start) / steps, config, device, steps)


def _figures(clock: Clock, seconds: float, config: Config, device: torch.device, steps: int) -> dict:
    phases = {phase: clock.seconds.get(phase, 0.0) / steps for phase in PHASES}
    images = config.train.batch_size * config.train.accumulate
    return {**phases, "step": seconds, "images/s": images / seconds, "peak MiB": peak_mib(device)}


def measure_own(config: Config, device: torch.device, steps: int, warm_up: int = _WARM_UP) -> dict:
    """The framework's own step as it is, then once more with a clock, which waits for the device between phases."""
    with tempfile.TemporaryDirectory() as folder:
        run = prepare_run(config, Path(folder), resume=None)
        run.learner.model.train()
        batches = _endless(run)
        whole = _measure(lambda window, clock: train_window(run.learner, window), batches, config, device, steps, warm_up)
        parts = _measure(
            lambda window, clock: train_window(run.learner, window, clock), batches, config, device, steps, warm_up
        )
        run.close()
    return {**parts, **{key: whole[key] for key in ("step", "images/s", "peak MiB")}}


def _endless(run: Run) -> Iterator:
    while True:
        yield from run.train.loader
        run.train.plan.epoch += 1


def _table(found: dict[str, dict | None]) -> str:
    rows = [
        [name, *(f"{1000 * figures[phase]:.1f}" for phase in (*PHASES, "step")),
         f"{figures['images/s']:.2f}", format_figure(figures["peak MiB"], 0)] if figures
        else [name, "out of memory", *[""] * (len(PHASES) + 2)]
        for name, figures in found.items()
    ]  # fmt: skip
    return format_table(["ms a step", *PHASES, "in all", "images/s", "peak MiB"], rows)
