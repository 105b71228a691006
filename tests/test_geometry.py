"""Frames: every map is inverted exactly and agrees with OpenCV's own resizing."""

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from landmarks import geometry as g

sizes = st.tuples(st.integers(33, 3000), st.integers(33, 3000))
inputs = st.tuples(st.integers(1, 32).map(lambda n: 32 * n), st.integers(1, 32).map(lambda n: 32 * n))
points = st.lists(st.tuples(st.floats(-0.5, 3000), st.floats(-0.5, 3000)), min_size=1, max_size=5).map(np.array)


@given(sizes, inputs, points, st.floats(-180, 180), st.floats(0.5, 2), st.booleans())
def test_every_map_is_inverted(source, size, where, degrees, scale, flip):
    moved = g.around_centre(size, degrees=degrees, scale=(scale, 1 / scale), shift=(3.3, -7.1), flip=flip)
    for map_23 in (g.letterbox_map(source, size), g.resize_map(source, size), g.compose(moved, g.letterbox_map(source, size))):
        np.testing.assert_allclose(g.apply_map(g.invert(map_23), g.apply_map(map_23, where)), where, atol=1e-6)
        np.testing.assert_allclose(g.compose(g.invert(map_23), map_23), np.eye(2, 3), atol=1e-6)
    np.testing.assert_allclose(g.heatmap_to_input(g.input_to_heatmap(where)), where, atol=1e-9)


@given(sizes, inputs)
def test_letterbox_keeps_the_aspect_and_the_whole_image(source, size):
    map_23 = g.letterbox_map(source, size)
    assert map_23[0, 0] == map_23[1, 1]
    edges = g.apply_map(map_23, np.array([[-0.5, -0.5], [source[1] - 0.5, source[0] - 0.5]]))
    assert (edges[0] >= -0.5 - 1e-9).all()
    assert (edges[1] <= np.array(size[::-1]) - 0.5 + 1e-9).all()
    assert np.isclose(edges, [[-0.5, -0.5], np.array(size[::-1]) - 0.5], atol=1e-6).all(axis=0).any()


def test_stride_4_is_the_half_pixel_convention():
    np.testing.assert_allclose(g.input_to_heatmap(np.array([1.5, 5.5])), [0, 1])
    assert g.heatmap_to_input(0.0) == 1.5


def test_resize_map_is_what_opencv_does():
    ramp = np.tile(np.arange(200, dtype=np.float32), (100, 1))
    small = cv2.resize(ramp, (50, 40), interpolation=cv2.INTER_AREA)
    to_source = g.invert(g.resize_map((100, 200), (40, 50)))
    # the value of a ramp is its own source column
    np.testing.assert_allclose(small[20], g.apply_map(to_source, np.array([[x, 20.0] for x in range(50)]))[:, 0], atol=1e-3)


def test_flip_mirrors_about_the_image_centre():
    flipped = g.apply_map(g.around_centre((64, 96), flip=True), np.array([[0.0, 10.0], [95.0, 10.0]]))
    np.testing.assert_allclose(flipped, [[95, 10], [0, 10]], atol=1e-9)
    np.testing.assert_array_equal(g.inside(np.array([[-0.5, 0], [95.5, 0], [np.nan, 1]]), (64, 96)), [True, False, False])
