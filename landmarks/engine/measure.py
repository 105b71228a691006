"""Real training steps on random images: what a choice of the planner takes on the card that is here."""

import statistics
import time
from dataclasses import replace

import torch

from landmarks.config import Config
from landmarks.data.batches import largest_size
from landmarks.data.loading import Sample
from landmarks.device import is_out_of_memory
from landmarks.distributed import RankInfo
from landmarks.engine.learner import Learner, make_learner
from landmarks.engine.memory import CONTEXT_BYTES, MIB
from landmarks.engine.network import set_up_torch
from landmarks.engine.planner import Choice
from landmarks.engine.step import train_window
from landmarks.engine.stopping import TrainingError
from landmarks.tasks.task import Task

_WARM_UP, _STEPS = 2, 5
_NOTHING = (float("inf"), float("inf"))


def measure_choices(config: Config, task: Task, choices: list[Choice], memory: int) -> dict[int, tuple[float, float]]:
    """Measures every choice that should fit: position -> (MiB in all, seconds a step); one that did not fit has inf."""
    device = torch.device("cuda", torch.cuda.current_device())
    config = replace(config, train=replace(config.train, memory_limit=f"{memory // MIB}MB"))
    set_up_torch(config, device)
    found = {}
    for number, choice in enumerate(choices):
        if choice.fits:
            found[number] = measure_choice(config, task, choice, device)
            # outside the handler, where no traceback keeps the step's tensors alive
            torch.cuda.empty_cache()
    return found


def measure_choice(config: Config, task: Task, choice: Choice, device: torch.device) -> tuple[float, float]:
    """MiB in all and seconds of one optimizer step; inf where the step ran out of memory."""
    try:
        return _measure(config, task, choice, device)
    except TrainingError:  # a step with nothing left to give up
        return _NOTHING
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return _NOTHING


def measured_learner(config: Config, task: Task, device: torch.device) -> tuple[Learner, list[Sample]]:
    """A learner with random weights for these settings, whose batch is a number, and a window of noise for its steps."""
    train = config.train
    learner, _ = make_learner(
        replace(config, model=replace(config.model, init_from="", pretrained=False), train=replace(train, compile=False)),
        task,
        device,
        RankInfo(),
        num_batches=100 * train.accumulate,
        share=train.batch_size,
    )
    learner.model.train()
    return learner, random_window(learner)


def with_choice(config: Config, choice: Choice) -> Config:
    """The settings with a choice of the planner."""
    train = replace(config.train, batch_size=choice.micro_batch, accumulate=choice.accumulate, recompute=choice.recompute)
    return replace(config, train=train)


def _measure(config: Config, task: Task, choice: Choice, device: torch.device) -> tuple[float, float]:
    learner, window = measured_learner(with_choice(config, choice), task, device)
    times = []
    for number in range(_WARM_UP + _STEPS):
        _wait_for(device)
        if number == _WARM_UP and device.type == "cuda":
            torch.cuda.empty_cache()  # to choose its kernels, cuDNN tries some that take far more than a step needs,
            torch.cuda.reset_peak_memory_stats(device)  # and what they took stays reserved
        start = time.perf_counter()
        if train_window(learner, window).recoveries:
            return _NOTHING
        _wait_for(device)
        times.append(time.perf_counter() - start)
    reserved = torch.cuda.max_memory_reserved(device) if device.type == "cuda" else 0
    return (reserved + CONTEXT_BYTES) / MIB, statistics.median(times[_WARM_UP:])


def random_window(learner: Learner) -> list[Sample]:
    """Batches of noise with the task's example of a target."""
    num, size = learner.config.train.batch_size, largest_size(learner.config.data)
    generator = torch.Generator().manual_seed(0)
    example = learner.task.targets.example()
    return [
        Sample(
            image=torch.randint(0, 256, (num, 1, *size), dtype=torch.uint8, generator=generator),
            target=type(example)(*(value.expand(num, *value.shape).clone() for value in example)),
            to_source=torch.eye(2, 3, dtype=torch.float64).expand(num, 2, 3),
            index=torch.arange(num),
            error=[""] * num,
        )
    ] * learner.config.train.accumulate


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
