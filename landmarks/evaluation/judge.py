"""Predictions of a split against its truth: every figure, and what the report draws."""

from dataclasses import dataclass

import numpy as np

from landmarks.evaluation.clinical import clinical_figures
from landmarks.evaluation.confidence import confidence_figures
from landmarks.evaluation.curves import Curves, draw_curves
from landmarks.evaluation.errors import describe, three_units
from landmarks.evaluation.evaluate import Evaluation
from landmarks.evaluation.figures import ErrorFigures, Figures, Protocol, ScaleFigures
from landmarks.evaluation.readers import reader_figures
from landmarks.evaluation.scale import judge_scale
from landmarks.inference.radii import Calibration


@dataclass(frozen=True, kw_only=True, slots=True)
class Results:
    """An evaluation with its figures and curves: all that its files and its report say."""

    evaluation: Evaluation
    figures: Figures
    curves: Curves


def judge(
    evaluation: Evaluation, protocol: Protocol, calibration: Calibration | None = None, *, checkpoint: str = ""
) -> Results:
    """Judges an evaluation over all its landmarks, groups and devices."""
    landmarks, errors = evaluation.records.landmarks, three_units(evaluation)
    devices = np.array([record.device for record in evaluation.records.records])
    overall, scale = describe(errors, count_images=True), judge_scale(evaluation)
    groups = {name: landmarks.members(name) for name in landmarks.groups}
    columns = {name: [k for k, s in enumerate(landmarks.symbols) if s in members] for name, members in groups.items()}
    figures = Figures(
        overall=overall,
        landmarks={s: describe(errors[:, :, k : k + 1]) for k, s in enumerate(landmarks.symbols)},
        devices={name: describe(errors[:, devices == name], count_images=True) for name in scale.devices},
        groups={name: describe(errors[:, :, members]) for name, members in columns.items() if members},
        scale=scale,
        plausible_scale=_plausible(errors, devices, scale),
        readers=reader_figures(evaluation),
        clinical=clinical_figures(evaluation, calibration),
        confidence=confidence_figures(evaluation, calibration),
        protocol=protocol,
        checkpoint=checkpoint,
    )
    return Results(evaluation=evaluation, figures=figures, curves=draw_curves(evaluation, figures, calibration))


def _plausible(errors: np.ndarray, devices: np.ndarray, scale: ScaleFigures) -> ErrorFigures | None:
    trusted = np.isin(devices, [name for name, device in scale.devices.items() if device.verdict == "plausible"])
    if not trusted.any() or trusted.all():
        return None
    return describe(errors[:, trusted], count_images=True)
