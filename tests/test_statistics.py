"""Statistics against textbook values and against what they promise over 1,000 simulated studies."""

import math

import numpy as np
import pytest

from landmarks import statistics
from landmarks.statistics import (
    agreement,
    cohen_kappa,
    conformal_radius,
    holm,
    proportion_intervals,
    quantile_interval,
    rank_correlation,
    ratio_intervals,
    resample_weights,
    signed_rank,
)


def simulated(rng, num: int, images: int, landmarks: int = 19) -> np.ndarray:
    """Radial errors [num, images, landmarks]: Rayleigh, each landmark its own size, an image's points share a factor."""
    size = np.linspace(0.5, 1.6, landmarks)
    factor = np.exp(0.45 * rng.standard_normal((num, images, 1)))
    return size * factor * rng.rayleigh(1, (num, images, landmarks))


def test_bootstrap_intervals_hold_the_truth_in_95_percent_of_1000_studies():
    rng = np.random.default_rng(1)
    errors = simulated(rng, 1000, 150)
    truth = 1.05 * math.sqrt(math.pi / 2) * math.exp(0.45**2 / 2)  # mean size, Rayleigh mean, log-normal mean
    counts = np.full((150, 1000), 19.0)
    weights = resample_weights(150)

    def covered(limits, value):
        return 100 * np.mean((limits[:, 0] <= value) & (value <= limits[:, 1]))

    assert 93 <= covered(ratio_intervals(errors.sum(2).T, counts, weights), truth) <= 97
    many = simulated(rng, 300, 1000)
    within = (errors <= 2).sum(2).T.astype(float)
    assert 93 <= covered(proportion_intervals(within, counts, weights), (many <= 2).mean()) <= 97
    # the same interval over points, as if they were independent, misses far too often
    spread = 1.96 * errors.reshape(1000, -1).std(axis=1) / math.sqrt(150 * 19)
    assert 100 * np.mean(np.abs(errors.mean(axis=(1, 2)) - truth) < spread) < 75


def test_conformal_radii_cover_as_promised_over_1000_splits():
    rng = np.random.default_rng(2)
    covered = []
    for _ in range(1000):
        scores = simulated(rng, 1, 150, 1)[0, :, 0]
        covered.append(np.mean(scores[100:] <= conformal_radius(scores[:100], 0.9)))
    assert 88 <= 100 * np.mean(covered) <= 92
    for num in (8, 9, 10, 15):  # eight images cannot promise 90 %: infinite, said as such; nine just can
        scores = simulated(rng, 1, 1000 * (num + 1), 1)[0, :, 0].reshape(1000, num + 1)
        radii = np.array([conformal_radius(row[:num], 0.9) for row in scores])
        assert np.isinf(radii).all() == (num == 8)
        assert np.mean(scores[:, num] <= radii) >= 0.9 - 3 * math.sqrt(0.09 / 1000)
        place = math.ceil((num + 1) * 0.9 - 1e-9)
        assert num == 8 or (radii == np.sort(scores[:, :num])[:, place - 1]).all()


def test_conformal_radius_is_the_promised_order_statistic():
    scores = np.arange(1.0, 20.0)[::-1]
    assert conformal_radius(scores, 0.9) == 18  # ceil(20 x 0.9), whatever floating point says of it
    assert conformal_radius(np.append(scores, np.nan), 0.95) == 19
    assert conformal_radius(scores, 0.96) == math.inf
    assert conformal_radius(np.array([]), 0.5) == math.inf


def test_quantile_interval_matches_plain_resampling():
    rng = np.random.default_rng(3)
    values = simulated(rng, 1, 20, 4)[0]
    values[3, 2] = np.nan
    weights = resample_weights(20, resamples=200)
    drawn = []
    for weight in weights.astype(int):
        rows = np.repeat(values, weight, axis=0)
        drawn.append(np.quantile(rows[np.isfinite(rows)], 0.5, method="inverted_cdf"))
    np.testing.assert_allclose(quantile_interval(values, 0.5, weights), np.quantile(drawn, [0.025, 0.975]))


def test_too_few_images_get_no_interval_and_full_marks_get_an_honest_one():
    nine, ten = np.ones((9, 1)), np.ones((10, 1))
    assert np.isnan(ratio_intervals(nine, nine, resample_weights(9))).all()
    limits = proportion_intervals(ten, ten, resample_weights(10))[0]
    np.testing.assert_allclose(limits, [0.025 ** (1 / 10), 1])
    np.testing.assert_allclose(proportion_intervals(0 * ten, ten, resample_weights(10))[0], [0, 1 - 0.025 ** (1 / 10)])


def test_textbook_values():
    assert np.allclose(holm(np.array([0.01, 0.04, 0.03, np.nan])), [0.03, 0.06, 0.06, np.nan], equal_nan=True)
    assert holm(np.array([0.9, 0.8])).tolist() == [1, 1]
    assert signed_rank(np.array([1.0, 2, 3, 4, 5])) == pytest.approx(2 / 32)  # all five ranks on one side
    assert signed_rank(np.zeros(5)) == 1
    assert math.isnan(signed_rank(np.array([np.nan])))
    table = np.array([[20, 5], [10, 15]])
    assert cohen_kappa(table) == pytest.approx(0.4)
    assert cohen_kappa(np.array([[5, 0], [0, 0]])) is None
    assert rank_correlation(np.array([1.0, 2, 3, np.nan]), np.array([10.0, 30, 20, 5])) == pytest.approx(0.5)
    assert rank_correlation(np.ones(4), np.arange(4.0)) is None


def test_limits_of_agreement_by_hand():
    found = agreement(np.array([1.0, 3.0, np.nan, 2.0, 6.0]))
    sd = math.sqrt(14 / 3)
    assert (found.num, found.bias) == (4, 3)
    assert (found.sd, found.lower, found.upper) == pytest.approx((sd, 3 - 1.96 * sd, 3 + 1.96 * sd))
    assert found.bias_interval == pytest.approx((3 - 3.182446 * sd / 2, 3 + 3.182446 * sd / 2))
    assert agreement(np.array([1.0])).num == 1
    assert statistics.MIN_IMAGES == 10
