"""What the figures rest on: bootstrap over images, paired tests, limits of agreement, split conformal radii.

Shapes: N images (patients), M statistics, R resamples, P points. An image's points share its errors, so every
interval and test here treats the image, never the point, as the unit.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy import stats

RESAMPLES = 2000
LEVEL = 0.95
# Below this many images a bootstrap knows too little of the distribution's tails to promise any coverage.
MIN_IMAGES = 10
# More images than this are drawn in so many groups of random images, so that time and memory grow no further; an interval
# is then as wide as that of the images drawn one by one, for the sums of groups scatter as those of their images do.
MOST_UNITS = 500
# Resampled points that are held at once.
_BLOCK = 1 << 22
# Parts of equal size into which the points of many images are sorted to find quantiles.
_PARTS = 256


@lru_cache(maxsize=4)
def _groups(num: int) -> np.ndarray:
    """The group of each of many images [N], at random."""
    return np.random.default_rng([1, num]).permutation(num) % MOST_UNITS


def _by_unit(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Rows [N, M] of images, summed to those of groups where the weights are of groups."""
    if weights.shape[1] == len(values):
        return values
    total = np.zeros((weights.shape[1], values.shape[1]))
    np.add.at(total, _groups(len(values)), values)
    return total


@lru_cache(maxsize=16)  # every landmark, device and group asks for the same few
def resample_weights(num: int, *, resamples: int = RESAMPLES) -> np.ndarray:
    """How often each of N images, or each group of many, is drawn in each resample: float64 [R, U], read only."""
    num = min(num, MOST_UNITS)
    drawn = np.random.default_rng([0, num]).multinomial(num, np.full(num, 1 / num), size=resamples).astype(float)
    drawn.flags.writeable = False
    return drawn


