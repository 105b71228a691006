"""Figures of predicted stages against true ones, for any weights of the films, so that a bootstrap is one call.

Shapes: N films, R sets of weights, C = 6 stages in their order. A figure that does not exist (no film of a stage) is NaN.
"""

from dataclasses import dataclass

import numpy as np

from landmarks.cervical import STAGES

NUM_BINS = 10
"""Bins of equal width in which the calibration error compares confidence and accuracy."""
_LEAST_PROBABILITY = float(np.finfo(float).eps)


@dataclass(frozen=True, kw_only=True, slots=True)
class StageFigures:
    overall: dict[str, np.ndarray]
    """[R] by name."""
    by_stage: dict[str, np.ndarray]
    """[R, C] by name."""
    confusion: np.ndarray
    """[R, C, C], weights of the films by true and found stage."""


def stage_figures(stages: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None = None) -> StageFigures:
    """All figures.

    Args:
        stages: true stages [N], 1 to 6.
        probabilities: [N, C], rows of the sum 1.
        weights: [R, N]; one set of ones where left out.

    Example:
        stage_figures(np.array([4, 5]), probabilities).overall["accuracy"][0]
    """
    weights = np.ones((1, len(stages))) if weights is None else weights
    true, found = stages - 1, probabilities.argmax(axis=1)
    total, num = weights.sum(axis=1), len(STAGES)
    cells = np.zeros((len(stages), num * num))
    cells[np.arange(len(stages)), true * num + found] = 1
    confusion = (weights @ cells).reshape(-1, num, num)
    off = np.abs(np.subtract.outer(np.arange(num), np.arange(num)))
    by_stage = _by_stage(confusion)
    areas = [_areas(true == k, probabilities[:, k], weights) for k in range(num)]
    by_stage |= {"auc_roc": np.stack([roc for roc, _ in areas], 1), "auc_pr": np.stack([pr for _, pr in areas], 1)}
    known = np.clip(probabilities[np.arange(len(stages)), true], _LEAST_PROBABILITY, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        overall = {
            "accuracy": np.trace(confusion, axis1=1, axis2=2) / total,
            "within_one": (confusion * (off <= 1)).sum(axis=(1, 2)) / total,
            "kappa_quadratic": _kappa(confusion, off**2),
            "kappa_linear": _kappa(confusion, off),
            **_means(by_stage, confusion),
            "ece": calibration_error(true == found, probabilities.max(axis=1), weights),
            "log_loss": -(weights @ np.log(known)) / total,
            "brier": weights @ ((probabilities - np.eye(num)[true]) ** 2).sum(axis=1) / total,
        }
    return StageFigures(overall=overall, by_stage=by_stage, confusion=confusion)


def _by_stage(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """Precision is the positive predictive value; 0 where a stage was never found, as is F1 (the sklearn convention)."""
    hit = np.diagonal(confusion, axis1=1, axis2=2)
    true, found = confusion.sum(axis=2), confusion.sum(axis=1)
    total = confusion.sum(axis=(1, 2))[:, None]
    neither = total - true - found + hit
    seen = (true > 0) | (found > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "precision": np.where(found > 0, hit / found, np.where(seen, 0.0, np.nan)),
            "sensitivity": np.where(true > 0, hit / true, np.where(seen, 0.0, np.nan)),
            "specificity": neither / (total - true),
            "npv": neither / (total - found),
            "f1": np.where(seen, 2 * hit / (true + found), np.nan),
        }


def _means(by_stage: dict[str, np.ndarray], confusion: np.ndarray) -> dict[str, np.ndarray]:
    """Plain means over the stages that occur (macro), and weighted by their true films."""
    share = confusion.sum(axis=2)
    means = {}
    for name, values in by_stage.items():
        known = np.isfinite(values)
        filled = np.where(known, values, 0)
        means[f"{name}_macro"] = filled.sum(axis=1) / known.sum(axis=1)
        means[f"{name}_weighted"] = (filled * share).sum(axis=1) / (share * known).sum(axis=1)
    return means


def _kappa(confusion: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Cohen's weighted kappa. Source: Cohen, Psychological Bulletin 70 (1968)."""
    true, found = confusion.sum(axis=2), confusion.sum(axis=1)
    by_chance = np.einsum("ri,rj,ij->r", true, found, cost) / confusion.sum(axis=(1, 2))
    return 1 - (confusion * cost).sum(axis=(1, 2)) / by_chance


def _areas(positive: np.ndarray, score: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Areas [R] under the ROC curve and under precision against recall, one stage against the others."""
    order = np.argsort(-score, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(score[order]) != 0])  # films of one score share a threshold
    hits = np.add.reduceat(weights[:, order] * positive[order], starts, axis=1)
    false = np.add.reduceat(weights[:, order] * ~positive[order], starts, axis=1)
    num_hits, num_false = hits.sum(axis=1), false.sum(axis=1)
    above, wrong = hits.cumsum(axis=1), false.cumsum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        roc = (hits * (num_false[:, None] - wrong + false / 2)).sum(axis=1) / (num_hits * num_false)
        precision = np.where(above + wrong > 0, above / (above + wrong), 0)
        return roc, np.where(num_false > 0, (hits * precision).sum(axis=1) / num_hits, np.nan)


def calibration_error(correct: np.ndarray, confidence: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Expected calibration error [R]: mean distance between confidence and accuracy over bins of equal width.

    Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, eq. 3.
    """
    bins = bins_of(confidence)
    gaps = np.zeros((len(confidence), NUM_BINS))
    gaps[np.arange(len(confidence)), bins] = correct - confidence
    return np.abs(weights @ gaps).sum(axis=1) / weights.sum(axis=1)


def bins_of(confidence: np.ndarray) -> np.ndarray:
    """The bin of each confidence [N], each open below and closed above."""
    return np.clip(np.ceil(confidence * NUM_BINS).astype(int) - 1, 0, NUM_BINS - 1)


def first(figures: StageFigures) -> dict[str, float | None]:
    """The overall figures of the first set of weights as plain numbers, None where there is none."""
    return {name: float(v[0]) if np.isfinite(v[0]) else None for name, v in figures.overall.items()}
