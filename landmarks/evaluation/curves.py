"""What the report draws: distributions, paired values, the mean tracing and chosen cases, ready to be drawn.

Shapes: N images, K landmarks. Errors are in the evaluation's unit, mm or px.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from landmarks.evaluation.calibration import mm_per_px, radii_px, unseen
from landmarks.evaluation.evaluate import Evaluation, unit_errors
from landmarks.evaluation.figures import Figures
from landmarks.evaluation.readers import reader_points
from landmarks.evaluation.scale import sn_lengths
from landmarks.evaluation.tracing import MeanTracing, mean_tracing
from landmarks.inference.radii import Calibration, doubt_px
from landmarks.measurements import available, measure
from landmarks.metrics import known_mean, radial_errors

_CASES = 3  # best, median and worst images, this many each
_WORST = 3  # landmarks of a case that are shown enlarged


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """Distribution of one landmark's errors: quantiles at 5, 25, 50, 75 and 95 %, and the mean."""

    quantiles: tuple[float, float, float, float, float]
    mean: float


@dataclass(frozen=True, kw_only=True, slots=True)
class RadiusTenths:
    """Errors of the points by tenths of their calibrated radius."""

    radius: np.ndarray
    """[T], mean radius of each tenth."""
    median: np.ndarray
    """[T], of the errors."""
    at_coverage: np.ndarray
    """[T], the errors' quantile at the wanted coverage."""
    coverage: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One image that the report shows."""

    name: str
    """best1, median2, worst3, ..."""
    image_id: str
    image_path: Path
    found_px: np.ndarray
    true_px: np.ndarray
    mre: float
    worst: tuple[tuple[int, float], ...]
    """Landmarks by falling error: (index, error)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Curves:
    unit: str
    error_mm: np.ndarray
    """[P], sorted errors of all points; empty without pixel sizes."""
    between_mm: np.ndarray | None
    """[Q], sorted distances between two readers."""
    boxes: dict[str, Box]
    """By landmark, from the largest median to the smallest."""
    device_sn_mm: dict[str, np.ndarray]
    """True Sella-Nasion lengths of each device's images."""
    measured: dict[str, tuple[np.ndarray, np.ndarray]]
    """Found and true values [N] of each measurement."""
    tracing: MeanTracing
    radius_tenths: RadiusTenths | None
    cases: tuple[Case, ...]
    columns: dict[str, np.ndarray]
    """Arrays [N, K] that predictions.csv takes beside points and errors."""


def draw_curves(evaluation: Evaluation, figures: Figures, calibration: Calibration | None) -> Curves:
    """Curves of an evaluation whose figures are known."""
    symbols = evaluation.records.landmarks.symbols
    errors, unit = unit_errors(evaluation)
    found, true = (measure(p, symbols, evaluation.pixel_size) for p in (evaluation.prediction.points_px, evaluation.true_px))
    return Curves(
        unit=unit,
        error_mm=_sorted(evaluation.error_mm),
        between_mm=_between(evaluation, figures),
        boxes=_boxes(errors, symbols),
        device_sn_mm=_device_lengths(evaluation, figures),
        measured={row.name: (found[:, m], true[:, m]) for m, row in enumerate(available(symbols))},
        # a face of twice the size has no place in a mean
        tracing=mean_tracing(evaluation, normalised=bool(figures.scale.num_impossible)),
        radius_tenths=None if calibration is None else _radius_tenths(evaluation, calibration),
        cases=_chosen_cases(evaluation),
        columns=_columns(evaluation, calibration),
    )


def _sorted(values: np.ndarray) -> np.ndarray:
    return np.sort(values[np.isfinite(values)])


def _between(evaluation: Evaluation, figures: Figures) -> np.ndarray | None:
    readers = figures.readers
    if readers is None or readers.unit != "mm" or readers.identical:
        return None
    return _sorted(radial_errors(*reader_points(evaluation.records).values(), evaluation.pixel_size)[1])


def _boxes(errors: np.ndarray, symbols: tuple[str, ...]) -> dict[str, Box]:
    boxes = {}
    for k, symbol in enumerate(symbols):
        known = errors[np.isfinite(errors[:, k]), k]
        if known.size:
            quantiles = tuple(np.quantile(known, [0.05, 0.25, 0.5, 0.75, 0.95]).tolist())
            boxes[symbol] = Box(quantiles=quantiles, mean=float(known.mean()))
    return dict(sorted(boxes.items(), key=lambda item: -item[1].quantiles[2]))


def _device_lengths(evaluation: Evaluation, figures: Figures) -> dict[str, np.ndarray]:
    lengths = sn_lengths(evaluation)[1]
    names = np.array([record.device for record in evaluation.records.records])
    known = [name for name, device in figures.scale.devices.items() if device.sn_mm_median]
    return {name: lengths[(names == name) & np.isfinite(lengths)] for name in known}


def _radius_tenths(evaluation: Evaluation, calibration: Calibration) -> RadiusTenths | None:
    """None where no radius is finite."""
    error, unit = unit_errors(evaluation)
    radius = radii_px(calibration, evaluation) * (mm_per_px(evaluation)[:, None] if unit == "mm" else 1)
    counted = unseen(calibration, evaluation)
    error, radius = error[counted], radius[counted]
    known = np.isfinite(error) & np.isfinite(radius)
    if not known.any():
        return None
    parts = [part for part in np.array_split(np.argsort(radius[known], kind="stable"), 10) if part.size]
    return RadiusTenths(
        radius=np.array([radius[known][part].mean() for part in parts]),
        median=np.array([np.quantile(error[known][part], 0.5) for part in parts]),
        at_coverage=np.array([np.quantile(error[known][part], calibration.coverage) for part in parts]),
        coverage=calibration.coverage,
    )


def _chosen_cases(evaluation: Evaluation) -> tuple[Case, ...]:
    """The best, median and worst images by their own MRE."""
    errors, _ = unit_errors(evaluation)
    mean = known_mean(errors, axis=1)
    order = [int(i) for i in np.argsort(mean) if np.isfinite(mean[i])]
    middle = max(0, len(order) // 2 - _CASES // 2)
    chosen = {}
    for name, indices in (
        ("best", order[:_CASES]),
        ("worst", order[::-1][:_CASES]),
        ("median", order[middle : middle + _CASES]),
    ):
        for number, index in enumerate(indices, 1):
            chosen.setdefault(index, f"{name}{number}")
    return tuple(_case(evaluation, errors[index], index, name) for index, name in chosen.items())


def _case(evaluation: Evaluation, errors: np.ndarray, index: int, name: str) -> Case:
    record = evaluation.records.records[index]
    order = [int(k) for k in np.argsort(-np.nan_to_num(errors, nan=-1)) if np.isfinite(errors[k])]
    return Case(
        name=name,
        image_id=record.image_id,
        image_path=record.image_path,
        found_px=evaluation.prediction.points_px[index],
        true_px=record.points_px,
        mre=float(np.nanmean(errors)),
        worst=tuple((k, float(errors[k])) for k in order[:_WORST]),
    )


def _columns(evaluation: Evaluation, calibration: Calibration | None) -> dict[str, np.ndarray]:
    prediction = evaluation.prediction
    found = {"spread_px": prediction.spread_px, "outside": prediction.outside, "doubt_px": doubt_px(prediction)}
    found["inferred_px"] = prediction.inferred_px
    if calibration is not None:
        radius = radii_px(calibration, evaluation)
        found |= {"radius_px": radius, "radius_mm": radius * mm_per_px(evaluation)[:, None]}
    return found
