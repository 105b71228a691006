"""One optimizer step in several forms: the project's own with other settings, compiled, as CUDA graphs, and plain loops."""

import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import nn

from landmarks.benchmark.card.bench import Bench
from landmarks.benchmark.clock import allocated_mib, forget_peak, peak_mib, seconds_of
from landmarks.benchmark.plain import peer_step, plain_step
from landmarks.config import Config
from landmarks.data.loading import Sample
from landmarks.engine.measure import measured_learner
from landmarks.engine.network import compile_network
from landmarks.engine.step import no_clock, train_window
from landmarks.tasks.landmarks.heatmap import encode
from landmarks.tasks.task import Network, Task

_WARM_UP, _STEPS = 3, 8
# Largest relative difference of a form's first loss and gradient norm from those of the same settings, eager.
_TOLERANCE = 0.05

Change = Callable[[Network, torch.Tensor, Config], nn.Module]
"""The network, a batch of images on the device, settings -> what the step calls instead of the network."""


def own_step(config: Config, task: Task, bench: Bench, change: Change | None = None) -> dict:
    """Time and peaks of the project's step, and the loss and gradient norm of its first, which other forms must give too."""
    device = bench.device
    learner, window = measured_learner(config, task, device)
    window = _pinned(window) if device.type == "cuda" else window
    start = time.perf_counter()
    if change:
        learner.net = change(learner.model, window[0].image.to(device), config)
    first = train_window(learner, window)
    ready = time.perf_counter() - start
    found = _timed(lambda: train_window(learner, window), config, bench)
    return {**found, "first step s": ready, "first loss": first.loss_sum, "first norm": first.grad_norm}


def changed_step(config: Config, task: Task, bench: Bench, change: Change, eager: dict | None) -> dict:
    """`own_step` with another form of the network, held against the eager one."""
    found = own_step(config, task, bench, change)
    if eager:
        apart = [abs(found[key] / eager[key] - 1) for key in ("first loss", "first norm")]
        found |= {"ok": max(apart) <= _TOLERANCE, "apart": max(apart), "times faster": eager["seconds"] / found["seconds"]}
    return found


def compiled(network: Network, images: torch.Tensor, config: Config) -> nn.Module:
    """Raises: RuntimeError where the platform has no working compiler."""
    built = compile_network(network, images.device)
    if built is network:
        raise RuntimeError("no working compiler here")
    return built


def graphed(network: Network, images: torch.Tensor, config: Config) -> nn.Module:
    """Forward and backward pass as CUDA graphs.

    Their gradients lie in memory that the next replay overwrites, so that windows of one batch alone are right.
    """
    assert config.train.accumulate == 1, "a second replay would overwrite the gradients of the first"
    dtype = torch.float16 if config.train.precision == "fp16" else torch.bfloat16
    # a cached half copy of a weight would be one of the capture's, not of the step's
    with torch.autocast("cuda", dtype, enabled=config.train.precision != "fp32", cache_enabled=False):
        return torch.cuda.make_graphed_callables(network, (images,))


def plain(config: Config, num_landmarks: int, bench: Bench) -> dict:
    """The loop that one writes first; its batches are float images and maps, as its loader makes them."""
    return _foreign(plain_step(config, num_landmarks, bench.device), config, num_landmarks, bench)


def peer(config: Config, num_landmarks: int, bench: Bench) -> dict:
    """The published package landmarker, where it is installed."""
    step = peer_step(config, num_landmarks, bench.device)
    return _foreign(step, config, num_landmarks, bench) if step else {"skipped": "landmarker is not installed"}


def _foreign(step: Callable, config: Config, num: int, bench: Bench) -> dict:
    size, batch = config.data.image_size, config.train.batch_size
    generator = torch.Generator().manual_seed(0)
    points_in = torch.rand(batch, num, 2, generator=generator) * (min(size) - 1)
    maps = encode((points_in - 1.5) / 4, (size[0] // 4, size[1] // 4), config.heatmap.sigma)
    images = torch.randint(0, 256, (batch, 1, *size), generator=generator, dtype=torch.uint8).float()
    window = [(images, maps, points_in)] * config.train.accumulate
    if bench.device.type == "cuda":
        window = [tuple(value.pin_memory() for value in part) for part in window]
    return _timed(lambda: step(window, no_clock), config, bench)


def _timed(step: Callable[[], object], config: Config, bench: Bench) -> dict:
    device = bench.device
    for _ in range(bench.num(_WARM_UP)):
        step()
    forget_peak(device)
    seconds = seconds_of(step, device, warm_up=bench.num(2) - 1, repeats=bench.num(_STEPS))
    median, images = statistics.median(seconds), config.train.batch_size * config.train.accumulate
    peaks = {"reserved MiB": peak_mib(device), "allocated MiB": allocated_mib(device)}
    return {"seconds": median, "spread s": max(seconds) - min(seconds), "images/s": images / median, **peaks}


def _pinned(window: list[Sample]) -> list[Sample]:
    """As the loader hands it over on a GPU."""
    return [
        batch._replace(
            image=batch.image.pin_memory(), target=type(batch.target)(*(value.pin_memory() for value in batch.target))
        )
        for batch in window
    ]


def with_train(config: Config, **changes) -> Config:
    return replace(config, train=replace(config.train, **changes))
