"""Figures of errors: in px, mm and Sella-Nasion-normalised mm, with intervals over images."""

from dataclasses import asdict

import numpy as np

from landmarks.evaluation.evaluate import Evaluation
from landmarks.evaluation.figures import ErrorFigures, Intervals
from landmarks.evaluation.scale import sn_factors
from landmarks.metrics import SDR_RADII_MM, summarise
from landmarks.statistics import interval_pair, proportion_intervals, quantile_interval, ratio_intervals, resample_weights


def three_units(evaluation: Evaluation) -> np.ndarray:
    """Errors [3, N, K] in px, mm and S-N-normalised mm."""
    return np.stack([evaluation.error_px, evaluation.error_mm, evaluation.error_px * sn_factors(evaluation)[:, None]])


def describe(errors: np.ndarray, *, count_images: bool = False) -> ErrorFigures:
    """Figures of errors [3, N, K] in px, mm and S-N-normalised mm; images without a prediction count nowhere."""
    px, mm, normalised = errors
    of_normalised = summarise(px, normalised)
    return ErrorFigures(
        **asdict(summarise(px, mm)),
        sd_px=_spread(px),
        median_px=_quantile(px, 0.5),
        p95_px=_quantile(px, 0.95),
        max_px=_quantile(px, 1),
        p95_mm=_quantile(mm, 0.95),
        max_mm=_quantile(mm, 1),
        mre_sn_mm=of_normalised.mre_mm,
        median_sn_mm=of_normalised.median_mm,
        sdr_sn=of_normalised.sdr,
        intervals=_intervals(errors),
        num_images=int(np.isfinite(px).any(axis=1).sum()) if count_images else None,
    )


def _intervals(errors: np.ndarray) -> Intervals:
    px, mm, normalised = errors
    weights = resample_weights(errors.shape[1])
    sums = np.stack([np.nansum(part, axis=1) for part in errors], axis=1)
    counts = np.stack([np.isfinite(part).sum(axis=1) for part in errors], axis=1).astype(float)
    mre_px, mre_mm, mre_sn_mm = (interval_pair(limits) for limits in ratio_intervals(sums, counts, weights))

    def shares(part: np.ndarray, column: int) -> dict[float, list[float] | None]:
        hits = np.stack([(part <= radius).sum(axis=1) for radius in SDR_RADII_MM], axis=1).astype(float)
        limits = proportion_intervals(hits, np.repeat(counts[:, [column]], len(SDR_RADII_MM), axis=1), weights)
        return {radius: interval_pair(100 * share) for radius, share in zip(SDR_RADII_MM, limits, strict=True)}

    return Intervals(
        mre_px=mre_px,
        mre_mm=mre_mm,
        mre_sn_mm=mre_sn_mm,
        median_px=interval_pair(quantile_interval(px, 0.5, weights)),
        median_mm=interval_pair(quantile_interval(mm, 0.5, weights)),
        median_sn_mm=interval_pair(quantile_interval(normalised, 0.5, weights)),
        p95_mm=interval_pair(quantile_interval(mm, 0.95, weights)),
        sdr=shares(mm, 1),
        sdr_sn=shares(normalised, 2),
    )


def _quantile(values: np.ndarray, quantile: float) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.quantile(known, quantile)) if known.size else None


def _spread(values: np.ndarray) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.std(ddof=1)) if known.size > 1 else None
