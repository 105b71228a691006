"""Readers' habits: found in the frame of the head, shrunk where films are few, and added to predictions."""

from dataclasses import replace

import numpy as np
import pytest

from landmarks.habit import Habit, fit_habit, with_habit
from landmarks.prediction import Prediction
from landmarks.shape import fit_shape

SYMBOLS = tuple("ABCDEFGH")
MEAN = np.array([[0, 0], [60, 5], [50, 60], [20, 80], [-30, 70], [-40, 20], [30, 30], [10, 50]], dtype=float)
OFFSET_MM = np.zeros((8, 2))
OFFSET_MM[3] = (4.0, -2.0)


def heads(num: int, seed: int, turned: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """Points [num, 8, 2] of upright heads in mm, and the linear maps to their films at 10 px a mm."""
    rng = np.random.default_rng(seed)
    shapes = MEAN + rng.normal(0, 1.5, (num, 8, 2))
    angle = rng.uniform(-turned, turned, num)
    turn = np.stack([np.stack([np.cos(angle), -np.sin(angle)], 1), np.stack([np.sin(angle), np.cos(angle)], 1)], 1)
    return shapes, 10 * turn


def films(points_mm: np.ndarray, maps: np.ndarray) -> np.ndarray:
    return np.einsum("nij,nkj->nki", maps, points_mm) + 900


SHAPE = fit_shape(films(*heads(100, 0, turned=0.0)), SYMBOLS, np.full((100, 2), 0.1))


def clinic(num: int, seed: int = 1, noise_mm: float = 1.0) -> tuple[Prediction, np.ndarray]:
    """Predictions of heads, and readers who put D elsewhere by habit."""
    shapes, maps = heads(num, seed)
    noise = np.random.default_rng(seed + 50).normal(0, noise_mm, shapes.shape)
    return Prediction.of_points(films(shapes, maps)), films(shapes + OFFSET_MM + noise, maps)


def error(found: Prediction, true_px: np.ndarray) -> float:
    return float(np.linalg.norm(found.points_px - true_px, axis=2).mean())


def test_habit_is_found_in_turned_heads_and_helps_on_others():
    habit = fit_habit(SHAPE, SYMBOLS, *clinic(30))
    np.testing.assert_allclose(np.linalg.norm(habit.offset_mm[3]), np.linalg.norm(OFFSET_MM[3]), atol=0.8)
    assert np.linalg.norm(np.delete(habit.offset_mm, 3, axis=0), axis=1).max() < 0.7
    found, true_px = clinic(40, seed=7)
    assert error(with_habit(habit, SHAPE, SYMBOLS, found), true_px) < 0.85 * error(found, true_px)


def test_few_films_are_believed_less_and_none_nothing():
    sizes = [np.linalg.norm(fit_habit(SHAPE, SYMBOLS, *clinic(num)).offset_mm) for num in (1, 3, 30)]
    assert sizes[0] < sizes[2]
    found, true_px = clinic(10)
    true_px[:, 3] = np.nan
    assert not fit_habit(SHAPE, SYMBOLS, found, true_px).offset_mm[3].any(), "a landmark that no reader marked has no habit"


def test_one_misplaced_point_has_next_to_no_say():
    found, true_px = clinic(10)
    reference = fit_habit(SHAPE, SYMBOLS, found, true_px)
    true_px[4, 3] += 600
    assert np.abs(fit_habit(SHAPE, SYMBOLS, found, true_px).offset_mm[3] - reference.offset_mm[3]).max() < 0.8


def test_mirrored_heads_have_the_same_habit():
    found, true_px = clinic(20)
    habit = fit_habit(SHAPE, SYMBOLS, found, true_px)
    mirrored = replace(found, points_px=found.points_px * (-1, 1))
    again = fit_habit(SHAPE, SYMBOLS, mirrored, true_px * (-1, 1))
    np.testing.assert_allclose(again.offset_mm, habit.offset_mm, atol=1e-6)
    moved = with_habit(habit, SHAPE, SYMBOLS, mirrored).points_px * (-1, 1)
    np.testing.assert_allclose(moved, with_habit(habit, SHAPE, SYMBOLS, found).points_px, atol=1e-6)


def test_is_written_and_read():
    habit = fit_habit(SHAPE, SYMBOLS, *clinic(5))
    again = Habit.from_dict(habit.to_dict())
    np.testing.assert_allclose(again.offset_mm, habit.offset_mm, atol=1e-4)
    with pytest.raises(ValueError, match="offsets"):
        Habit.from_dict(habit.to_dict() | {"offset_mm": [[0, 0]]})
