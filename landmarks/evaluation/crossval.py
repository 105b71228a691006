"""Out-of-fold figures: every film predicted by the one model of a cross-validation that has not seen it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from landmarks.config import Config
from landmarks.data.labels import fingerprint
from landmarks.evaluation.calibration import calibrate
from landmarks.evaluation.evaluate import evaluate_prediction
from landmarks.evaluation.judge import Results, judge
from landmarks.evaluation.split import predict_split, protocol
from landmarks.inference.predictor import Predictor
from landmarks.inference.radii import Calibration
from landmarks.jsonfile import plain
from landmarks.prediction import Prediction


def judge_folds(folds: Sequence[Config], models: Sequence[Path], coverage: float) -> tuple[Results, Calibration]:
    """Figures over all films and the error radii that follow from their errors.

    The radii hold for one model of a fold. For the mean of all models, which is more accurate, they are on the safe side.

    Args:
        folds: settings of each fold, whose films are its split 'valid'.
        models: the checkpoint of each fold.
    Raises: ValueError where data or checkpoints cannot be used, or the coverage is no probability.
    """
    parts = []
    for config, model in zip(folds, models, strict=True):
        predictor = Predictor.load(model, device=None, calibrated=False)
        parts.append(predict_split(predictor, config, "valid"))
    records = replace(parts[0].records, records=tuple(record for part in parts for record in part.records.records), note="")
    evaluation = evaluate_prediction(records, Prediction.joined([part.prediction for part in parts]))
    about = protocol(predictor, folds[0], f"out of fold, {len(folds)} folds", evaluation)
    about = replace(about, labels=fingerprint(records))
    calibration = calibrate(evaluation, coverage, plain(about) | {"checkpoint": f"models of {len(folds)} folds"})
    return judge(evaluation, about, checkpoint=", ".join(map(str, models))), calibration
