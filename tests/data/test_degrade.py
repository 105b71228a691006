"""Changes that films of other devices need: they keep size and kind, follow the seed, and touch nothing when off."""

import cv2
import numpy as np
import pytest

from landmarks.config import AugmentConfig
from landmarks.data import degrade, objects
from landmarks.data.augment import _KINDS, Appearance, degrade_film

KINDS = [kind for kind, _, _ in _KINDS]


@pytest.fixture(scope="module")
def film() -> np.ndarray:
    """A smooth gray film with a blob and some edges."""
    y, x = np.mgrid[:128, :96].astype(np.float32)
    smooth = (60 + 0.8 * x + 80 * np.exp(-((x - 50) ** 2 + (y - 60) ** 2) / 400)).astype(np.uint8)
    return cv2.circle(smooth, (30, 30), 12, 200, 1)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_kind_changes_gray_values_alone(kind, film):
    before = film.copy()
    for strength in (0.0, 0.5, 1.0):
        for seed in range(5):
            changed = kind(film, strength, np.random.default_rng(seed))
            assert changed.shape == film.shape
            assert changed.dtype == np.uint8
            np.testing.assert_array_equal(film, before, err_msg="the image that was given is left alone")
    again = kind(film, 1.0, np.random.default_rng(4))
    np.testing.assert_array_equal(again, changed)
    assert any((kind(film, 1.0, np.random.default_rng(seed)) != film).any() for seed in range(5))


def test_stripes_saturate_and_do_not_wrap(film):
    bright = np.full_like(film, 250)
    changed = degrade.stripes(bright, 1.0, np.random.default_rng(0)).astype(int)
    profile = changed[:, 0] if (changed == changed[:, :1]).all() else changed[0]
    assert profile.max() == 255
    assert 250 - profile.min() < 250 * 0.6, "no line falls by more than a few standard deviations"


def test_noise_has_the_standard_deviation_that_was_asked_for():
    flat = np.full((512, 512), 128, np.uint8)
    assert abs(degrade.add_noise(flat, 12.0, 77).std() - 12) < 0.3


def test_wide_blur_at_half_resolution_is_the_same_blur(film):
    large = cv2.resize(film, (768, 1024), interpolation=cv2.INTER_LINEAR)
    near = cv2.GaussianBlur(large, (0, 0), 0.004 * 1024).astype(int)
    assert np.abs(degrade.blur(large, 1.0, np.random.default_rng(0)).astype(int) - near).max() <= 3


def test_off_changes_nothing_and_draws_nothing(film):
    plain = Appearance(AugmentConfig(degrade=0))
    both = Appearance(AugmentConfig(degrade=1))
    silent = AugmentConfig(brightness=0, contrast=0, gamma=0, noise=0, blur=0)
    np.testing.assert_array_equal(Appearance(silent)(film, 3), film)
    assert sum((plain(film, seed) != both(film, seed)).any() for seed in range(20)) >= 18
    rng = np.random.default_rng(0)
    assert sum(degrade_film(film, 0.5, rng) is film for _ in range(400)) in range(160, 240)


def test_objects_are_drawn_inside_the_film_and_leave_most_of_it(film):
    for kind in (objects.ruler, objects.text, objects.metal):
        share = [np.mean(kind(film, 1.0, np.random.default_rng(seed)) != film) for seed in range(20)]
        assert np.mean(share) < 0.35, kind.__name__
