"""The progress bar of an epoch: loss, speed, and the time that the run still takes."""

import sys
import time

from tqdm import tqdm

from landmarks.engine.journal import clock
from landmarks.engine.run import Run
from landmarks.engine.step import WindowResult


class EpochBar:
    """Shown by rank 0 while windows are trained."""

    def __init__(self, run: Run) -> None:
        self._run, self._start, self._seen = run, time.monotonic(), 0
        progress = run.progress
        self._bar = tqdm(
            total=run.learner.windows_per_epoch,
            initial=progress.windows,
            desc=f"epoch {progress.epoch + 1}/{run.config.train.epochs}",
            unit="step",
            file=sys.stderr,
            mininterval=0.5 if sys.stderr.isatty() else 60,
            leave=False,
            disable=run.learner.ranks.rank > 0,
        )

    def __enter__(self) -> "EpochBar":
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def show(self, result: WindowResult) -> None:
        """After each window."""
        self._seen += result.num_images
        rate = self._seen / (time.monotonic() - self._start)
        loss = result.loss_sum / max(result.weight_sum, 1e-12)
        self._bar.set_postfix_str(f"loss {loss:.3g}, {rate:.1f} img/s, run {self._time_left(rate)}", refresh=False)
        self._bar.update()

    def _time_left(self, rate: float) -> str:
        run, plan = self._run, self._run.train.plan
        left = (run.config.train.epochs - run.progress.epoch) * plan.num
        left -= run.progress.windows * run.config.train.accumulate * plan.batch_size
        return f"{clock(max(0, left) / max(rate, 1e-9))} left"
