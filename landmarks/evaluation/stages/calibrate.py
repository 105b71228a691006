"""Calibration of stages on a split: the temperature of least log loss, and the threshold of sets."""

import logging
import math
from pathlib import Path

import numpy as np
from scipy.optimize import minimize_scalar

from landmarks.evaluation.stages.judge import true_stages
from landmarks.formats.records import RecordSet
from landmarks.inference.radii import CalibrationError, file_id
from landmarks.inference.stage_calibration import StageCalibration, write_stage_calibration
from landmarks.stage_prediction import StagePrediction
from landmarks.statistics import conformal_radius

log = logging.getLogger(__name__)

_RANGE = (0.05, 20.0)


def fit_temperature(scores: np.ndarray, stages: np.ndarray) -> float:
    """The temperature at which scores [N, 6] give stages [N], 1 to 6, the least log loss.

    Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.

    Example:
        probabilities = softmax(scores / fit_temperature(scores, stages))
    """

    def log_loss(logarithm: float) -> float:
        scaled = scores / math.exp(logarithm)
        scaled = scaled - scaled.max(axis=1, keepdims=True)
        known = scaled[np.arange(len(stages)), stages - 1]
        return float((np.log(np.exp(scaled).sum(axis=1)) - known).mean())

    return math.exp(minimize_scalar(log_loss, bounds=np.log(_RANGE), method="bounded", options={"xatol": 1e-6}).x)


def fit_threshold(probabilities: np.ndarray, stages: np.ndarray, coverage: float) -> float:
    """The threshold by which sets of new films hold the true stage with this probability (split conformal)."""
    return conformal_radius(1 - probabilities[np.arange(len(stages)), stages - 1], coverage)


def calibrate_stages(
    checkpoint: Path, records: RecordSet, prediction: StagePrediction, coverage: float, *, image_size, tta: bool, split: str
) -> StageCalibration:
    """Makes a calibration of these films and writes it beside the checkpoint. Raises: CalibrationError."""
    if not 0.5 <= coverage < 1:
        raise CalibrationError(f"--calibrate: found {coverage:g}; write a coverage from 0.5 to below 1, e.g. 0.9")
    stages, known = true_stages(records, prediction)
    if known.sum() < 10:
        raise CalibrationError(f"--calibrate: {known.sum()} films have a stage; 10 are the least")
    scores, stages = prediction.scores[known], stages[known]
    temperature = fit_temperature(scores, stages)
    probabilities = StagePrediction(scores=scores).probabilities(temperature)
    protocol = {"checkpoint": checkpoint.name, "checkpoint_id": file_id(checkpoint), "image_size": list(image_size)}
    calibration = StageCalibration(
        temperature=temperature,
        coverage=coverage,
        threshold=fit_threshold(probabilities, stages, coverage),
        num=len(stages),
        protocol=protocol | {"tta": tta, "split": split},
    )
    path = write_stage_calibration(checkpoint, calibration)
    log.info(f"{path}: temperature {temperature:.3f}, sets of {100 * coverage:g} % coverage, of {len(stages)} films")
    return calibration
