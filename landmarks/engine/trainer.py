"""The training loop. `fit` reads top to bottom as epochs, optimizer steps, and once in a while validate, save, log."""

import json
import logging
import math
import signal
import sys
import time
from collections.abc import Iterator
from itertools import islice

from tqdm import tqdm

from landmarks.engine.checkpoint import epoch_name
from landmarks.engine.journal import clock
from landmarks.engine.memory import peak_memory
from landmarks.engine.network import start_training_mode
from landmarks.engine.setup import Run, state_of
from landmarks.engine.step import WindowResult, train_window
from landmarks.engine.stopping import Stopped, TrainingError, collect_signals
from landmarks.engine.validation import check_readable, validate

log = logging.getLogger(__name__)

# A network that gives no finite loss this often in a row will not recover by itself.
MAX_SKIPPED_IN_A_ROW = 10


def fit(run: Run) -> dict:
    """Trains to the last epoch, or until early stopping. Returns the summary, which is in summary.json too.

    Raises: TrainingError, Stopped, DataError; the newest checkpoint is sound in each case.
    """
    progress, train = run.progress, run.config.train
    start = time.monotonic() - progress.seconds
    if progress.finished:
        run.close()
        return _summary(run)
    with collect_signals() as run.signals:
        while progress.epoch < train.epochs and not progress.finished:
            result = None
            for result in _epoch_windows(run):
                progress.seconds = time.monotonic() - start
                _count(run, result)
                due = train.save_every_steps and progress.step % train.save_every_steps == 0 and result.stepped
                # the last window is saved with its epoch: a state between the two would write the epoch's lines twice
                if (due or result.stop) and progress.windows < run.windows_per_epoch:
                    save(run, "latest.pt")
                    _leave_if(result.stop, run)
            _end_epoch(run)
            improved = validate(run) if _due(progress.epoch, train.validate_every, train.epochs) else False
            progress.seconds = time.monotonic() - start
            stop = result is not None and result.stop
            _save_epoch(run, improved, stop)
            _leave_if(stop, run)
        progress.finished = True
        summary = _summary(run)
        save(run, "latest.pt")
    run.close()
    return summary


def _leave_if(stop: bool, run: Run) -> None:
    if stop:  # on every rank after the same window
        raise Stopped(run.signals[0] if run.signals else signal.SIGTERM)


def _epoch_windows(run: Run) -> Iterator[WindowResult]:
    """The accumulation windows of the epoch under way, from where a resumed run stopped."""
    progress, accumulate = run.progress, run.config.train.accumulate
    run.plan.epoch, run.plan.start = progress.epoch, progress.windows * accumulate
    start_training_mode(run.model, run.config.train.batch_norm)
    batches = iter(run.loader)
    bar = tqdm(
        total=run.windows_per_epoch,
        initial=progress.windows,
        desc=f"epoch {progress.epoch + 1}/{run.config.train.epochs}",
        unit="step",
        file=sys.stderr,
        mininterval=0.5 if sys.stderr.isatty() else 60,
        leave=False,
        disable=run.place.rank > 0,
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
        what = "gradient" if math.isfinite(result.loss_sum) else "loss"
        log.warning(f"epoch {progress.epoch + 1}: {what} is not finite, step skipped ({progress.skipped} so far)")
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
                "loss_scale": result.loss_scale,
                "skipped": progress.skipped,
            },
            epoch=progress.epoch + 1,
            times={"images_per_second": result.num_images / result.seconds, "data_wait_seconds": result.wait},
        )


def _end_epoch(run: Run) -> None:
    progress = run.progress
    loss = progress.loss_sum / progress.weight_sum if progress.weight_sum else None
    progress.epoch += 1
    times = {"peak_memory_mib": peak_memory(run.device), "seconds": progress.seconds}
    run.journal.scalars("train", progress.step, {"loss": loss, "skipped": progress.skipped}, epoch=progress.epoch, times=times)
    progress.windows, progress.loss_sum, progress.weight_sum = 0, 0.0, 0.0


def save(run: Run, name: str) -> None:
    """Writes the run's state; the journal reaches the disk first, so that a resumed run misses no line."""
    if run.place.rank > 0:
        return
    run.journal.flush()
    try:
        run.folder.save(name, state_of(run))
    except OSError as error:
        raise TrainingError(f"{run.folder.folder / name}: not written ({error}); the last sound checkpoint is kept") from error


def _save_epoch(run: Run, improved: bool, stop: bool) -> None:
    train, epoch = run.config.train, run.progress.epoch
    if improved:
        save(run, "best.pt")
    if train.keep_every and epoch % train.keep_every == 0:
        save(run, epoch_name(epoch))
    if stop or _due(epoch, train.save_every, train.epochs):
        save(run, "latest.pt")


def _due(epoch: int, every: int, last: int) -> bool:
    return epoch % every == 0 or epoch == last


def _summary(run: Run) -> dict:
    progress = run.progress
    summary = {
        "best_mre": progress.best,
        "unit": "mm" if any(record.pixel_size for record in run.val_records.records) else "px",
        "best_epoch": progress.best_epoch,
        "epochs": progress.epoch,
        "steps": progress.step,
        "skipped_steps": progress.skipped,
        "seconds": round(progress.seconds, 2),
        "images_per_second": round(progress.images / max(progress.seconds, 1e-9), 2),
        "peak_memory_mib": round(peak_memory(run.device)),
        "device": str(run.device),
    }
    if run.place.rank == 0:
        (run.output / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    return summary


def _time_left(run: Run, rate: float) -> str:
    left = (run.config.train.epochs - run.progress.epoch) * run.plan.num
    left -= run.progress.windows * run.config.train.accumulate * run.plan.batch_size
    return f"{clock(max(0, left) / max(rate, 1e-9))} left"
