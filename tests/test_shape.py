"""The shape model: what it knows of heads that were drawn from a known distribution."""

import numpy as np
import pytest

from landmarks.shape import ENOUGH_IMAGES, fit_shape, shape_from_dict, shape_to_dict

SYMBOLS = tuple("ABCDEFGH")
MEAN = np.array([[0, 0], [60, 5], [50, 60], [20, 80], [-30, 70], [-40, 20], [30, 30], [10, 50]], dtype=float)


def heads(num: int, seed: int = 0) -> np.ndarray:
    """Shapes [num, 8, 2] of one mode of 4 mm and a residual of 1 mm, turned, scaled and moved at random."""
    rng = np.random.default_rng(seed)
    mode = np.random.default_rng(99).standard_normal(MEAN.shape)
    shapes = MEAN + 4 * rng.standard_normal((num, 1, 1)) * mode / np.linalg.norm(mode) * np.sqrt(len(MEAN))
    shapes = shapes + rng.standard_normal(shapes.shape)
    angle, scale = rng.uniform(-0.5, 0.5, num), rng.uniform(5, 15, num)
    turn = np.stack([np.stack([np.cos(angle), -np.sin(angle)], 1), np.stack([np.sin(angle), np.cos(angle)], 1)], 1)
    return np.einsum("n,nij,nkj->nki", scale, turn, shapes) + rng.uniform(0, 2000, (num, 1, 2))


def test_other_landmarks_predict_one_to_its_residual():
    model = fit_shape(heads(150), SYMBOLS)
    points_mm = model.align(heads(80, seed=1))[0]
    unit = 60 / np.sqrt(((MEAN - MEAN.mean(axis=0)) ** 2).sum(axis=1).mean())  # 1 mm of MEAN in the model's frame
    deviation, size = model.surprise(points_mm, np.ones((80, 8), bool))
    # the residual of 1 mm an axis: the alignment of eight points takes a part of it, the other points add theirs
    assert 0.8 < np.sqrt((deviation**2).mean()) / unit < 1.4
    assert 0.5 < np.median(size) / 1.386 < 1.3, "a squared distance in standard deviations has the median 2 ln 2"


def test_gaps_and_misplaced_points_change_little():
    whole, rng = heads(120), np.random.default_rng(2)
    partial = np.where(rng.random((120, 8, 1)) < 0.2, np.nan, whole)
    slips = whole.copy()
    slips[:3, 3] += 500
    reference = fit_shape(whole, SYMBOLS)
    spread = np.sqrt(np.trace(reference.covariance) / 16)
    for points in (partial, slips):
        model = fit_shape(points, SYMBOLS)
        moved, _ = reference.align(model.mean[None])
        assert np.abs(moved[0] - reference.mean).max() < 0.7 * spread
        assert 0.8 < np.sqrt(np.trace(model.covariance) / 16) / spread < 1.25


def test_position_rotation_and_size_change_nothing():
    model, points = fit_shape(heads(100), SYMBOLS), heads(3, seed=5)
    turned = 0.3 * points @ np.array([[0.6, 0.8], [-0.8, 0.6]]) + (40.0, -7.0)
    np.testing.assert_allclose(model.align(points)[0], model.align(turned)[0], atol=1e-4)
    placed = model.place(points)
    np.testing.assert_allclose(placed.back(placed.apply(points)), points, atol=1e-6)


def test_needs_enough_annotated_images():
    points = heads(ENOUGH_IMAGES)
    assert fit_shape(points, SYMBOLS) is not None
    assert fit_shape(points[1:], SYMBOLS) is None
    points[1:, 4] = np.nan
    assert fit_shape(points, SYMBOLS).symbols == tuple("ABCDFGH"), "a landmark that hardly any image has is left out"
    assert fit_shape(points[:, :4], SYMBOLS[:4]) is None


def test_is_written_and_read():
    model = fit_shape(heads(40), SYMBOLS, np.full((40, 2), 0.1))
    again = shape_from_dict(shape_to_dict(model))
    assert again.symbols == model.symbols
    np.testing.assert_allclose(again.covariance, model.covariance, atol=1e-4)
    with pytest.raises(ValueError, match="shape model"):
        shape_from_dict(shape_to_dict(model) | {"mean_mm": [[0, 0]]})