def ratio_intervals(sums: np.ndarray, counts: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """95 % intervals [M, 2] of M means over points, by bootstrap over images (bias corrected and accelerated).

    Args:
        sums, counts: [N, M], each image's sum over its points and how many they are; mean = sum(sums) / sum(counts).
        weights: of `resample_weights`.
    NaN where fewer than 10 images count.
    Source: Efron, "Better bootstrap confidence intervals", J. Am. Stat. Assoc. 82 (1987).
    """
    sums, counts = _by_unit(sums, weights), _by_unit(counts, weights)
    total = counts.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        estimate = sums.sum(axis=0) / total
        drawn = (weights @ sums) / (weights @ counts)
        influence = (sums - estimate * counts) / total
        acceleration = (influence**3).sum(axis=0) / (6 * (influence**2).sum(axis=0) ** 1.5)
    below = (drawn < estimate).mean(axis=0) + (drawn == estimate).mean(axis=0) / 2
    # a rank among R resamples is known to 1/R, so the bias is held within what R can tell
    bias = stats.norm.ppf(np.clip(below, 1 / len(weights), 1 - 1 / len(weights)))
    intervals = np.full((sums.shape[1], 2), np.nan)
    for m in np.flatnonzero((counts > 0).sum(axis=0) >= MIN_IMAGES):
        if np.allclose(influence[:, m], 0, atol=1e-15):
            intervals[m] = estimate[m]
            continue
        z = bias[m] + stats.norm.ppf([(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        ranks = stats.norm.cdf(bias[m] + z / (1 - acceleration[m] * z))
        intervals[m] = np.nanquantile(drawn[:, m], ranks)
    return intervals


def mean_interval(values: np.ndarray) -> tuple[float, float]:
    """95 % interval of the mean of a few values [N] by Student's t; NaN below two. Those that are NaN do not count."""
    values = values[np.isfinite(values)]
    if len(values) < 2:
        return math.nan, math.nan
    half = stats.t.ppf((1 + LEVEL) / 2, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values))
    return float(values.mean() - half), float(values.mean() + half)


def proportion_intervals(hits: np.ndarray, counts: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """`ratio_intervals` of shares between 0 and 1.

    Where every image agrees (all points hit, or none) resampling sees no spread; the exact limit over images stands in:
    0 of n images missed leaves room for a share of 1 - 0.025^(1/n).
    """
    intervals = ratio_intervals(hits, counts, weights)
    for m in range(hits.shape[1]):
        images = int((counts[:, m] > 0).sum())
        room = 1 - ((1 - LEVEL) / 2) ** (1 / images) if images else math.nan
        if images >= MIN_IMAGES and (hits[:, m] == counts[:, m]).all():
            intervals[m] = 1 - room, 1
        elif images >= MIN_IMAGES and not hits[:, m].any():
            intervals[m] = 0, room
    return intervals


def quantile_interval(values: np.ndarray, quantile: float, weights: np.ndarray) -> np.ndarray:
    """95 % interval [2] of a quantile over all points, by percentile bootstrap over images; NaN under 10 images.

    Args:
        values: [N, P], NaN where there is none.
    """
    image, point = np.nonzero(np.isfinite(values))
    if len(np.unique(image)) < MIN_IMAGES:
        return np.full(2, np.nan)
    flat = values[image, point]
    order = np.argsort(flat, kind="stable")
    if weights.shape[1] < len(values):
        drawn = _grouped_quantiles(flat[order], _groups(len(values))[image[order]], quantile, weights)
        return np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    drawn = []
    for part in np.array_split(weights, max(1, weights.shape[0] * flat.size // _BLOCK)):
        reached = np.cumsum(part[:, image[order]], axis=1)
        drawn.append(flat[order[(reached < quantile * reached[:, -1:]).sum(axis=1)]])
    return np.quantile(np.concatenate(drawn), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])


def _grouped_quantiles(points: np.ndarray, group: np.ndarray, quantile: float, weights: np.ndarray) -> np.ndarray:
    """The quantile in each resample [R] of groups, from sorted points: found in a part of them, then within it."""
    edges = np.linspace(0, len(points), _PARTS + 1).round().astype(int)
    part = np.repeat(np.arange(_PARTS), np.diff(edges))
    counted = np.bincount(group * _PARTS + part, minlength=weights.shape[1] * _PARTS).reshape(-1, _PARTS)
    # whole numbers below 2^24, which single precision holds exactly
    drawn = weights.astype(np.float32) @ counted.astype(np.float32)
    reached = np.cumsum(drawn, axis=1, dtype=float)
    wanted = quantile * reached[:, -1]
    found = np.minimum((reached < wanted[:, None]).sum(axis=1), _PARTS - 1)
    rows = np.arange(len(weights))
    within = (wanted - (reached[rows, found] - drawn[rows, found])) / np.maximum(drawn[rows, found], 1)
    index = edges[found] + np.clip(within, 0, 1) * (edges[found + 1] - edges[found])
    return points[np.clip(np.ceil(index).astype(int) - 1, 0, len(points) - 1)]


def interval_pair(limits: np.ndarray) -> list[float] | None:
    """The two ends [2] of an interval as plain numbers; None where they are unknown."""
    return [float(v) for v in limits] if np.isfinite(limits).all() else None


def conformal_radius(scores: np.ndarray, coverage: float) -> float:
    """The ceil((n + 1) coverage)-th smallest of n scores; infinite where that exceeds n.

    A new score from the same source lies within it with at least this probability, for any n and distribution.
    Source: Vovk, Gammerman, Shafer, "Algorithmic Learning in a Random World" (2005).
    """
    known = np.sort(scores[np.isfinite(scores)])
    # 10 x 0.9 is 9.000000000000002 in floating point, which must not ask for the tenth
    position = math.ceil((known.size + 1) * coverage - 1e-9)
    return float(known[position - 1]) if 0 < position <= known.size else math.inf


class Agreement(NamedTuple):
    """Bland-Altman figures of n paired differences; unit of the differences."""

    num: int
    bias: float
    sd: float
    lower: float
    upper: float
    """Limits of agreement: bias -+ 1.96 SD."""
    bias_interval: tuple[float, float]
    """95 % by Student's t."""


def agreement(differences: np.ndarray) -> Agreement:
    """Limits of agreement; NaN where fewer than 2 differences are known.

    Source: Bland and Altman, Lancet 327 (1986).
    """
    known = differences[np.isfinite(differences)]
    if known.size < 2:
        return Agreement(int(known.size), *(math.nan,) * 4, (math.nan, math.nan))
    bias, sd = float(known.mean()), float(known.std(ddof=1))
    margin = float(stats.t.ppf((1 + LEVEL) / 2, known.size - 1)) * sd / math.sqrt(known.size)
    return Agreement(int(known.size), bias, sd, bias - 1.96 * sd, bias + 1.96 * sd, (bias - margin, bias + margin))


def signed_rank(differences: np.ndarray) -> float:
    """Wilcoxon's signed-rank p-value, two-sided, of paired differences; 1 where none differs from zero, NaN without any."""
    known = differences[np.isfinite(differences)]
    if not known.size:
        return math.nan
    if not known.any():
        return 1.0
    return float(stats.wilcoxon(known, zero_method="pratt", method="asymptotic" if known.size > 25 else "auto").pvalue)


def holm(p_values: np.ndarray) -> np.ndarray:
    """p-values corrected for their number by Holm's step-down rule; NaN stays NaN.

    Source: Holm, Scand. J. Statistics 6 (1979).
    """
    corrected = np.full(len(p_values), np.nan)
    known = np.flatnonzero(np.isfinite(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    highest = 0.0
    for position, index in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - position) * p_values[index]))
        corrected[index] = highest
    return corrected


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float | None:
    """Spearman's rank correlation of the known pairs; None under 3 pairs or where one side never changes."""
    known = np.isfinite(first) & np.isfinite(second)
    a, b = first[known], second[known]
    if a.size < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(stats.spearmanr(a, b).statistic)


def cohen_kappa(table: np.ndarray) -> float | None:
    """Chance-corrected agreement of a confusion table [C, C]; None where chance alone agrees fully."""
    total = table.sum()
    if not total:
        return None
    expected = float(table.sum(axis=0) @ table.sum(axis=1)) / total**2
    return None if expected == 1 else float((np.trace(table) / total - expected) / (1 - expected))


def dahlberg(differences: np.ndarray) -> float:
    """Error of a single reading from the differences of n pairs: sqrt(sum d^2 / 2n); NaN without any.

    Source: Dahlberg, "Statistical Methods for Medical and Biological Students" (1940).
    """
    known = differences[np.isfinite(differences)]
    return math.sqrt(float((known**2).sum()) / (2 * known.size)) if known.size else math.nan


def limits_intervals(figures: Agreement) -> tuple[tuple[float, float], tuple[float, float]]:
    """95 % intervals of the lower and the upper limit of agreement; NaN where fewer than 3 differences are known.

    Source: Bland and Altman, Stat. Methods Med. Res. 8 (1999): var = s^2 (1/n + 1.96^2 / (2 (n - 1))), Student's t.
    """
    if figures.num < 3:
        return (math.nan, math.nan), (math.nan, math.nan)
    spread = figures.sd * math.sqrt(1 / figures.num + 1.96**2 / (2 * (figures.num - 1)))
    margin = float(stats.t.ppf((1 + LEVEL) / 2, figures.num - 1)) * spread
    return (figures.lower - margin, figures.lower + margin), (figures.upper - margin, figures.upper + margin)


def intraclass_correlation(first: np.ndarray, second: np.ndarray) -> tuple[float, tuple[float, float]]:
    """ICC(2,1), two-way random, absolute agreement, single reading, with its 95 % interval; NaN under 3 known pairs.

    Source: Shrout and Fleiss, Psychol. Bull. 86 (1979); interval of McGraw and Wong, Psychol. Methods 1 (1996).
    """
    values = np.stack([first, second], axis=1)
    values = values[np.isfinite(values).all(axis=1)]
    n, k = values.shape
    if n < 3:
        return math.nan, (math.nan, math.nan)
    total = values.mean()
    rows = k * float(((values.mean(axis=1) - total) ** 2).sum()) / (n - 1)
    columns = n * float(((values.mean(axis=0) - total) ** 2).sum()) / (k - 1)
    rest = (float(((values - total) ** 2).sum()) - rows * (n - 1) - columns * (k - 1)) / ((n - 1) * (k - 1))
    below = rows + (k - 1) * rest + k * (columns - rest) / n
    if below <= 0 or rest <= 1e-14 * rows:
        return (1.0, (1.0, 1.0)) if below > 0 and columns <= 1e-14 * rows else (math.nan, (math.nan, math.nan))
    icc = (rows - rest) / below
    ratio = columns / rest
    share = n * (1 + (k - 1) * icc) - k * icc
    freedom = (k - 1) * (n - 1) * (k * icc * ratio + share) ** 2 / ((n - 1) * (k * icc * ratio) ** 2 + share**2)
    high = float(stats.f.ppf((1 + LEVEL) / 2, n - 1, freedom))
    low = float(stats.f.ppf((1 + LEVEL) / 2, freedom, n - 1))
    between = k * columns + (k * n - k - n) * rest
    return icc, (n * (rows - high * rest) / (high * between + n * rows), n * (low * rows - rest) / (between + n * low * rows))


def weighted_kappa(table: np.ndarray) -> float | None:
    """Chance-corrected agreement of ordered classes [C, C] with quadratic weights; None where chance alone agrees fully.

    Source: Cohen, Psychol. Bull. 70 (1968).
    """
    total = table.sum()
    if not total:
        return None
    index = np.arange(len(table))
    apart = (index[:, None] - index[None]) ** 2
    expected = float((apart * np.outer(table.sum(axis=1), table.sum(axis=0))).sum()) / total**2
    return None if expected == 0 else 1 - float((apart * table).sum()) / total / expected
