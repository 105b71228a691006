"""Implausible points: placed again by another peak or by the other landmarks; a confident one never moves."""

from dataclasses import fields, replace

import numpy as np
import pytest

from landmarks.plausible import place_again, single_peaks
from landmarks.prediction import Prediction
from landmarks.shape import ShapeModel

SYMBOLS = tuple("ABCDEFGH")
MEAN = np.array([[0, 0], [60, 5], [50, 60], [20, 80], [-30, 70], [-40, 20], [30, 30], [10, 50]], dtype=float)
# every landmark varies by 3 mm together with its neighbours, and by 1 mm alone
_NEAR = np.exp(-(np.linalg.norm(MEAN[:, None] - MEAN, axis=2) ** 2) / (2 * 60**2))
SHAPE = ShapeModel(SYMBOLS, MEAN, np.kron(9 * _NEAR + np.eye(8), np.eye(2)))


@pytest.fixture
def found() -> Prediction:
    """The mean head at 10 px a mm, landmark C thrown 40 mm away by a low peak."""
    points_px = 10 * MEAN + 900
    points_px[2] += (400, 0)
    plain = Prediction.of_points(points_px[None], target_px=20.0)
    return replace(plain, peaks=np.array([[0.9, 0.7, 0.3, 0.7, 0.5, 0.9, 0.6, 0.7]]))


def peaks_at(*points_px: tuple[float, float]) -> Prediction:
    plain = Prediction.of_points(np.array([points_px], dtype=float), target_px=20.0)
    return replace(plain, peaks=np.array([[0.3, *(0.2 for _ in points_px[1:])]]))


def test_another_peak_near_the_expected_point_is_taken(found):
    wrong, right = tuple(found.points_px[0, 2]), (1403.0, 1498.0)
    asked = []
    again = place_again(SHAPE, SYMBOLS, found, lambda film, k: asked.append((film, k)) or peaks_at(wrong, right))
    assert asked == [(0, 2)]
    np.testing.assert_array_equal(again.points_px[0, 2], right)
    assert again.peaks[0, 2] == 0.2
    assert not again.inferred_px.any()


def test_without_such_a_peak_the_others_place_it_and_it_is_marked(found):
    again = place_again(SHAPE, SYMBOLS, found, lambda film, k: peaks_at(tuple(found.points_px[0, 2])))
    true_px = 10 * MEAN[2] + 900
    assert np.linalg.norm(again.points_px[0, 2] - true_px) < 15, "the mean head has no deviation to carry over"
    assert 10 < again.inferred_px[0, 2] < 30, "its spread is the millimetre of its own, and some of the others'"
    assert again.peaks[0, 2] == 0


def test_all_others_stay_bit_for_bit(found):
    again = place_again(SHAPE, SYMBOLS, found, lambda film, k: peaks_at(tuple(found.points_px[0, 2])))
    others = np.arange(8) != 2
    for field in (f.name for f in fields(found) if f.name != "target_px"):
        np.testing.assert_array_equal(getattr(again, field)[:, others], getattr(found, field)[:, others])


def test_a_confident_point_is_never_moved(found):
    sure = replace(found, peaks=np.where(found.peaks == 0.3, 0.85, found.peaks))
    again = place_again(SHAPE, SYMBOLS, sure, lambda film, k: pytest.fail("no other peak is asked for"))
    np.testing.assert_array_equal(again.points_px, sure.points_px)


def test_a_head_that_looks_left_is_a_head(found):
    mirrored = replace(found, points_px=found.points_px * (-1, 1) + (2000, 0))
    wrong, right = tuple(mirrored.points_px[0, 2]), (2000 - 1403.0, 1498.0)
    again = place_again(SHAPE, SYMBOLS, mirrored, lambda film, k: peaks_at(wrong, right))
    np.testing.assert_array_equal(again.points_px[0, 2], right)


def test_a_film_without_a_head_is_left_alone(found):
    scattered = np.random.default_rng(0).uniform(0, 2000, (1, 8, 2))
    nonsense = replace(found, points_px=scattered, peaks=np.full((1, 8), 0.1))
    again = place_again(SHAPE, SYMBOLS, nonsense, lambda film, k: peaks_at((0.0, 0.0)))
    moved = (again.points_px != scattered).any(axis=2).sum()
    assert moved < 4


def test_too_few_common_landmarks_move_nothing(found):
    few = SHAPE.select(tuple("ABCD"))
    assert place_again(few, SYMBOLS, found, lambda film, k: pytest.fail("nothing is asked for")) is found


def test_peaks_of_a_map_are_apart_and_in_order():
    y, x = np.mgrid[:40, :50]
    heights = {(30, 10): 0.9, (12, 25): 0.5, (40, 33): 0.2}
    map_HW = sum(h * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 2) for (cx, cy), h in heights.items()).astype(np.float32)
    apart = single_peaks(map_HW, sigma=1.0)
    tops = [np.unravel_index(single.argmax(), single.shape)[::-1] for single in apart]
    assert tops[:3] == list(heights)
    np.testing.assert_allclose([single.max() for single in apart[:3]], list(heights.values()), rtol=1e-3)
    assert len(apart) <= 5
