"""Validation inside a run: figures, best value, early stopping, pictures."""

import logging
import sys
from collections.abc import Iterable
from functools import partial

import numpy as np
from tqdm import tqdm

from landmarks import draw
from landmarks.config import DataConfig
from landmarks.data.loading import Sample
from landmarks.distributed import share_from_rank_0
from landmarks.engine.journal import clock
from landmarks.engine.setup import Run
from landmarks.evaluation.evaluate import Evaluation, evaluate_prediction, predict_batches, report_unreadable
from landmarks.geometry import apply_map, invert
from landmarks.metrics import Summary, format_figure, summarise

log = logging.getLogger(__name__)


def validate(run: Run) -> bool:
    """Validation with the averaged weights; books the figures and says whether they are the best so far."""
    progress = run.progress
    batches = tqdm(run.val_loader, desc="validate", leave=False, file=sys.stderr, disable=not sys.stderr.isatty())
    share_from_rank_0(run.predictor.model.buffers())  # each rank has BatchNorm statistics of its own
    fail = partial(report_unreadable, run.config.data)
    prediction = predict_batches(run.predictor, batches, len(run.val_records.records), fail=fail)
    evaluation = evaluate_prediction(run.val_records, prediction)
    figures = summarise(evaluation.error_px, evaluation.error_mm)
    value, unit = figures.mre
    improved = value is not None and (progress.best is None or value < progress.best)
    if improved:
        progress.best, progress.best_epoch = value, progress.epoch
    _early_stopping(run, value)
    values = {"mre_mm": figures.mre_mm, "mre_px": figures.mre_px, "peak": float(np.nanmean(prediction.peaks))}
    values |= {f"sdr_{radius}": share for radius, share in figures.sdr.items()}
    landmarks = run.val_records.landmarks
    for name in landmarks.groups:
        values[f"mre_mm_{name}"] = _figures_of(evaluation, landmarks.members(name)).mre_mm
    values["best"] = progress.best
    run.journal.scalars("valid", progress.step, values, epoch=progress.epoch)
    run.journal.landmarks(progress.step, {s: _figures_of(evaluation, (s,)).mre[0] for s in landmarks.symbols})
    _draw(run, prediction.points_px)
    log.info(
        f"epoch {progress.epoch}/{run.config.train.epochs}  valid MRE {format_figure(value, 3)} {unit} "
        f"(best {format_figure(progress.best, 3)} at epoch {progress.best_epoch})  "
        f"SDR2 {format_figure(figures.sdr[2.0], 1)} %  lr {run.optimizer.param_groups[0]['lr']:.2g}  "
        f"{progress.images / max(progress.seconds, 1e-9):.1f} img/s  {clock(progress.seconds)}"
    )
    return improved


def _figures_of(evaluation: Evaluation, symbols: tuple[str, ...]) -> Summary:
    columns = [evaluation.records.landmarks.index(symbol) for symbol in symbols]
    return summarise(evaluation.error_px[:, columns], evaluation.error_mm[:, columns])


def _early_stopping(run: Run, value: float | None) -> None:
    progress, train = run.progress, run.config.train
    if value is not None and (progress.reference is None or value < progress.reference - train.min_delta):
        progress.reference, progress.stale = value, 0
        return
    progress.stale += 1
    if train.patience and progress.stale >= train.patience:
        progress.finished = True
        log.info(f"early stopping: no better validation MRE in {progress.stale} validations (min_delta {train.min_delta:g})")


def _draw(run: Run, found_px: np.ndarray) -> None:
    """True and found points, and the heatmaps, of the same few validation images."""
    dataset = run.val_loader.dataset
    for index in run.pictured if run.place.rank == 0 else ():
        sample = dataset[(0, index)]
        image = sample.image[0].numpy()
        record = run.val_records.records[index]
        to_input = invert(sample.to_source.numpy())
        found, true = apply_map(to_input, found_px[index]), apply_map(to_input, record.points_px)
        picture = draw.overlay(image, found, true, long_side=800, title=record.image_id)
        run.journal.picture(f"points/{index}", run.progress.step, picture)
        maps = run.predictor.predict_maps(sample.image[None])[0].cpu().numpy()
        run.journal.picture(f"heatmaps/{index}", run.progress.step, draw.heatmap_overlay(image, maps))


def check_readable(data: DataConfig, window: Iterable[Sample]) -> None:
    for batch in window:
        for line in filter(None, batch.error):
            report_unreadable(data, line)
