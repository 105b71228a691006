"""Part 5: a real training for as long as there is time, then the test films."""

import contextlib
import logging
import math
import threading
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path

from landmarks.benchmark.card.bench import Bench
from landmarks.benchmark.clock import wait_for
from landmarks.config import Config
from landmarks.engine.build import prepare_run
from landmarks.engine.network import start_training_mode
from landmarks.engine.run import Run
from landmarks.engine.step import train_window
from landmarks.engine.stopping import Stopped
from landmarks.engine.trainer import fit
from landmarks.evaluation.split import evaluate_split
from landmarks.formats.reading import survey_dataset
from landmarks.inference.predictor import Predictor
from landmarks.synthetic.folder import dataset_root

log = logging.getLogger(__name__)

_WARM_UP, _STEPS = 5, 10
# Of the time that is left, what the training may plan to use: validation, checkpoints and the test films need the rest.
_USED = 0.75
_STOP = 15  # SIGTERM, as if the system ended the run: its state is saved
_EPOCHS_MOST = 150  # more of the same images teach nothing
_RESERVE = 25.0  # seconds for the test films


def run(bench: Bench) -> None:
    config = bench.run_recipe("isbi2015_1024", "data.workers=-1", "train.save_every=1000")
    speed = bench.item("speed of an epoch", lambda: _epoch_seconds(bench, config))
    if speed is None:
        return
    epochs = _epochs(speed["epoch s"], bench.left(), dry=bench.dry)
    warm_up = min(5.0, epochs / 10)
    train = replace(config.train, epochs=epochs, validate_every=max(1, epochs // 3), warmup_epochs=warm_up)
    config = replace(config, train=replace(train, ema_epochs=min(5.0, max(0.5, epochs / 10))))
    folder = bench.scratch("training")
    bench.item("training", lambda: _train(bench, config, folder))
    bench.item("test films", lambda: _test(bench, folder / "checkpoints"))


def _epochs(seconds: float, left: float, *, dry: bool) -> int:
    """Epochs for which the time suffices."""
    return 1 if dry else min(_EPOCHS_MOST, max(1, math.floor(_USED * (left - _RESERVE) / seconds)))


def _epoch_seconds(bench: Bench, config: Config) -> dict:
    """Of one epoch, from some of its steps."""
    run = prepare_run(config, bench.scratch("speed"), resume=None)
    start_training_mode(run.learner.model, config.train.batch_norm)
    batches = _endless(run)
    warm_up, steps = (1, 1) if bench.dry else (_WARM_UP, _STEPS)
    for batch in islice(batches, warm_up):
        train_window(run.learner, [batch])
    wait_for(bench.device)
    start = time.perf_counter()
    for batch in islice(batches, steps):
        train_window(run.learner, [batch])
    wait_for(bench.device)
    seconds = (time.perf_counter() - start) / steps
    windows = run.learner.windows_per_epoch
    run.close()
    return {"step s": seconds, "steps": windows, "epoch s": seconds * windows, "batch": config.train.batch_size}


def _endless(run: Run):
    while True:
        yield from run.train.loader
        run.train.plan.epoch += 1


def _train(bench: Bench, config: Config, folder: Path) -> dict:
    """The run; where its time is over before its last epoch, it is stopped as a signal would stop it, its state saved."""
    run = prepare_run(config, folder, resume=None)
    timer = threading.Timer(max(1.0, bench.left() - _RESERVE), run.learner.signals.stop.append, [_STOP])
    timer.daemon = True
    timer.start()
    with contextlib.suppress(Stopped):
        fit(run)
    timer.cancel()
    progress, seconds = run.progress, max(run.progress.seconds, 1e-9)
    run.close()
    return {
        "epochs": progress.epoch,
        "of": config.train.epochs,
        "steps": progress.step,
        "skipped steps": progress.skipped,
        "recovered": bool(progress.micro_batch or progress.recompute),
        "seconds": progress.seconds,
        "images/s": progress.images / seconds,
        f"valid {run.learner.task.score.name}": progress.best,
        "unit": progress.unit,
    }


def _test(bench: Bench, checkpoints: Path) -> dict:
    """Figures of the first split that is neither trained nor validated on, by the best checkpoint, else the last."""
    best = checkpoints / "best.pt"
    path = best if best.exists() else checkpoints / "latest.pt"
    predictor = Predictor.load(path, device=bench.device.type, calibrated=False)
    config = bench.run_recipe("isbi2015_1024", "data.workers=-1")
    splits = survey_dataset(config.data.format, dataset_root(config.data)).splits
    split = next(split for split in splits if split not in (config.data.train_split, config.data.val_split))
    start = time.perf_counter()
    figures = evaluate_split(predictor, config, split, checkpoint=path.name).figures.overall
    return {
        "split": split,
        "films": figures.num_images,
        "MRE mm": figures.mre_mm,
        "MRE px": figures.mre_px,
        "SDR2 %": figures.sdr.get(2.0),
        "seconds": time.perf_counter() - start,
    }
