"""The training loop. `fit` reads top to bottom as epochs, optimizer steps, and once in a while validate, save, log."""

import json
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice

import torch
from tqdm import tqdm

from landmarks.data.loading import Sample
from landmarks.engine.checkpoint import capture_generators, epoch_name
from landmarks.engine.journal import clock, say
from landmarks.engine.schedule import lr_factor
from landmarks.engine.setup import Run, state_of
from landmarks.engine.stopping import Stopped, TrainingError, collect_signals
from landmarks.engine.validation import check_readable, validate
from landmarks.geometry import input_to_heatmap
from landmarks.inference.predictor import autocast
from landmarks.losses import heatmap_loss_sum

# A network that gives no finite loss this often in a row will not recover by itself.
MAX_SKIPPED_IN_A_ROW = 10


@dataclass(slots=True)
class WindowResult:
    """One accumulation window: weighted loss sum, sum of weights, gradient norm, and whether the step was taken."""

    loss_sum: float
    weight_sum: float
    grad_norm: float
    stepped: bool
    num_images: int
    wait: float
    """Seconds spent waiting for the loader, and on the whole window."""
    seconds: float


def fit(run: Run) -> dict:
    """Trains to the last epoch, or until early stopping. Returns the summary, which is in summary.json too.

    Raises: TrainingError, Stopped, DataError; the newest checkpoint is sound in each case.
    """
    progress, train = run.progress, run.config.train
    start = time.monotonic() - progress.seconds
    with collect_signals() as received:
        while progress.epoch < train.epochs and not progress.finished:
            for result in _epoch_windows(run):
                progress.seconds = time.monotonic() - start
                _count(run, result)
                if received:
                    save(run, "latest.pt")
                    raise Stopped(received[0])
                if train.save_every_steps and progress.step % train.save_every_steps == 0 and result.stepped:
                    save(run, "latest.pt")
            _end_epoch(run)
            improved = validate(run) if _due(progress.epoch, train.validate_every, train.epochs) else False
            progress.seconds = time.monotonic() - start
            _save_epoch(run, improved)
        progress.finished = True
        summary = _summary(run)
        save(run, "latest.pt")
    run.close()
    return summary


def _epoch_windows(run: Run) -> Iterator[WindowResult]:
    """The accumulation windows of the epoch under way, from where a resumed run stopped."""
    progress, accumulate = run.progress, run.config.train.accumulate
    run.plan.epoch, run.plan.start = progress.epoch, progress.windows * accumulate
    run.model.train()
    batches = iter(run.loader)
    bar = tqdm(
        total=run.windows_per_epoch,
        initial=progress.windows,
        desc=f"epoch {progress.epoch + 1}/{run.config.train.epochs}",
        unit="step",
        file=sys.stderr,
        mininterval=0.5 if sys.stderr.isatty() else 60,
        leave=False,
    )
    started, seen = time.monotonic(), 0
    with bar:
        for _ in range(progress.windows, run.windows_per_epoch):
            before = time.monotonic()
            window = list(islice(batches, accumulate))
            wait = time.monotonic() - before
            check_readable(run.config.data, window)
            result = train_window(run, window)
            result.wait, result.seconds = wait, time.monotonic() - before
            seen += result.num_images
            rate = seen / (time.monotonic() - started)
            bar.set_postfix_str(
                f"loss {result.loss_sum / max(result.weight_sum, 1e-12):.3g}, {rate:.1f} img/s, run {_time_left(run, rate)}",
                refresh=False,
            )
            bar.update()
            yield result


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
    weight_sum = sum(float((batch.visible * run.weights.cpu()).sum()) for batch in window)
    buffers = [b for b in run.model.buffers() if b.is_floating_point()]
    held = [b.clone() for b in buffers]
    loss_sum = torch.zeros((), device=run.device)
    for batch in window:
        loss = batch_loss(run, batch)
        loss_sum += loss.detach()
        run.scaler.scale(loss / max(weight_sum, 1e-12)).backward()
    run.scaler.unscale_(run.optimizer)
    limit = train.clip_norm or math.inf
    norm = torch.nn.utils.clip_grad_norm_(run.model.parameters(), limit)
    # the one moment of a window in which the device is waited for
    total, norm = torch.stack([loss_sum, norm.to(run.device)]).tolist()
    finite = math.isfinite(total) and math.isfinite(norm)
    if finite and weight_sum > 0:
        run.scaler.step(run.optimizer)
        if run.ema:
            run.ema.update(run.model)
    elif not finite:
        # a pass that overflowed has spoilt BatchNorm's running statistics as well
        torch._foreach_copy_(buffers, held)
    run.scaler.update()
    run.optimizer.zero_grad(set_to_none=True)
    num_images = sum(len(batch.index) for batch in window)
    return WindowResult(total, weight_sum, norm, finite and weight_sum > 0, num_images, 0.0, 0.0)


