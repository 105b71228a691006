"""The numpy decoder gives what the torch decoder gives, which is the reference; and both give back what was drawn."""

import numpy as np
import pytest
import torch

from landmarks.inference.decode import decode_maps
from landmarks.tasks.landmarks.heatmap import decode, decode_to_numpy, encode

HEIGHT, WIDTH = 48, 40
CORNERS = [[-0.5, -0.5], [WIDTH - 0.501, -0.5], [-0.5, HEIGHT - 0.501], [WIDTH - 0.501, HEIGHT - 0.501], [0.3, 20.2]]


def difficult_maps(sigma: float) -> torch.Tensor:
    """Noisy peaks, corners, double and faint peaks, pure noise, flat, empty, negative and single-pixel maps."""
    rng = np.random.default_rng(0)
    points = torch.tensor(np.concatenate([CORNERS, rng.uniform(0, 39, (20, 2))]), dtype=torch.float32)
    clean = encode(points, (HEIGHT, WIDTH), sigma)
    noise = torch.from_numpy(rng.standard_normal(clean.shape).astype(np.float32))
    double = torch.maximum(clean, 0.8 * clean.roll(7, 0))
    single = torch.zeros(1, HEIGHT, WIDTH)
    single[0, 30, 11] = 0.4
    special = torch.stack([torch.zeros(HEIGHT, WIDTH), torch.ones(HEIGHT, WIDTH), -torch.ones(HEIGHT, WIDTH)])
    return torch.cat([clean, clean + 0.02 * noise, 0.1 * clean + 0.01 * noise, double, noise, single, special])[None]


@pytest.mark.parametrize("sigma", [0.5, 0.7, 1.0, 2.0, 5.0, 12.0])
def test_both_decoders_agree(sigma):
    maps = difficult_maps(sigma)
    reference, found = decode_to_numpy(maps, sigma), decode_maps(maps.numpy(), sigma)
    np.testing.assert_allclose(found.points_hm, reference.points_hm, atol=1e-3, rtol=0)
    np.testing.assert_array_equal(found.peaks, reference.peaks)
    np.testing.assert_allclose(found.variance, reference.variance, atol=1e-3, rtol=1e-4)
    np.testing.assert_allclose(found.outside, reference.outside, atol=1e-4, rtol=0)


@pytest.mark.parametrize("sigma", [0.5, 0.6, 0.75, 1.0, 2.0])
def test_points_in_corners_and_at_borders_come_back(sigma):
    points = torch.tensor(CORNERS)
    found = decode(encode(points, (HEIGHT, WIDTH), sigma)[None], sigma).points_hm[0]
    torch.testing.assert_close(found, points, atol=1e-3, rtol=0)


@pytest.mark.parametrize("sigma", [2.0, 8.0, 12.0, 20.0])
def test_noise_moves_a_wide_peak_as_little_as_a_narrow_one(sigma):
    generator = torch.Generator().manual_seed(0)
    points = 62 + 4 * torch.rand(1, 60, 2, generator=generator)
    maps = encode(points, (128, 128), sigma) + 0.02 * torch.randn(1, 60, 128, 128, generator=generator)
    error = (decode(maps, sigma).points_hm - points).norm(dim=-1)
    assert error.mean() < 0.03
