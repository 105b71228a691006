"""Does the model know when it is wrong? Coverage of the error radii, and what a review of the doubtful points finds."""

import math
from dataclasses import asdict

import numpy as np

from landmarks.evaluation.calibration import mm_per_px, radii_px, unseen
from landmarks.evaluation.evaluate import Evaluation, unit_errors
from landmarks.evaluation.figures import (
    ConfidenceFigures,
    Correlation,
    CoverageFigures,
    Covered,
    GrossFigures,
    LandmarkCoverage,
)
from landmarks.inference.radii import Calibration, doubt_px
from landmarks.statistics import interval_pair, proportion_intervals, rank_correlation, resample_weights

GROSS_MM = 4.0
REVIEW_PERCENT = (5, 10)


def confidence_figures(evaluation: Evaluation, calibration: Calibration | None) -> ConfidenceFigures:
    """Figures of the confidence, over images that the calibration has not seen."""
    counted = np.ones(len(evaluation.prediction), bool) if calibration is None else unseen(calibration, evaluation)
    doubt = doubt_px(evaluation.prediction)
    error, unit = unit_errors(evaluation)
    scale = mm_per_px(evaluation)[:, None] if unit == "mm" else 1
    error = error[counted]
    order = (doubt if calibration is None else radii_px(calibration, evaluation)) * scale
    covered = None if calibration is None else _coverage(evaluation, calibration, counted, error, order[counted])
    return ConfidenceFigures(
        unit=unit,
        num_images=int(counted.sum()),
        rank_correlation=_correlations(evaluation, counted, error, order[counted]),
        gross=_review(error, np.where(np.isfinite(order), order, doubt * scale)[counted]) if unit == "mm" else None,
        calibrated=covered,
    )


def _correlations(evaluation: Evaluation, counted: np.ndarray, error: np.ndarray, order: np.ndarray) -> dict[str, Correlation]:
    """Spearman's correlation of error with each sign of doubt, over all points and within each landmark on average."""
    prediction = evaluation.prediction
    signs = {
        "1 - peak": 1 - prediction.peaks[counted],
        "spread": prediction.spread_px[counted],
        "mass outside": prediction.outside[counted],
        "together": doubt_px(prediction)[counted],
        "radius": order,
    }
    found = {}
    for name, values in signs.items():
        within = [rank_correlation(values[:, k], error[:, k]) for k in range(error.shape[1])]
        known = [r for r in within if r is not None]
        within_landmarks = float(np.mean(known)) if known else None
        found[name] = Correlation(all=rank_correlation(values, error), within_landmarks=within_landmarks)
    return found


def _review(error_mm: np.ndarray, order: np.ndarray) -> GrossFigures:
    """Which part of the gross errors lies among the least confident points."""
    known = np.isfinite(error_mm) & np.isfinite(order)
    gross = error_mm[known] > GROSS_MM
    gross = gross[np.argsort(-order[known], kind="stable")]
    total = int(gross.sum())

    def caught(share: float) -> float | None:
        return 100 * float(gross[: math.ceil(share * gross.size)].sum()) / total if total else None

    return GrossFigures(
        threshold_mm=GROSS_MM,
        num=total,
        num_points=int(gross.size),
        caught_percent={percent: caught(percent / 100) for percent in REVIEW_PERCENT},
        curve=[(percent, caught(percent / 100)) for percent in range(0, 101, 2)],
    )


def _coverage(
    evaluation: Evaluation, calibration: Calibration, counted: np.ndarray, error: np.ndarray, radius: np.ndarray
) -> CoverageFigures:
    """How many points lie within their radius: overall and per landmark, beside a radius that ignores the map."""
    symbols = evaluation.records.landmarks.symbols
    fixed = np.array([calibration.landmarks[s].fixed_mm if s in calibration.landmarks else np.nan for s in symbols])
    fixed = np.broadcast_to(fixed, error.shape)
    landmarks = {}
    for k, symbol in enumerate(symbols):
        landmarks[symbol] = LandmarkCoverage(
            **asdict(_covered(error[:, [k]], radius[:, [k]])),
            num_calibration=calibration.landmarks[symbol].num if symbol in calibration.landmarks else 0,
            fixed_radius=float(fixed[0, k]) if len(fixed) else None,
        )
    return CoverageFigures(
        coverage_wanted=100 * calibration.coverage,
        num_calibration_images=len(calibration.images),
        num_left_out=int((~counted).sum()),
        infinite=[symbol for symbol in symbols if symbol in calibration.infinite],
        by_map=_covered(error, radius),
        fixed=_covered(error, fixed),
        landmarks=landmarks,
    )


def _covered(error: np.ndarray, radius: np.ndarray) -> Covered:
    known = np.isfinite(error) & ~np.isnan(radius)
    within = known & (np.where(known, error, np.inf) <= radius)
    if not known.any():
        return Covered(num_points=0, coverage=None, interval=None, mean_radius=None, infinite_percent=None)
    counts = known.sum(axis=1)[:, None].astype(float)
    limits = proportion_intervals(within.sum(axis=1)[:, None].astype(float), counts, resample_weights(len(error)))[0]
    finite = radius[known & np.isfinite(radius)]
    return Covered(
        num_points=int(known.sum()),
        coverage=100 * float(within.sum() / known.sum()),
        interval=interval_pair(100 * limits),
        mean_radius=float(finite.mean()) if finite.size == known.sum() else math.inf,
        infinite_percent=100 * float(np.isinf(radius[known]).mean()),
    )
