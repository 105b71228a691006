"""Heatmaps: decoding an encoded point gives the point back, anywhere, at any size and spread."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from landmarks.tasks.landmarks.heatmap import decode, encode


@settings(deadline=None)
@given(
    st.integers(17, 70),
    st.integers(17, 70),
    st.floats(1.0, 4.0),
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=3, max_size=3),
)
def test_decode_inverts_encode(height, width, sigma, places):
    extent = torch.tensor([width, height])
    corners = torch.tensor([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    points = torch.cat([torch.tensor(places), corners])[None] * (extent - 1e-3) - 0.5
    decoded = decode(encode(points, (height, width), sigma), sigma)
    torch.testing.assert_close(decoded.points_hm, points, atol=1e-3, rtol=0)


def test_noise_moves_the_centre_little():
    torch.manual_seed(0)
    points = 10 + 40 * torch.rand(1, 400, 2)
    maps = encode(points, (64, 64), 2.0)
    error = (decode(maps + 0.02 * torch.randn_like(maps), 2.0).points_hm - points).norm(dim=-1).mean()
    # shared measurements of this decoder: 0.020 heatmap px; argmax alone has 0.41
    assert error < 0.03


def test_peak_and_degenerate_maps():
    maps = torch.zeros(1, 3, 16, 16)
    maps[0, 1, 4, 7] = 0.5  # a single pixel has no parabola: its own place stands in
    maps[0, 2] = 1.0
    decoded = decode(maps, 2.0)
    assert torch.isfinite(decoded.points_hm).all()
    torch.testing.assert_close(decoded.points_hm[0, 1], torch.tensor([7.0, 4.0]))
    torch.testing.assert_close(decoded.peaks[0], torch.tensor([0.0, 0.5, 1.0]))


def test_half_precision_maps_are_decoded_in_float32():
    points = torch.tensor([[[20.3, 11.7]]])
    decoded = decode(encode(points, (32, 40), 2.0).half(), 2.0)
    torch.testing.assert_close(decoded.points_hm, points, atol=2e-3, rtol=0)
