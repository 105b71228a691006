"""The training loop. `fit` reads top to bottom as epochs, optimizer steps, and once in a while validate, save, log."""

import logging
import math
import signal
import time
from collections.abc import Iterator
from itertools import islice

from landmarks.data.loading import Sample
from landmarks.engine.epochbar import EpochBar
from landmarks.engine.memory import peak_memory
from landmarks.engine.network import start_training_mode
from landmarks.engine.processor import ProcessorWatch
from landmarks.engine.run import Run
from landmarks.engine.runlog import recorded
from landmarks.engine.saving import is_due, save, save_epoch
from landmarks.engine.stages import begin_stage
from landmarks.engine.step import WindowResult, train_window
from landmarks.engine.stopping import Stopped, TrainingError
from landmarks.engine.validation import check_readable, validate
from landmarks.formats.records import DataError

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
        return run.summarise()
    watch = ProcessorWatch(run.learner.device)
    with recorded(run.output, run.learner.ranks.rank), run.learner.signals.collect():
        while progress.epoch < train.epochs and not progress.finished:
            begin_stage(run)
            for result in _epoch_windows(run):
                progress.seconds = time.monotonic() - start
                _count(run, result)
                due = train.save_every_steps and progress.step % train.save_every_steps == 0 and result.stepped
                if due or result.save or result.stop:
                    save(run, "latest.pt")
                _leave_if(result.stop, run)
                if line := watch.look_after_window():
                    log.warning(line)
            if line := watch.look():
                log.warning(line)
            validated = is_due(progress.epoch + 1, train.validate_every, train.epochs)
            if validated:
                save(run, "latest.pt")  # an end during validation loses none of the epoch's steps
            _end_epoch(run)
            improved = validated and validate(run)
            progress.seconds = time.monotonic() - start
            stop = run.learner.is_asked_to_stop()
            save_epoch(run, improved, stop)
            _leave_if(stop, run)
        progress.finished = True
        summary = run.summarise()
        save(run, "latest.pt")
    run.close()
    return summary


def _leave_if(stop: bool, run: Run) -> None:
    if stop:  # on every rank after the same window
        raise Stopped((run.learner.signals.stop or [signal.SIGTERM])[0])


def _epoch_windows(run: Run) -> Iterator[WindowResult]:
    """The accumulation windows of the epoch under way, from where a resumed run stopped."""
    progress, accumulate = run.progress, run.config.train.accumulate
    run.train.plan.epoch, run.train.plan.start = progress.epoch, progress.windows * accumulate
    start_training_mode(run.learner.model, run.config.train.batch_norm)
    batches = iter(run.train.loader)
    with EpochBar(run) as bar:
        for _ in range(progress.windows, run.learner.windows_per_epoch):
            before = time.monotonic()
            window = _next_window(run, batches)
            wait = time.monotonic() - before
            check_readable(run.config.data, window)
            result = train_window(run.learner, window)
            result.wait, result.seconds = wait, time.monotonic() - before
            bar.show(result)
            yield result


def _next_window(run: Run, batches: Iterator[Sample]) -> list[Sample]:
    try:
        return list(islice(batches, run.config.train.accumulate))
    except DataError:
        if run.learner.signals.stop:  # the signal that asks to stop may have ended the loader's workers as well
            save(run, "latest.pt")
            _leave_if(True, run)
        raise


def _count(run: Run, result: WindowResult) -> None:
    """Books one window; stops a run whose loss is not finite ten times in a row."""
    progress = run.progress
    for line, sizes in result.recoveries:
        run.journal.text("memory", line)
        run.journal.scalars("memory", progress.step, sizes, epoch=progress.epoch + 1)
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
                "lr": run.learner.optimizer.param_groups[0]["lr"],
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
    times = {"peak_memory_mib": peak_memory(run.learner.device), "seconds": progress.seconds}
    run.journal.scalars("train", progress.step, {"loss": loss, "skipped": progress.skipped}, epoch=progress.epoch, times=times)
    progress.windows, progress.loss_sum, progress.weight_sum = 0, 0.0, 0.0
