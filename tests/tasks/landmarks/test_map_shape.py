"""What a map says about its own certainty: fitted covariance and mass outside the peak."""

import torch

from landmarks.tasks.landmarks.heatmap import decode, decode_with_shape, encode


def test_covariance_is_that_of_the_drawn_gaussian():
    y, x = torch.meshgrid(torch.arange(48.0), torch.arange(40.0), indexing="ij")
    wanted = torch.tensor([[9.0, 2.0], [2.0, 5.0]])
    offset = torch.stack([x - 19.3, y - 22.8], -1)
    maps = torch.exp(-0.5 * torch.einsum("hwi,ij,hwj->hw", offset, torch.linalg.inv(wanted), offset))[None, None]
    decoded, shape = decode_with_shape(0.7 * maps, sigma=2.0)
    torch.testing.assert_close(shape.covariance_hm[0, 0], wanted, atol=1e-2, rtol=0)
    torch.testing.assert_close(decoded.points_hm[0, 0], torch.tensor([19.3, 22.8]), atol=1e-3, rtol=0)
    assert 0 < shape.outside[0, 0] < 0.1


def test_mass_outside_is_the_share_of_a_second_peak():
    points = torch.tensor([[[12.0, 12.0], [12.0, 12.0]]])
    maps = encode(points, (64, 64), 2.0)
    maps[0, 1] += 0.5 * encode(torch.tensor([[45.0, 40.0]]), (64, 64), 2.0)[0]
    outside = decode_with_shape(maps, 2.0)[1].outside[0]
    assert outside[0] == 0
    torch.testing.assert_close(outside[1], torch.tensor(1 / 3), atol=0.02, rtol=0)


def test_points_are_those_of_decode_and_flat_maps_stay_finite():
    torch.manual_seed(0)
    maps = torch.rand(2, 5, 33, 29)
    maps[0, 0], maps[0, 1] = 0.0, 1.0
    decoded, shape = decode_with_shape(maps, 2.0)
    plain = decode(maps, 2.0)
    assert torch.equal(decoded.points_hm, plain.points_hm)
    assert torch.equal(decoded.peaks, plain.peaks)
    assert torch.isfinite(shape.covariance_hm).all()
    assert ((shape.outside >= 0) & (shape.outside <= 1)).all()