def batch_loss(run: Run, batch: Sample) -> torch.Tensor:
    """Weighted sum of the maps' mean losses over one micro-batch; target maps are made on the device from unrounded points."""
    images = batch.image.to(run.device, non_blocking=True)
    points_hm = input_to_heatmap(batch.points_in.to(run.device, non_blocking=True))
    weights_BK = batch.visible.to(run.device, non_blocking=True) * run.weights
    with autocast(run.device, run.config.train.precision):
        maps = run.net(images)
    total = heatmap_loss_sum(maps, points_hm, weights_BK, run.config.heatmap.sigma, run.config.loss)
    # as sums over pixels, gradients of FP16 activations would overflow at any usable loss scale
    return total / maps[0, 0].numel()


def _count(run: Run, result: WindowResult) -> None:
    """Books one window; stops a run whose loss is not finite ten times in a row."""
    progress = run.progress
    progress.windows += 1
    progress.images += result.num_images
    if result.stepped:
        progress.step += 1
        progress.skipped_in_a_row = 0
        progress.loss_sum += result.loss_sum
        progress.weight_sum += result.weight_sum
    elif result.weight_sum > 0:
        progress.skipped += 1
        progress.skipped_in_a_row += 1
        what = "loss" if not math.isfinite(result.loss_sum) else "gradient"
        say(f"epoch {progress.epoch + 1}: {what} is not finite, step skipped ({progress.skipped} so far)")
        if progress.skipped_in_a_row >= MAX_SKIPPED_IN_A_ROW:
            raise TrainingError(
                f"{MAX_SKIPPED_IN_A_ROW} steps in a row without a finite loss; lower train.lr, or set train.precision=fp32"
            )
    if result.stepped:
        run.journal.scalars(
            "step",
            progress.step,
            {
                "loss": result.loss_sum / result.weight_sum,
                "lr": run.optimizer.param_groups[0]["lr"],
                "grad_norm": result.grad_norm,
                "loss_scale": run.scaler.get_scale() if run.scaler.is_enabled() else None,
                "skipped": progress.skipped,
            },
            epoch=progress.epoch + 1,
            times={"images_per_second": result.num_images / result.seconds, "data_wait_seconds": result.wait},
        )


def _end_epoch(run: Run) -> None:
    progress = run.progress
    loss = progress.loss_sum / progress.weight_sum if progress.weight_sum else None
    progress.epoch += 1
    times = {"peak_memory_mib": _peak_memory(run), "seconds": progress.seconds}
    values = {"loss": loss, "skipped": progress.skipped}
    run.journal.scalars("train", progress.step, values, epoch=progress.epoch, times=times)
    progress.windows, progress.loss_sum, progress.weight_sum = 0, 0.0, 0.0


def save(run: Run, name: str) -> None:
    """Writes the run's state; the journal reaches the disk first, so that a resumed run misses no line."""
    run.journal.flush()
    content = state_of(run) | {"progress": asdict(run.progress), "generators": capture_generators()}
    try:
        run.folder.save(name, content)
    except OSError as error:
        raise TrainingError(f"{run.folder.folder / name}: not written ({error}); the last sound checkpoint is kept") from error


def _save_epoch(run: Run, improved: bool) -> None:
    train, epoch = run.config.train, run.progress.epoch
    if improved:
        save(run, "best.pt")
    if train.keep_every and epoch % train.keep_every == 0:
        save(run, epoch_name(epoch))
    if _due(epoch, train.save_every, train.epochs):
        save(run, "latest.pt")


def _due(epoch: int, every: int, last: int) -> bool:
    return epoch % every == 0 or epoch == last


def _summary(run: Run) -> dict:
    progress = run.progress
    summary = {
        "best_mre": progress.best,
        "best_epoch": progress.best_epoch,
        "epochs": progress.epoch,
        "steps": progress.step,
        "skipped_steps": progress.skipped,
        "seconds": round(progress.seconds, 2),
        "images_per_second": round(progress.images / max(progress.seconds, 1e-9), 2),
        "peak_memory_mib": round(_peak_memory(run)),
        "device": str(run.device),
    }
    (run.output / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    return summary


def _peak_memory(run: Run) -> float:
    """MiB: reserved on the GPU, else the resident set of this process."""
    if run.device.type == "cuda":
        return torch.cuda.max_memory_reserved(run.device) / 2**20
    if sys.platform == "win32":
        return 0.0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _time_left(run: Run, rate: float) -> str:
    left = run.config.train.epochs * run.plan.num - run.progress.epoch * run.plan.num
    left -= run.progress.windows * run.config.train.accumulate * run.plan.batch_size
    return f"{clock(max(0, left) / max(rate, 1e-9))} left"
