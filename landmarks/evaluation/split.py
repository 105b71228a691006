"""A checkpoint on a split: predict, then judge over the landmarks that the model and the data share."""

import logging
import sys
from functools import partial

import numpy as np
from tqdm import tqdm

from landmarks.config import Config
from landmarks.data.batches import BatchPlan
from landmarks.data.labels import fingerprint
from landmarks.data.loading import open_dataset
from landmarks.data.workers import make_loader
from landmarks.dataconfig import single_sets
from landmarks.distributed import rank_info
from landmarks.evaluation.evaluate import (
    Evaluation,
    evaluate_prediction,
    predict_batches,
    report_unreadable,
    validation_batch_size,
)
from landmarks.evaluation.figures import Protocol
from landmarks.evaluation.judge import Results, judge
from landmarks.formats.records import DataError, RecordSet
from landmarks.inference.predictor import Predictor
from landmarks.inference.view import View, is_sure
from landmarks.prediction import Prediction
from landmarks.radiograph import read_gray
from landmarks.schema import LandmarkSet

log = logging.getLogger(__name__)


def evaluate_split(predictor: Predictor, config: Config, split: str, *, checkpoint: str = "", views: bool = False) -> Results:
    """Predicts a split and judges it over the landmarks that the model and the data both have.

    Args:
        views: films that look doubtful as they are are read in the other views as well, as `predict` does.
    Raises: DataError where the data cannot be used or shares no landmark with the model.
    """
    evaluation = predict_split(predictor, config, split, views=views)
    found = protocol(predictor, config, split, evaluation, views=views)
    return judge(evaluation, found, predictor.calibration, checkpoint=checkpoint)


def predict_split(predictor: Predictor, config: Config, split: str, *, views: bool = False) -> Evaluation:
    """The same without figures."""
    records, dataset = open_dataset(config.data, split, augment=None, seed=config.train.seed)
    columns, records = common_landmarks(predictor.landmarks, records)
    here = rank_info()
    size = validation_batch_size(config.train, here.size)
    plan = BatchPlan(len(dataset), size, seed=0, shuffle=False, rank=here.rank, ranks=here.size)
    loader = make_loader(dataset, plan, config.data, pin_memory=predictor.network.device == "cuda")

    batches = tqdm(loader, desc=f"predict {split}", unit="batch", file=sys.stderr, disable=here.rank > 0)
    unknown = Prediction.unknown(len(dataset), len(predictor.landmarks))
    prediction = predict_batches(
        lambda images, to_source: predictor.predict(images.numpy(), to_source.numpy()),
        unknown,
        batches,
        fail=partial(report_unreadable, config.data),
    )
    if views:
        _read_doubtful(predictor, records, prediction)
    return evaluate_prediction(records, prediction.select(columns))


def _read_doubtful(predictor: Predictor, records: RecordSet, prediction: Prediction) -> None:
    """Reads films again that are not plausible as they are, in the view that is; their rows change in place."""
    shape = predictor.card.shape
    for film, record in enumerate(records.records):
        found = prediction.films([film])
        if np.isnan(found.peaks).all() or is_sure(found, predictor.landmarks.symbols, shape):
            continue
        reading = predictor.read(read_gray(record.image_path))
        if reading.view != View():
            prediction.put(np.array([film]), reading.found, np.ones(1, dtype=bool))
        if reading.remark:
            log.info(f"{record.image_path}: {reading.view if reading.is_cephalogram else 'not recognised as a cephalogram'}")


def protocol(predictor: Predictor, config: Config, split: str, evaluation: Evaluation, *, views: bool = False) -> Protocol:
    """How an evaluation was made."""
    known, sets = np.isfinite(evaluation.error_px), single_sets(config.data)
    return Protocol(
        format=" + ".join(sets) if config.data.sets else config.data.format,
        root=", ".join(alone.root for alone in sets.values()),
        split=split,
        ground_truth=config.data.ground_truth,
        exclude=config.data.exclude,
        landmarks=evaluation.records.landmarks.symbols,
        labels=fingerprint(evaluation.records),
        image_size=predictor.card.image_size,
        scale="source pixels times each image's pixel size",
        decoder=f"Gaussian fit, radius 2 sigma, sigma {predictor.card.sigma:g} heatmap px",
        tta=predictor.tta,
        views=views,
        precision=predictor.card.precision,
        intervals="95 %, bootstrap over images (BCa for means and shares, percentile for quantiles)",
        num_unread=int(np.isnan(evaluation.prediction.peaks).all(axis=1).sum()),
        num_images=int(known.any(axis=1).sum()),
        num_points=int(known.sum()),
    )


def common_landmarks(landmarks: LandmarkSet, records: RecordSet) -> tuple[list[int], RecordSet]:
    """The model's maps, and the records, for the landmarks that both have."""
    symbols = landmarks.common_with(records.landmarks)
    if not symbols:
        raise DataError(
            f"no common landmark: the checkpoint has {', '.join(landmarks.symbols)}; "
            f"the data has {', '.join(records.landmarks.symbols)}"
        )
    return [landmarks.index(symbol) for symbol in symbols], records.select(symbols)
