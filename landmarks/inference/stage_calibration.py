"""Calibration of stages: a temperature for the probabilities, and the threshold of sets that keep a promised coverage."""

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from landmarks.inference.radii import FILE_NAME, CalibrationError, file_id
from landmarks.jsonfile import number, plain, write_json

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class StageCalibration:
    """`calibration.json` beside a checkpoint, or inside its ONNX file."""

    temperature: float
    """Scores are divided by it before the softmax."""
    coverage: float
    """Probability with which a set holds the true stage, for films like the calibration's."""
    threshold: float
    """A stage is in the set where 1 minus its probability is at most this; infinite where there are too few films."""
    num: int
    """Films of the calibration."""
    protocol: dict
    """checkpoint, checkpoint_id, image_size, tta, split."""

    def fits(self, image_size: tuple[int, int], tta: bool) -> bool:
        """Whether a model is used as it was calibrated; where not, a log line says why."""
        if list(self.protocol.get("image_size", ())) != list(image_size):
            log.warning(f"calibration: made for input size {self.protocol.get('image_size')}, not {list(image_size)}; not used")
            return False
        if self.protocol.get("tta", False) != tta:
            log.warning(f"calibration: made {'without' if tta else 'with'} --tta; not used")
            return False
        return True


def prediction_set(probabilities: np.ndarray, threshold: float) -> np.ndarray:
    """bool [N, 6]: the stages in each film's set; the most probable one always is.

    Source: Sadinle, Lei, Wasserman, "Least Ambiguous Set-Valued Classifiers", J. Am. Stat. Assoc. 114 (2019).
    """
    best = probabilities == probabilities.max(axis=1, keepdims=True)
    return (1 - probabilities <= threshold) | best


def stage_calibration_dict(calibration: StageCalibration) -> dict:
    return plain({"version": 1, "task": "cvm", **asdict(calibration)})


def stage_calibration_from_dict(content: dict) -> StageCalibration:
    """Raises: KeyError, TypeError or ValueError where it is none."""
    return StageCalibration(
        temperature=float(content["temperature"]),
        coverage=float(content["coverage"]),
        threshold=number(content["threshold"]),
        num=int(content["num"]),
        protocol=dict(content["protocol"]),
    )


def write_stage_calibration(checkpoint: Path, calibration: StageCalibration) -> Path:
    """Writes it beside its checkpoint; returns its file."""
    path = checkpoint.parent / FILE_NAME
    write_json(path, stage_calibration_dict(calibration))
    return path


def find_stage_calibration(checkpoint: Path) -> StageCalibration | None:
    """The calibration beside a checkpoint; None where there is none, or, with a log line, where it has other weights.

    Raises: CalibrationError where the file is broken.
    """
    path = checkpoint.parent / FILE_NAME
    if not path.is_file():
        return None
    try:
        found = stage_calibration_from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise CalibrationError(
            f"{path}: not a calibration of stages ({type(error).__name__}); make it again with --calibrate"
        ) from error
    if found.protocol.get("checkpoint_id") != file_id(checkpoint):
        log.warning(f"{path}: made for {found.protocol.get('checkpoint')}, or for other weights of that name; not used")
        return None
    return found
