"""Curves through the template's knots, against scipy's splines."""

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from landmarks.template import smooth_curve


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("num", [3, 4, 9])
def test_curves_are_cubic_splines(num, closed):
    knots = np.random.default_rng(num).uniform(0, 50, (num, 2))
    found = smooth_curve(knots, closed=closed)
    knots = np.vstack([knots, knots[:1]]) if closed else knots
    at = np.concatenate([[0], np.cumsum(np.sqrt(np.linalg.norm(np.diff(knots, axis=0), axis=1)))])
    spline = CubicSpline(at, knots, bc_type="periodic" if closed else "natural")
    dense = spline(np.linspace(at[0], at[-1], 20_000))
    away = np.linalg.norm(found[:, None] - dense[None], axis=2).min(axis=1)
    assert away.max() < 0.02
    np.testing.assert_allclose(found[[0, -1]], knots[[0, -1]], atol=1e-9)
