"""Validation inside a run: figures, best value, early stopping, pictures."""

import logging
import sys
from collections.abc import Iterable, Iterator
from functools import partial

import torch
from tqdm import tqdm

from landmarks.config import DataConfig
from landmarks.data.loading import Sample
from landmarks.distributed import share_from_rank_0
from landmarks.engine.journal import clock
from landmarks.engine.learner import Learner
from landmarks.engine.run import Run
from landmarks.engine.stopping import Stopped
from landmarks.evaluation.evaluate import predict_batches, report_unreadable
from landmarks.metrics import format_figure
from landmarks.models.forward import forward_in_parts
from landmarks.tasks.task import Judgement, Predictions

log = logging.getLogger(__name__)


def validate(run: Run) -> bool:
    """Validation with the averaged weights; books the figures and says whether they are the best so far."""
    learner, progress, score = run.learner, run.progress, run.learner.task.score
    share_from_rank_0(learner.shown.buffers())  # each rank has BatchNorm statistics of its own
    batches = tqdm(run.valid.loader, desc="validate", leave=False, file=sys.stderr, disable=not sys.stderr.isatty())
    predictions = predict_batches(
        partial(predict, learner),
        learner.task.unknown(len(run.valid.dataset)),
        _until_stopped(learner, batches),
        fail=partial(report_unreadable, run.config.data),
    )
    judgement = learner.task.judge(predictions, run.valid.records)
    value, progress.unit = judgement.score, judgement.unit
    improved = score.is_better(value, progress.best)
    if improved:
        progress.best, progress.best_epoch = value, progress.epoch
    _early_stopping(run, value)
    run.journal.scalars("valid", progress.step, judgement.figures | {"best": progress.best}, epoch=progress.epoch)
    run.journal.parts(score.name, progress.step, judgement.parts)
    _draw(run, predictions)
    log.info(_line(run, judgement))
    return improved


def predict(learner: Learner, images: torch.Tensor, to_source: torch.Tensor) -> Predictions:
    """Predictions of one batch by the network with the averaged weights."""
    outputs = forward_in_parts(learner.shown, images, learner.device, learner.config.train.precision)
    return learner.task.predict(outputs, to_source)


def _until_stopped(learner: Learner, batches: Iterable[Sample]) -> Iterator[Sample]:
    """Stops at once where no other rank waits for this one's predictions: the epoch's steps are saved."""
    for batch in batches:
        if learner.signals.stop and learner.ranks.size == 1:
            raise Stopped(learner.signals.stop[0])
        yield batch


def check_readable(data: DataConfig, window: Iterable[Sample]) -> None:
    """Stops at an image that could not be read, or names it, as data.on_error says. Raises: DataError."""
    for batch in window:
        for line in filter(None, batch.error):
            report_unreadable(data, line)


def _line(run: Run, judgement: Judgement) -> str:
    progress, name = run.progress, run.learner.task.score.name
    return (
        f"epoch {progress.epoch}/{run.config.train.epochs}  "
        f"valid {name} {format_figure(judgement.score, 3)} {judgement.unit} "
        f"(best {format_figure(progress.best, 3)} at epoch {progress.best_epoch})  "
        f"{judgement.line}  lr {run.learner.optimizer.param_groups[0]['lr']:.2g}  "
        f"{progress.images / max(progress.seconds, 1e-9):.1f} img/s  {clock(progress.seconds)}"
    )


def _early_stopping(run: Run, value: float | None) -> None:
    progress, train, score = run.progress, run.config.train, run.learner.task.score
    if score.is_better(value, progress.reference, by=train.min_delta):
        progress.reference, progress.stale = value, 0
        return
    progress.stale += 1
    if train.patience and progress.stale >= train.patience and progress.stage in (0, len(run.recipe.stages)):
        progress.finished = True
        log.info(
            f"early stopping: no better validation {score.name} in {progress.stale} validations (min_delta {train.min_delta:g})"
        )


def _draw(run: Run, predictions: Predictions) -> None:
    """Pictures of the same few validation images."""
    learner = run.learner
    for index in run.pictured if learner.ranks.rank == 0 else ():
        sample = run.valid.dataset[(0, index)]
        outputs = forward_in_parts(learner.shown, sample.image[None], learner.device, run.config.train.precision)[0]
        for kind, picture in learner.task.pictures(sample, outputs, predictions, run.valid.records).items():
            run.journal.picture(f"{kind}/{index}", run.progress.step, picture)
