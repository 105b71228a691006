"""Predictions of a split against its truth: errors in source px and mm, figures and a text table."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch

from landmarks.config import DataConfig, TrainConfig
from landmarks.data.loading import Sample
from landmarks.distributed import EVERY_RANK, merge_rows
from landmarks.formats.records import DataError, RecordSet
from landmarks.metrics import radial_errors
from landmarks.prediction import Prediction
from landmarks.tasks.task import Predictions

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """A prediction for N images beside the truth; errors [N, K] are NaN where a landmark is not annotated."""

    records: RecordSet
    prediction: Prediction
    error_px: np.ndarray
    error_mm: np.ndarray

    @property
    def pixel_size(self) -> np.ndarray:
        """[N, 2] as (sx, sy) in mm, NaN where unknown."""
        return pixel_sizes(self.records)

    @property
    def true_px(self) -> np.ndarray:
        """[N, K, 2] source px, NaN where a landmark is not annotated."""
        return true_points(self.records)


def predict_batches(
    predict: Callable[[torch.Tensor, torch.Tensor], Predictions],
    whole: Predictions,
    batches: Iterable[Sample],
    *,
    fail: Callable[[str], None],
) -> Predictions:
    """The predictions of all films of a split; several processes share the films and each returns all.

    Args:
        predict: uint8 images [B, 1, H, W] and maps input px -> source px [B, 2, 3] -> their predictions.
        whole: unknown predictions of all films; those of images that could not be read stay NaN.
        fail: is called with one line for each image that could not be read.
    """
    for batch in batches:
        read = _readable(batch, fail)
        whole.put(batch.index.numpy(), predict(batch.image, batch.to_source), read)
    return whole.merge(lambda rows: merge_rows(torch.from_numpy(rows)).numpy())


def _readable(batch: Sample, fail: Callable[[str], None]) -> np.ndarray:
    """bool [B]: samples that hold an image of the split; `fail` hears of those that could not be read."""
    for line in filter(None, batch.error):
        fail(line)
    return np.array([not line for line in batch.error]) & (batch.index.numpy() >= 0)


def report_unreadable(data: DataConfig, line: str) -> None:
    """Stops at an image that cannot be read, or logs it on the rank that met it and continues, as data.on_error says."""
    if data.on_error == "stop":
        raise DataError(line)
    log.warning(f"left out: {line}", extra=EVERY_RANK)


def validation_batch_size(train: TrainConfig, ranks: int) -> int:
    """Images predicted at once, over all ranks: twice training's, as no activations are kept."""
    twice = 2 * train.batch_size if train.batch_size != "auto" else ranks
    return max(ranks, train.val_batch_size or twice)


def true_points(records: RecordSet) -> np.ndarray:
    """[N, K, 2] source px, NaN where a landmark is not annotated."""
    return np.stack([record.points_px for record in records.records])


def pixel_sizes(records: RecordSet) -> np.ndarray:
    """[N, 2] as (sx, sy) in mm, NaN where unknown."""
    return np.array([record.pixel_size or (np.nan, np.nan) for record in records.records], dtype=float)


def evaluate_prediction(records: RecordSet, prediction: Prediction) -> Evaluation:
    """Errors of a prediction that follows the records' images and landmarks."""
    error_px, error_mm = radial_errors(prediction.points_px, true_points(records), pixel_sizes(records))
    return Evaluation(records=records, prediction=prediction, error_px=error_px, error_mm=error_mm)


def unit_errors(evaluation: Evaluation) -> tuple[np.ndarray, str]:
    """Errors [N, K] in mm, or in px where no image has a pixel size."""
    known = np.isfinite(evaluation.error_mm).any()
    return (evaluation.error_mm, "mm") if known else (evaluation.error_px, "px")
