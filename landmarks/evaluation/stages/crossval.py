"""Out-of-fold stages: every film predicted by the one model of a cross-validation that has not seen it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from landmarks.config import Config
from landmarks.evaluation.stages.calibrate import calibrate_stages, fit_temperature
from landmarks.evaluation.stages.evaluate import predict_split, stage_protocol
from landmarks.evaluation.stages.judge import StageResults, judge_stages, true_stages
from landmarks.inference.stages import StagePredictor
from landmarks.stage_prediction import StagePrediction


def judge_stage_folds(
    folds: Sequence[Config], models: Sequence[Path], ensemble: Path, coverage: float, *, tta: bool = False
) -> StageResults:
    """Figures over all films; the calibration that follows from them is written beside the ensemble.

    For the figures each fold's scores are divided by the temperature of the other folds.

    Args:
        folds: settings of each fold, whose films are its split 'valid'.
        models: the checkpoint of each fold, which `ensemble` names.
    Raises: ValueError where data or checkpoints cannot be used.
    """
    parts = []
    for config, model in zip(folds, models, strict=True):
        predictor = StagePredictor.load(model, device=None, tta=tta, calibrated=False)
        parts.append(predict_split(predictor, config, "valid"))
    records = replace(parts[0][0], records=tuple(film for part, _ in parts for film in part.records), note="")
    found = StagePrediction(scores=np.concatenate([prediction.scores for _, prediction in parts]))
    name = f"out of fold, {len(folds)} folds"
    calibration = calibrate_stages(
        ensemble, records, found, coverage, image_size=predictor.card.image_size, tta=tta, split=name
    )
    of_fold = np.repeat(np.arange(len(parts)), [len(part.records) for part, _ in parts])
    stages, known = true_stages(records, found)
    scaled = found.scores.copy()
    for fold in range(len(parts)):
        others = known & (of_fold != fold)
        scaled[of_fold == fold] /= fit_temperature(found.scores[others], stages[others])
    scaled_found = StagePrediction(scores=scaled)
    protocol = stage_protocol(predictor, folds[0], name, records, scaled_found, "")
    return judge_stages(records, scaled_found, protocol, calibration, checkpoint=", ".join(map(str, models)))
