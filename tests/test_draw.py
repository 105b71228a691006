"""Pictures: a zoom and a cut-out show each point where the image has it."""

import numpy as np

from landmarks.draw import FOUND_COLOUR, TRUE_COLOUR, face_part, jpeg, overlay, zoom


def centre_of(picture: np.ndarray, colour: tuple) -> np.ndarray:
    """Centroid (x, y) of the pixels of one colour."""
    y, x = np.nonzero(np.abs(picture.astype(int) - colour).max(axis=2) < 40)
    return np.array([x.mean(), y.mean()])


def test_a_zoom_puts_points_over_what_they_mark():
    image = np.full((200, 300), 60, np.uint8)
    found, true = np.array([150.3, 80.6]), np.array([160.0, 90.0])
    y, x = np.mgrid[:200, :300]
    image[(x - true[0]) ** 2 + (y - true[1]) ** 2 < 16] = 250  # a disc whose middle is the true point
    picture = zoom(image, found, true, reach=30, size=240)
    assert picture.shape == (240, 240, 3)
    bright = np.argwhere((picture.min(axis=2) > 200) | (np.abs(picture.astype(int) - TRUE_COLOUR).max(axis=2) < 40))
    disc = bright.mean(axis=0)[::-1]
    np.testing.assert_allclose(centre_of(picture, TRUE_COLOUR), disc, atol=2.5)
    apart = centre_of(picture, FOUND_COLOUR) - centre_of(picture, TRUE_COLOUR)
    np.testing.assert_allclose(apart, (found - true) * 4, atol=1.5)
    far = zoom(image, np.array([10.0, 10.0]), np.array([290.0, 190.0]), reach=30, size=240)
    for colour in (FOUND_COLOUR, TRUE_COLOUR):  # points further apart than the reach still are in the picture
        assert np.isfinite(centre_of(far, colour)).all()


def test_a_cut_out_keeps_pixels_and_points_together():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (400, 500), dtype=np.uint8)
    found = np.array([[200.0, 150.0], [260.0, 220.0], [np.nan, np.nan]])
    part, moved, true = face_part(image, found, found + 3)
    for before, after in zip(found[:2].astype(int), moved[:2].astype(int), strict=True):
        assert part[after[1], after[0]] == image[before[1], before[0]]
    np.testing.assert_allclose(true[:2] - moved[:2], 3)
    assert part.shape < image.shape
    picture = overlay(part, moved, true, long_side=300, radius=4)
    assert max(picture.shape[:2]) == 300
    assert jpeg(picture)[:2] == b"\xff\xd8"
