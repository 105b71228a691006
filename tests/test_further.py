"""Landmarks that a model does not know: placed by those that it does, within the scatter that is said."""

from dataclasses import replace

import numpy as np
import pytest
from test_habit import SHAPE, SYMBOLS, heads

from landmarks.further import Further, fit_further, place_further
from landmarks.prediction import Prediction
from landmarks.schema import LandmarkSet
from landmarks.shape import fit_shape

NEW = LandmarkSet(name="clinic", symbols=("X", "Y"))


def clinic(num: int, seed: int) -> tuple[Prediction, np.ndarray]:
    """Heads that are wider and narrower, and two more landmarks in them: X between B and C, Y in front of A."""
    shapes, maps = heads(num, seed)
    rng = np.random.default_rng(seed)
    shapes = shapes * (1 + rng.normal(0, 0.1, (num, 1, 1)) * (1, 0))
    new = np.stack([shapes[:, 1:3].mean(axis=1), shapes[:, 0] - (15, 0)], axis=1) + rng.normal(0, 0.5, (num, 2, 2))
    shapes, new = (np.einsum("nij,nkj->nki", maps, part) + 900 for part in (shapes, new))
    return Prediction.of_points(shapes), new


@pytest.fixture(scope="module")
def shape():
    return fit_shape(clinic(100, 0)[0].points_px, SYMBOLS, np.full((100, 2), 0.1))


def error_mm(placed: Prediction, true_px: np.ndarray) -> np.ndarray:
    return np.linalg.norm(placed.points_px - true_px, axis=2) / 10


def test_the_others_place_a_landmark_of_five_films_within_its_radius(shape):
    further = fit_further(shape, SYMBOLS, clinic(5, 1)[0], NEW, clinic(5, 1)[1])
    found, true_px = clinic(200, 7)
    placed = place_further(further, shape, SYMBOLS, found)
    error = error_mm(placed, true_px)
    assert error.mean() < 2.0
    # heads differ in width, and a landmark moves with those around it
    unmoved = shape.place(found.points_px).back(np.repeat(further.mean_mm[None], 200, axis=0))
    assert error.mean() < 0.8 * error_mm(Prediction.of_points(unmoved), true_px).mean()
    assert (error * 10 <= placed.inferred_px * np.sqrt(2 * np.log(10))).mean() > 0.85
    assert (placed.inferred_px > 0).all()
    assert not placed.peaks.any()


def test_mirrored_and_missing_and_misplaced_points(shape):
    found, true_px = clinic(9, 3)
    reference = fit_further(shape, SYMBOLS, found, NEW, true_px)
    mirrored = fit_further(shape, SYMBOLS, replace(found, points_px=found.points_px * (-1, 1)), NEW, true_px * (-1, 1))
    np.testing.assert_allclose(mirrored.mean_mm, reference.mean_mm, atol=1e-6)
    true_px[0, 1] = np.nan
    true_px[1, 1] += 800
    again = fit_further(shape, SYMBOLS, found, NEW, true_px)
    np.testing.assert_array_equal(again.mean_mm[0], reference.mean_mm[0])
    assert np.abs(again.mean_mm[1] - reference.mean_mm[1]).max() < 1.0


def test_is_written_and_read():
    found, true_px = clinic(4, 5)
    further = fit_further(SHAPE, SYMBOLS, found, NEW, true_px)
    again = Further.from_dict(further.to_dict())
    assert again.landmarks == further.landmarks
    np.testing.assert_allclose(again.mean_mm, further.mean_mm, atol=1e-4)
    with pytest.raises(ValueError, match="further landmarks: 2"):
        Further.from_dict(further.to_dict() | {"scatter_mm": [1.0]})
