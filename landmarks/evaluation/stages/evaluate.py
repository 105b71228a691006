"""A stage model on a split: predict, then judge."""

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from landmarks.config import Config
from landmarks.data.batches import BatchPlan
from landmarks.data.labels import fingerprint
from landmarks.data.loading import open_samples, read_split
from landmarks.data.workers import make_loader
from landmarks.distributed import rank_info
from landmarks.evaluation.evaluate import predict_batches, report_unreadable, validation_batch_size
from landmarks.evaluation.stages.judge import StageProtocol, true_stages
from landmarks.formats.records import RecordSet
from landmarks.geometry import inside
from landmarks.inference.predictor import Predictor
from landmarks.inference.stages import StagePredictor
from landmarks.radiograph import read_gray
from landmarks.stage_prediction import StagePrediction
from landmarks.synthetic.folder import make_missing_set
from landmarks.tasks.cvm.targets import StageTargets


def predict_split(
    predictor: StagePredictor, config: Config, split: str, *, landmarks: Path | None = None
) -> tuple[RecordSet, StagePrediction]:
    """The films of a split and their predictions, not yet calibrated.

    Args:
        landmarks: a landmark model whose points cut out the region, in place of the annotated ones.
    Raises: DataError where the data cannot be used.
    """
    make_missing_set(config.data)
    records = read_split(config.data, split, seed=config.train.seed)
    if landmarks is not None:
        records = with_found_points(records, landmarks)
    targets = StageTargets(config.cvm, records.landmarks.symbols, np.ones(6))
    dataset = open_samples(records, config.data, targets, augment=None, seed=config.train.seed)
    here = rank_info()
    plan = BatchPlan(
        len(dataset),
        validation_batch_size(config.train, here.size),
        seed=0,
        shuffle=False,
        rank=here.rank,
        ranks=here.size,
    )
    loader = make_loader(dataset, plan, config.data, pin_memory=predictor.network.device == "cuda")
    batches = tqdm(loader, desc=f"predict {split}", unit="batch", file=sys.stderr, disable=here.rank > 0)
    prediction = predict_batches(
        lambda images, to_source: predictor.predict(images.numpy()),
        StagePrediction.unknown(len(dataset)),
        batches,
        fail=partial(report_unreadable, config.data),
    )
    return records, prediction


def with_found_points(records: RecordSet, model: Path) -> RecordSet:
    """The records with the points that a landmark model finds in them. Raises: ValueError where it cannot be used."""
    predictor = Predictor.load(model)
    films = tqdm(records.records, desc="landmarks", unit="film", file=sys.stderr, disable=rank_info().rank > 0)
    found = []
    for film in films:
        gray = read_gray(film.image_path)
        points = predictor(gray).points_px[0]
        points = np.where(inside(points, gray.shape)[:, None], points, np.nan)
        found.append(replace(film, points_px=points, readers={}))
    return replace(records, landmarks=predictor.landmarks, records=tuple(found))


def stage_protocol(
    predictor: StagePredictor, config: Config, split: str, records: RecordSet, prediction: StagePrediction, landmarks: str
) -> StageProtocol:
    stages, known = true_stages(records, prediction)
    return StageProtocol(
        format=config.data.format,
        root=config.data.root,
        split=split,
        region=config.cvm.region,
        landmarks=landmarks,
        image_size=predictor.card.image_size,
        tta=predictor.card.views if predictor.tta else (),
        temperature=predictor.calibration.temperature if predictor.calibration else 1.0,
        labels=fingerprint(records),
        num_images=int(known.sum()),
        num_without_stage=int((stages == 0).sum()),
    )
