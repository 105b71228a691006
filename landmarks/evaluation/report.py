"""The whole of one evaluation: predict a split with a checkpoint, judge it, write tables and pictures."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tqdm import tqdm

from landmarks import draw
from landmarks.config import Config
from landmarks.data.loading import BatchPlan, make_loader, open_dataset
from landmarks.data.records import DataError, RecordSet
from landmarks.evaluation.evaluate import (
    Evaluation,
    evaluate_points,
    figures_table,
    predict_batches,
    write_metrics,
    write_predictions,
)
from landmarks.images import read_gray
from landmarks.inference.predictor import Predictor
from landmarks.metrics import format_figure
from landmarks.schema import LandmarkSet

_PICTURES = 3  # best, median and worst cases, this many each


def evaluate_split(predictor: Predictor, config: Config, split: str, *, say: Callable[[str], None]) -> tuple[Evaluation, dict]:
    """Predicts a split and judges it over the landmarks that the model and the data both have.

    Returns: the evaluation, and its figures with the protocol that made them.
    Raises: DataError where the data cannot be used or shares no landmark with the model.
    """
    records, dataset = open_dataset(config.data, split, augment=None, seed=config.train.seed, say=say)
    columns, records = _common(predictor.landmarks, records)
    plan = BatchPlan(len(dataset), config.train.val_batch_size or 2 * config.train.batch_size, seed=0, shuffle=False)
    loader = make_loader(dataset, plan, config.data, pin_memory=predictor.device.type == "cuda")

    def fail(line: str) -> None:
        if config.data.on_error == "stop":
            raise DataError(line)
        say(f"left out: {line}")

    batches = tqdm(loader, desc=f"predict {split}", unit="batch", file=sys.stderr)
    found, peaks = predict_batches(predictor, batches, len(dataset), fail=fail)
    evaluation = evaluate_points(records, found[:, columns], peaks[:, columns])
    groups = {name: records.landmarks.members(name) for name in records.landmarks.groups}
    figures = evaluation.figures(groups)
    figures["protocol"] = {
        "format": config.data.format,
        "root": config.data.root,
        "split": split,
        "ground_truth": config.data.ground_truth,
        "exclude": config.data.exclude,
        "landmarks": list(records.landmarks.symbols),
        "image_size": list(config.data.image_size),
        "scale": "source pixels times each image's pixel size",
        "decoder": f"Gaussian fit, radius 2 sigma, sigma {config.heatmap.sigma:g} heatmap px",
        "precision": predictor.precision,
    }
    return evaluation, figures


def _common(landmarks: LandmarkSet, records: RecordSet) -> tuple[list[int], RecordSet]:
    """The model's maps, and the records, for the landmarks that both have."""
    symbols = landmarks.common_with(records.landmarks)
    if not symbols:
        raise DataError(
            f"no common landmark: the checkpoint has {', '.join(landmarks.symbols)}; "
            f"the data has {', '.join(records.landmarks.symbols)}"
        )
    return [landmarks.index(symbol) for symbol in symbols], records.select(symbols)


def headline(figures: dict) -> str:
    """One line a person reads first."""
    sdr = ", ".join(f"{r} mm {format_figure(v, 1)} %" for r, v in figures["sdr"].items())
    return (
        f"{figures['num_images']} images, {figures['num_points']} points: MRE {format_figure(figures['mre_mm'], 3)} mm "
        f"({format_figure(figures['mre_px'])} px); SDR {sdr}"
    )


def write_report(output: Path, evaluation: Evaluation, figures: dict) -> None:
    """metrics.json, metrics.txt, predictions.csv and overlays/ of the best, median and worst images."""
    output.mkdir(parents=True, exist_ok=True)
    write_metrics(output / "metrics.json", figures)
    (output / "metrics.txt").write_text(f"{headline(figures)}\n\n{figures_table(figures)}\n")
    write_predictions(output / "predictions.csv", evaluation)
    (output / "overlays").mkdir(exist_ok=True)
    for name, index in chosen_cases(evaluation):
        record = evaluation.records.records[index]
        unit, errors = ("mm", evaluation.error_mm[index])
        if not np.isfinite(errors).any():
            unit, errors = ("px", evaluation.error_px[index])
        picture = draw.overlay(
            read_gray(record.image_path),
            evaluation.found_px[index],
            record.points_px,
            symbols=evaluation.records.landmarks.symbols,
            title=f"{name}  {record.image_id}  MRE {np.nanmean(errors):.2f} {unit}",
        )
        draw.write_picture(output / "overlays" / f"{name}_{record.image_id}.png", picture)


def chosen_cases(evaluation: Evaluation) -> list[tuple[str, int]]:
    """(name, index) of the best, median and worst images by their own MRE."""
    known = np.where(np.isfinite(evaluation.error_mm), evaluation.error_mm, evaluation.error_px)
    counted = np.isfinite(known).sum(axis=1)
    mean = np.where(counted > 0, np.nansum(known, axis=1) / np.maximum(counted, 1), np.nan)
    order = [int(i) for i in np.argsort(mean) if np.isfinite(mean[i])]
    middle = max(0, len(order) // 2 - _PICTURES // 2)
    cases = {}
    for name, indices in (
        ("best", order[:_PICTURES]),
        ("worst", order[::-1][:_PICTURES]),
        ("median", order[middle : middle + _PICTURES]),
    ):
        for place, index in enumerate(indices, 1):
            cases.setdefault(index, f"{name}{place}")
    return [(name, index) for index, name in cases.items()]
