"""Intervals: closed forms where errors are independent, learned correlations where calibration images show them."""

import json

import numpy as np
import pytest

from landmarks.measurements import BY_NAME, facing
from landmarks.schema import AARIZ29
from landmarks.uncertainty import ErrorModel, measure_with_intervals, plausible_truths, read_error_model, scaled_errors
from tests.faces import SYMBOLS, face

SIZE = np.array([[0.1, 0.1]])
ROWS = [BY_NAME[name] for name in ("S-N", "Go-Me", "SNA", "ANB")]


def test_interval_of_a_length_is_known_in_closed_form():
    radius = np.zeros((1, len(SYMBOLS)))
    radius[0, [SYMBOLS.index("S"), SYMBOLS.index("N")]] = 3, 4
    model = ErrorModel(symbols=SYMBOLS, coverage=0.9)
    values, half = measure_with_intervals(face()[None] * 10, SYMBOLS, SIZE, radius, model, ROWS)
    # hypot(3, 4) px at 0.1 mm; along one axis 1.6449 of a round Gaussian's 2.1460 standard deviations
    assert half[0, 0] == pytest.approx(0.5 * 1.6449 / 2.1460, rel=1e-3)
    assert values[0, 0] == pytest.approx(70)
    assert half[0, 1] == 0
    assert half[0, 2] > 0
    radius[0, SYMBOLS.index("N")] = np.inf
    assert np.isinf(measure_with_intervals(face()[None] * 10, SYMBOLS, SIZE, radius, model, ROWS)[1][0, [0, 2]]).all()


def test_errors_that_move_together_leave_lengths_sure_and_angles_too():
    """All landmarks of a calibration film shifted alike: nothing that is measured changes, though each point is uncertain."""
    generator = np.random.default_rng(0)
    shift = np.broadcast_to(generator.normal(size=(60, 1, 2)), (60, len(SYMBOLS), 2))
    radius = np.full((1, len(SYMBOLS)), 20.0)
    together = ErrorModel(symbols=SYMBOLS, coverage=0.9, scaled=shift)
    apart = ErrorModel(symbols=SYMBOLS, coverage=0.9, scaled=generator.normal(size=(60, len(SYMBOLS), 2)))
    assert together.learned
    half = [measure_with_intervals(face()[None] * 10, SYMBOLS, SIZE, radius, m, ROWS)[1][0] for m in (together, apart)]
    np.testing.assert_allclose(half[0], 0, atol=1e-9)
    assert (half[1] > 0.5).all()


def test_learned_intervals_cover_new_films_of_the_same_source():
    generator = np.random.default_rng(1)
    mixing = generator.normal(size=(len(SYMBOLS), len(SYMBOLS))) / 6

    def errors(num: int) -> np.ndarray:
        return np.einsum("kj,njc->nkc", mixing, generator.standard_t(4, size=(num, len(SYMBOLS), 2))) * 6

    model = ErrorModel(symbols=SYMBOLS, coverage=0.9, scaled=errors(120) / 10)
    true = np.broadcast_to(face() * 10, (800, len(SYMBOLS), 2))
    found, radius = true + errors(800), np.full((800, len(SYMBOLS)), 10.0)
    rows = list(BY_NAME.values())
    sizes = SIZE.repeat(800, 0)
    values, half = measure_with_intervals(found, SYMBOLS, sizes, radius, model, rows)
    exact = measure_with_intervals(true[:1], SYMBOLS, SIZE, radius[:1], model, rows)[0]
    covered = (np.abs(values - exact) <= half).mean(axis=0)
    assert 0.87 < covered.mean() < 0.94
    assert (covered > 0.8).all()


def test_scaled_errors_turn_left_facing_films_and_forget_what_is_unknown():
    found = np.stack([face() * 10, face() * (-10, 10) + (3000, 0)])
    true = found - np.array([[[5.0, 2.0]], [[-5.0, 2.0]]])
    true[0, 0] = np.nan
    scaled = scaled_errors(found, true, np.full((2, len(SYMBOLS)), 10.0), SYMBOLS, SIZE.repeat(2, 0))
    assert np.isnan(scaled[0, 0]).all()
    np.testing.assert_allclose(scaled[0, 1:], np.broadcast_to((0.5, 0.2), (len(SYMBOLS) - 1, 2)))
    np.testing.assert_allclose(scaled[1], np.broadcast_to((0.5, 0.2), (len(SYMBOLS), 2)))
    model = ErrorModel(symbols=SYMBOLS, coverage=0.9, scaled=np.repeat(scaled, 20, axis=0))
    looks = facing(found, SYMBOLS)
    back = plausible_truths(found, np.full((2, len(SYMBOLS)), 10.0), SYMBOLS, looks, model)
    np.testing.assert_allclose(back[1, 0, 1:], true[1, 1:])  # the left face's own error, turned back
    certain = plausible_truths(found, np.zeros((2, len(SYMBOLS))), SYMBOLS, looks, model)
    np.testing.assert_allclose(certain, np.broadcast_to(found[:, None], certain.shape))


def test_a_calibration_file_gives_its_error_model_or_one_line(tmp_path):
    path = tmp_path / "calibration.json"
    scaled = np.zeros((30, 2, 2)).tolist()
    scaled[0][0] = [None, None]
    path.write_text(json.dumps({"coverage": 0.9, "landmarks": {"S": {}, "N": {}}, "scaled_errors": scaled}))
    model = read_error_model(path)
    assert model.learned
    assert np.isnan(model.select(("N", "A", "S")).scaled[0, 1:]).all()
    path.write_text("[]")
    with pytest.raises(ValueError, match="not a calibration"):
        read_error_model(path)
    assert AARIZ29.symbols == SYMBOLS
