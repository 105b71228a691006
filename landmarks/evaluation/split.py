"""A checkpoint on a split: predict, then judge over the landmarks that the model and the data share."""

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
from landmarks.prediction import Prediction
from landmarks.schema import LandmarkSet


def evaluate_split(predictor: Predictor, config: Config, split: str, *, checkpoint: str = "") -> Results:
    """Predicts a split and judges it over the landmarks that the model and the data both have.

    Raises: DataError where the data cannot be used or shares no landmark with the model.
    """
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
    evaluation = evaluate_prediction(records, prediction.select(columns))
    return judge(evaluation, _protocol(predictor, config, split, evaluation), predictor.calibration, checkpoint=checkpoint)


def _protocol(predictor: Predictor, config: Config, split: str, evaluation: Evaluation) -> Protocol:
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
