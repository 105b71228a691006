"""One optimizer step: an accumulation window forward and backward, its gradients summed over ranks, and the update."""

import logging
import math
from dataclasses import dataclass

import torch

from landmarks.data.loading import Sample
from landmarks.device import autocast, is_out_of_memory
from landmarks.distributed import on_all_ranks, sum_gradients, sum_over_ranks
from landmarks.engine.memory import split_batch, take_less
from landmarks.engine.schedule import lr_factor
from landmarks.engine.setup import Run
from landmarks.engine.stopping import TrainingError
from landmarks.geometry import input_to_heatmap
from landmarks.tasks.landmarks.loss import heatmap_loss_sum

log = logging.getLogger(__name__)


@dataclass(slots=True)
class WindowResult:
    """One accumulation window: weighted loss sum, sum of weights, gradient norm, the fp16 scale; seconds, `wait` for data."""

    loss_sum: float
    weight_sum: float
    grad_norm: float
    loss_scale: float | None
    stepped: bool
    stop: bool
    """A signal asked some rank to stop."""
    num_images: int
    wait: float = 0.0
    seconds: float = 0.0


def train_window(run: Run, window: list[Sample]) -> WindowResult:
    """One optimizer step: forward and backward of each micro-batch, normalised by the weights of the whole window."""
    train, progress = run.config.train, run.progress
    factor = lr_factor(
        progress.step,
        warmup_steps=round(train.warmup_epochs * run.windows_per_epoch),
        total_steps=train.epochs * run.windows_per_epoch,
        final=train.final_lr,
    )
    for group in run.optimizer.param_groups:
        group["lr"] = train.lr * factor
    weight_sum, num_images = _window_totals(run, window)
    run.window_state.hold()
    while not on_all_ranks((loss_sum := _accumulate(run, window, weight_sum)) is not None):
        _make_room(run)
    sum_gradients(run.model)
    run.scaler.unscale_(run.optimizer)
    norm = torch.nn.utils.clip_grad_norm_(run.model.parameters(), train.clip_norm or math.inf)
    # the one moment of a window in which the device is waited for
    asked = torch.tensor(float(bool(run.signals)), device=run.device)
    (total, asked), norm = sum_over_ranks(torch.stack([loss_sum, asked])).tolist(), norm.item()
    scale = run.scaler.get_scale() if run.scaler.is_enabled() else None
    finite = math.isfinite(total) and math.isfinite(norm)
    if finite and weight_sum > 0:
        run.scaler.step(run.optimizer)
        if run.ema:
            run.ema.update(run.model)
    elif not finite:
        # a pass that overflowed has spoilt BatchNorm's running statistics as well
        run.window_state.restore_buffers()
    run.scaler.update()
    run.optimizer.zero_grad(set_to_none=True)
    return WindowResult(total, weight_sum, norm, scale, finite and weight_sum > 0, asked > 0, num_images)


def _accumulate(run: Run, window: list[Sample], weight_sum: float) -> torch.Tensor | None:
    """Gradients of a window; returns its loss sum on the device, or None where the memory did not suffice."""
    loss_sum = torch.zeros((), device=run.device)
    pieces = (piece for batch in window for piece in split_batch(batch, run.progress.micro_batch))
    try:
        for piece in pieces:
            loss = batch_loss(run, piece)
            loss_sum += loss.detach()
            run.scaler.scale(loss / max(weight_sum, 1e-12)).backward()
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        if run.place.size > 1 and run.config.train.batch_norm == "sync":
            where = f"out of memory at step {run.progress.step + 1} of {run.place.size} processes with train.batch_norm=sync"
            # the other ranks wait inside a norm for this one's images
            raise TrainingError(f"{where}: halve train.batch_size and double train.accumulate") from error
        return None
    return loss_sum


def _make_room(run: Run) -> None:
    """Takes the window back and goes on with less memory; here, outside the handler, no traceback keeps tensors alive."""
    run.optimizer.zero_grad(set_to_none=True)
    run.window_state.restore()
    line, sizes = take_less(run.progress, run.model, batch_size=run.plan.share)
    log.warning(line)
    run.journal.text("memory", line)
    run.journal.scalars("memory", run.progress.step, sizes, epoch=run.progress.epoch + 1)


def _window_totals(run: Run, window: list[Sample]) -> tuple[float, int]:
    """Sum of weights and number of images of a window, over all ranks; a rank's filler samples count for nothing."""
    weight = sum(float((batch.visible * run.weights).sum()) for batch in window)
    images = sum(int((batch.index >= 0).sum()) for batch in window)
    weight, images = sum_over_ranks(torch.tensor([weight, images], dtype=torch.float64)).tolist()
    return weight, round(images)


def batch_loss(run: Run, batch: Sample) -> torch.Tensor:
    """Weighted sum of the maps' mean losses over one micro-batch, 0-dim on the device."""
    images = batch.image.to(run.device, non_blocking=True)
    points_hm = input_to_heatmap(batch.points_in.to(run.device, non_blocking=True))
    weights_BK = (batch.visible * run.weights).to(run.device, non_blocking=True)
    if run.model.trained is not None:
        points_hm, weights_BK = points_hm[:, run.model.trained], weights_BK[:, run.model.trained]
    with autocast(run.device, run.config.train.precision):
        maps = run.net(images)
    total = heatmap_loss_sum(maps, points_hm, weights_BK, run.config.heatmap.sigma, run.config.loss)
    # as sums over pixels, gradients of FP16 activations would overflow at any usable loss scale
    return total / maps[0, 0].numel()
