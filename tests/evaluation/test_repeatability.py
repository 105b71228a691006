"""Repeatability figures beside independent implementations and values worked out by hand."""

import numpy as np
import pytest

from landmarks.evaluation.repeatability import class_agreement, repeatability
from landmarks.statistics import agreement, dahlberg, intraclass_correlation, limits_intervals, weighted_kappa

# Shrout and Fleiss 1979, table 2: six targets by four judges; here the first two judges.
JUDGES = np.array([[9, 2], [6, 1], [8, 4], [7, 1], [10, 5], [6, 2]], dtype=float)


def readings(num: int, seed: int, noise: float, bias: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    true = rng.normal(80, 4, num)
    return true + rng.normal(0, noise, num), true + bias + rng.normal(0, noise, num)


# ICC(2,1) with its 95 % interval as pingouin 0.7.0 gives them ("ICC(A,1)" of intraclass_corr, rounding switched off)
PINGOUIN = [
    (JUDGES.T, 0.12565445026178026, (-0.023653221543256917, 0.5998514840379154)),
    (readings(12, 0, 1, 0.5), 0.8962324659095353, (0.6608551507591212, 0.969586595826068)),
    (readings(150, 1, 2, -1), 0.7907422692088433, (0.714000411339829, 0.8473419080575565)),
    (readings(40, 2, 6, 0), 0.3523146316857135, (0.04537213607576637, 0.5971931233024252)),
]


@pytest.mark.parametrize(("values", "icc", "interval"), PINGOUIN)
def test_icc_against_pingouin(values, icc, interval):
    found, ends = intraclass_correlation(*values)
    assert found == pytest.approx(icc, abs=1e-9)
    assert ends == pytest.approx(interval, abs=1e-9)


def test_icc_by_hand():
    """Analysis of variance of the six targets by two judges, worked out on paper: mean squares 4.683, 80.083, 0.683."""
    rows, columns, rest = 281 / 60, 961 / 12, 41 / 60
    wanted = (rows - rest) / (rows + rest + 2 * (columns - rest) / 6)
    assert intraclass_correlation(*JUDGES.T)[0] == pytest.approx(wanted, abs=1e-9)
    assert intraclass_correlation(np.arange(5.0), np.arange(5.0)) == (1.0, (1.0, 1.0))
    assert np.isnan(intraclass_correlation(np.ones(5), np.ones(5))[0])
    assert np.isnan(intraclass_correlation(np.array([1.0, 2]), np.array([1.0, 2]))[0])


# classes, readings, cohen_kappa_score of scikit-learn 1.9.1 with quadratic weights and without
SCIKIT_LEARN = [
    (3, 40, 0.7515527950310559, 0.47614593077642653),
    (6, 200, 0.9106193835153156, 0.3333533527521695),
    (2, 15, 0.16666666666666674, 0.16666666666666674),
]


def test_kappas_against_scikit_learn():
    rng = np.random.default_rng(0)
    for classes, num, weighted, plain in SCIKIT_LEARN:
        first = rng.integers(0, classes, num)
        second = np.clip(first + rng.integers(-1, 2, num), 0, classes - 1)
        found = class_agreement(first, second, classes)
        assert found.weighted_kappa == pytest.approx(weighted, abs=1e-9)
        assert found.kappa == pytest.approx(plain, abs=1e-9)
    assert weighted_kappa(np.diag([5, 0, 0])) is None
    assert class_agreement(np.array([-1, 1]), np.array([0, 1]), 3).num == 1


def test_dahlberg_and_limits_by_hand():
    off = np.array([1.0, -2, 2, np.nan, -1])
    assert dahlberg(off) == pytest.approx(np.sqrt(10 / 8))
    figures = agreement(off)
    (low, high), upper = limits_intervals(figures)
    sd = np.sqrt(10 / 3)
    margin = 3.182446305284263 * sd * np.sqrt(1 / 4 + 1.96**2 / 6)  # t(0.975, 3)
    assert (low, high) == pytest.approx((-1.96 * sd - margin, -1.96 * sd + margin))
    assert upper == pytest.approx((1.96 * sd - margin, 1.96 * sd + margin))
    assert np.isnan(limits_intervals(agreement(off[:2]))[0][0])


def test_limits_intervals_cover():
    """The interval of a limit has the true limit in 95 of 100 samples."""
    rng = np.random.default_rng(5)
    held = [low <= 1.96 <= high for _ in range(600) for low, high in [limits_intervals(agreement(rng.normal(size=40)))[1]]]
    assert 0.92 < np.mean(held) < 0.98


def test_pairs_with_unknown_values():
    first, second = readings(30, 3, 1, 0)
    first[4] = np.nan
    known = np.isfinite(first)
    assert repeatability(first, second) == repeatability(first[known], second[known])
