"""One optimizer step: an accumulation window forward and backward, its gradients summed over ranks, and the update.

Training, `plan --measure` and `benchmark step` call `train_window`; the latter two with a clock.
"""

import contextlib
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from landmarks.data.loading import Sample, part_of
from landmarks.device import autocast, is_out_of_memory
from landmarks.distributed import on_all_ranks, sum_gradients, sum_over_ranks
from landmarks.engine.learner import Learner
from landmarks.engine.memory import take_less
from landmarks.engine.schedule import learning_rate
from landmarks.engine.stopping import TrainingError

log = logging.getLogger(__name__)

Clock = Callable[[str], contextlib.AbstractContextManager]
"""`with clock("forward"):` adds the time of a phase."""


def no_clock(phase: str) -> contextlib.AbstractContextManager:
    """Measures nothing."""
    return contextlib.nullcontext()


@dataclass(slots=True)
class WindowResult:
    """One accumulation window: weighted loss sum, sum of weights, gradient norm, the fp16 scale; seconds, `wait` for data."""

    loss_sum: float
    weight_sum: float
    grad_norm: float
    loss_scale: float | None
    stepped: bool
    stop: bool
    """A signal asked some rank to save and stop."""
    save: bool
    """A signal asked some rank to save and continue."""
    num_images: int
    recoveries: list[tuple[str, dict]] = field(default_factory=list)
    """Each time that the memory did not suffice: a line, and the sizes from then on."""
    wait: float = 0.0
    seconds: float = 0.0


def train_window(learner: Learner, window: list[Sample], clock: Clock = no_clock) -> WindowResult:
    """One optimizer step: forward and backward of each micro-batch, normalised by the weights of the whole window."""
    _set_rate(learner)
    weight_sum, num_images = _window_totals(learner, window)
    recoveries = []
    learner.window_state.hold()
    while not on_all_ranks((loss_sum := _accumulate(learner, window, weight_sum, clock)) is not None):
        recoveries.append(_make_room(learner))
    sum_gradients(learner.model)
    with clock("optimizer"):
        learner.scaler.unscale_(learner.optimizer)
        clip = learner.config.train.clip_norm or math.inf
        norm = torch.nn.utils.clip_grad_norm_(learner.model.parameters(), clip)
        # the one moment of a window in which the device is waited for
        stop, save = torch.tensor(learner.signals.take(), device=learner.device)
        (total, stop, save), norm = sum_over_ranks(torch.stack([loss_sum, stop, save])).tolist(), norm.item()
        scale = learner.scaler.get_scale() if learner.scaler.is_enabled() else None
        finite = math.isfinite(total) and math.isfinite(norm)
        if finite and weight_sum > 0:
            learner.scaler.step(learner.optimizer)
    if finite and weight_sum > 0:
        with clock("EMA"):
            if learner.ema:
                learner.ema.update(learner.model)
    elif not finite:
        # a pass that overflowed has corrupted BatchNorm's running statistics as well
        learner.window_state.restore_buffers()
    with clock("optimizer"):
        learner.scaler.update()
        learner.optimizer.zero_grad(set_to_none=True)
    stepped = finite and weight_sum > 0
    return WindowResult(total, weight_sum, norm, scale, stepped, stop > 0, save > 0, num_images, recoveries)


def _accumulate(learner: Learner, window: list[Sample], weight_sum: float, clock: Clock) -> torch.Tensor | None:
    """Gradients of a window; returns its loss sum on the device, or None where the memory did not suffice."""
    loss_sum = torch.zeros((), device=learner.device)
    try:
        for batch in window:
            num = len(batch.index)
            size = learner.progress.micro_batch or num
            for first in range(0, num, size):
                loss = batch_loss(learner, part_of(batch, slice(first, first + size)), clock)
                loss_sum += loss.detach()
                with clock("backward"):
                    learner.scaler.scale(loss / max(weight_sum, 1e-12)).backward()
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        if learner.ranks.size > 1 and learner.config.train.batch_norm == "sync":
            where = f"out of memory at step {learner.progress.step + 1} of {learner.ranks.size} processes"
            # the other ranks wait inside a norm for this one's images
            raise TrainingError(
                f"{where} with train.batch_norm=sync: halve train.batch_size and double train.accumulate"
            ) from error
        return None
    return loss_sum


def batch_loss(learner: Learner, batch: Sample, clock: Clock = no_clock) -> torch.Tensor:
    """Weighted sum of the losses of one micro-batch, 0-dim on the device."""
    with clock("copy"):
        images = batch.image.to(learner.device, non_blocking=True)
        target = type(batch.target)(*(value.to(learner.device, non_blocking=True) for value in batch.target))
    with clock("forward"), autocast(learner.device, learner.config.train.precision):
        outputs = learner.net(images)
    with clock("loss"):
        return learner.task.loss_sum(outputs, target)


def _make_room(learner: Learner) -> tuple[str, dict]:
    """Reverts the window and lowers the memory of the next try; outside the handler no traceback keeps tensors alive."""
    learner.optimizer.zero_grad(set_to_none=True)
    learner.window_state.restore()
    line, sizes = take_less(learner.progress, learner.model, batch_size=learner.share)
    log.warning(line)
    return line, sizes


def _set_rate(learner: Learner) -> None:
    train, per_epoch, progress = learner.config.train, learner.windows_per_epoch, learner.progress
    # not the steps so far: a resumed run, or the stages before, may have another batch
    rate = learning_rate(train, progress.epoch * per_epoch + progress.windows, steps_per_epoch=per_epoch)
    for group in learner.optimizer.param_groups:
        group["lr"] = rate * train.backbone_rate if group.get("backbone") else rate


def _window_totals(learner: Learner, window: list[Sample]) -> tuple[float, int]:
    """Sum of weights and number of images of a window, over all ranks, without fillers and images that cannot be read."""
    weight = sum(learner.task.weight_sum(batch.target) for batch in window)
    images = sum(int((batch.index >= 0).sum()) - sum(map(bool, batch.error)) for batch in window)
    weight, images = sum_over_ranks(torch.tensor([weight, images], dtype=torch.float64)).tolist()
    return weight, round(images)
