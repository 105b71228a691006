"""Metrics against a table worked by hand."""

import numpy as np
import pytest

from landmarks.metrics import format_table, radial_errors, summarise


def test_figures_of_a_hand_worked_table():
    true = np.array([[[0.0, 0.0], [10.0, 10.0]], [[5.0, 5.0], [np.nan, np.nan]]])
    found = true + np.array([[[3.0, 4.0], [0.0, 20.0]], [[6.0, 8.0], [1.0, 1.0]]])
    pixel_size = np.array([[0.5, 0.5], [0.1, 0.2]])  # the second image's pixels are oblong
    px, mm = radial_errors(found, true, pixel_size)
    np.testing.assert_allclose(px, [[5, 20], [10, np.nan]])
    np.testing.assert_allclose(mm, [[2.5, 10], [np.hypot(0.6, 1.6), np.nan]])
    figures = summarise(px, mm)
    errors = [2.5, 10, np.hypot(0.6, 1.6)]
    assert figures.num_points == 3
    assert figures.mre_mm == pytest.approx(np.mean(errors))
    assert figures.sd_mm == pytest.approx(np.std(errors, ddof=1))
    assert figures.mre_px == pytest.approx(35 / 3)
    assert figures.sdr == pytest.approx({2.0: 100 / 3, 2.5: 200 / 3, 3.0: 200 / 3, 4.0: 200 / 3})


def test_unknown_pixel_size_leaves_pixels_only():
    px, mm = radial_errors(np.ones((1, 1, 2)), np.zeros((1, 1, 2)), np.full((1, 2), np.nan))
    figures = summarise(px, mm)
    assert figures.mre_mm is None
    assert figures.sdr[2.0] is None
    assert figures.mre_px == pytest.approx(2**0.5)


def test_table_is_aligned():
    lines = format_table(["", "MRE"], [["all", "1.23"], ["longer", "10.5"]]).splitlines()
    assert lines[2:] == ["all     1.23", "longer  10.5"]
