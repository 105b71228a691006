"""Changes that films of other devices need: they keep size and kind, follow the seed, and touch nothing when off."""

import cv2
import numpy as np
import pytest

from landmarks.config import AugmentConfig
from landmarks.data import augment, degrade, objects
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


@pytest.mark.parametrize("std", [1.0, 8.0, 12.0, 20.0])
def test_noise_is_normal_and_its_standard_deviation_near_what_was_asked_for(std):
    flat = np.full((512, 512), 128, np.uint8)
    added = degrade.add_noise(flat, std, 77).astype(float) - 128
    level = 2 ** (round(2 * np.log2(std)) / 2)
    assert abs(added.mean()) < 0.01 * std
    assert added.std() == pytest.approx(np.hypot(level, 12**-0.5), rel=0.02)  # rounding to gray steps adds its own
    assert np.mean(np.abs(added) < 2.005 * level + 0.5) == pytest.approx(0.965, abs=0.03)


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
    made = [degrade_film(film, 0.5, rng) for _ in range(400)]
    assert sum(image is film and table is None for image, table in made) in range(160, 240)


def test_one_table_does_what_several_passes_do(film, monkeypatch):
    """Tone, negative, and the sample's own brightness and gamma, in one pass or one after the other."""
    settings = AugmentConfig(degrade=1, noise=0, blur=0)
    kinds = ((degrade.tone, 1, 1.0), (degrade.negative, 1, 1.0))
    monkeypatch.setattr(augment, "_KINDS", kinds)
    monkeypatch.setattr(augment, "_MOST_KINDS", 2)
    joined = [Appearance(settings)(film, seed) for seed in range(20)]
    monkeypatch.setattr(augment, "_TABLES", {})
    for seed, image in enumerate(joined):
        np.testing.assert_array_equal(Appearance(settings)(film, seed), image)


def test_tone_stays_in_the_range_of_grays_and_follows_its_settings():
    rng = np.random.default_rng(0)
    tables = [augment.tone_table(AugmentConfig(brightness=0.2, contrast=0.2, gamma=0), rng) for _ in range(400)]
    changed = np.array([table for table in tables if table is not None], dtype=int)
    assert len(changed) in range(290, 350), "80 %"
    assert changed[:, 0].max() in range(45, 52), "brighter by a fifth at most"
    assert (np.diff(changed, axis=1) >= 0).all()
    assert (changed[:, -1] - changed[:, 0]).min() in range(200, 210), "contrast lower by a fifth at most"
    gamma = AugmentConfig(brightness=0, contrast=0, gamma=0.3)
    bent = [table for _ in range(400) if (table := augment.tone_table(gamma, rng)) is not None]
    assert len(bent) in range(160, 240), "half of them"
    assert {(table[0], table[-1]) for table in bent} == {(0, 255)}
    assert {np.sign(int(table[64]) - 64) for table in bent} >= {-1, 1}


def test_rectangles_and_noise_are_drawn_as_often_as_asked(film):
    erased = AugmentConfig(brightness=0, contrast=0, gamma=0, noise=0, blur=0, erase=0.5)
    share = [np.mean(Appearance(erased)(film, seed) != film) for seed in range(200)]
    assert sum(part > 0 for part in share) in range(75, 125)
    assert 0.005 < np.mean([part for part in share if part]) < 0.12
    noisy = AugmentConfig(brightness=0, contrast=0, gamma=0, noise=0.1, blur=0)
    assert sum((Appearance(noisy)(film, seed) != film).any() for seed in range(200)) in range(75, 125)


def test_objects_are_drawn_inside_the_film_and_leave_most_of_it(film):
    for kind in (objects.ruler, objects.text, objects.metal):
        share = [np.mean(kind(film, 1.0, np.random.default_rng(seed)) != film) for seed in range(20)]
        assert np.mean(share) < 0.35, kind.__name__
