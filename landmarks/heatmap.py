"""Encode: points -> target maps. Decode: maps -> points and peaks.

Shapes: B images, K landmarks, H x W heatmap px. Points are (x, y) in heatmap px and need not be whole numbers.
"""

from typing import NamedTuple

import torch

# A pixel takes part in the fit from this fraction of the peak on: below it, a network's map is mostly background.
_FIT_FLOOR = 0.01
# Far tails stop at e^-80 = 2e-35: below 1e-38 float32 turns denormal, which slows a processor's arithmetic 50-fold.
_LOG_ZERO = -40.0
# A fitted centre further from the highest pixel than this (heatmap px) is not believed.
_MAX_OFFSET = 2.0


class Decoded(NamedTuple):
    points_hm: torch.Tensor
    """float32 [B, K, 2], heatmap px."""
    peaks: torch.Tensor
    """float32 [B, K], height of the highest pixel."""


def gaussian_axes(points_hm: torch.Tensor, size: tuple[int, int], sigma: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The two factors of a Gaussian: columns [..., H] and rows [..., W] whose outer product is the map."""
    y = torch.arange(size[0], device=points_hm.device, dtype=torch.float32)
    x = torch.arange(size[1], device=points_hm.device, dtype=torch.float32)
    scale = -1 / (2 * sigma**2)
    column = torch.exp((scale * (y - points_hm[..., 1:2]).square()).clamp_min(_LOG_ZERO))
    row = torch.exp((scale * (x - points_hm[..., 0:1]).square()).clamp_min(_LOG_ZERO))
    return column, row


def encode(points_hm: torch.Tensor, size: tuple[int, int], sigma: float) -> torch.Tensor:
    """Gaussians of height 1 at unrounded centres: [..., 2] -> float32 [..., H, W]."""
    column, row = gaussian_axes(points_hm, size, sigma)
    return column[..., :, None] * row[..., None, :]


def decode(maps_BKHW: torch.Tensor, sigma: float) -> Decoded:
    """Sub-pixel centres by a weighted least-squares fit of a 2-D Gaussian to the logarithm of the map.

    Around the highest pixel, within 2 sigma, log(map) = c . (1, x, y, x^2, xy, y^2) is solved with weights map^2 (the
    logarithm of a small value is as noisy as the value is small); the centre is the parabola's top. Where the fit has
    no top near the highest pixel (a flat or double peak), the weighted centroid of the window stands in.

    Source: Guo, "A simple algorithm for fitting a Gaussian function", IEEE Signal Processing Magazine 28 (2011).
    """
    maps = maps_BKHW.detach().float()
    batch, num, height, width = maps.shape
    peaks, flat = maps.reshape(batch, num, -1).max(dim=-1)
    column, row = flat % width, flat // width

    radius = max(2, round(2 * sigma))
    offset = torch.arange(-radius, radius + 1, device=maps.device)
    oy, ox = (grid.reshape(-1) for grid in torch.meshgrid(offset, offset, indexing="ij"))
    y, x = row[..., None] + oy, column[..., None] + ox
    within = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    index = y.clamp(0, height - 1) * width + x.clamp(0, width - 1)
    values = maps.reshape(batch, num, -1).gather(-1, index).double()
    ratio = torch.where(within, values / peaks.double()[..., None].clamp_min(1e-12), 0.0)
    ratio = torch.where(ratio > _FIT_FLOOR, ratio, 0.0)

    shift = _fit_centre(ratio, ox.double(), oy.double())
    centroid = torch.stack([(ratio * ox).sum(-1), (ratio * oy).sum(-1)], -1) / ratio.sum(-1, keepdim=True).clamp_min(1e-12)
    believed = torch.isfinite(shift).all(-1) & (shift.abs() <= _MAX_OFFSET).all(-1)
    shift = torch.where(believed[..., None], shift, centroid)
    points = torch.stack([column, row], -1) + shift
    return Decoded(points.float(), peaks)


def _fit_centre(ratio: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Top of the parabola fitted to log(ratio) over the window: [B, K, P] -> [B, K, 2], NaN where there is none."""
    terms = torch.stack([torch.ones_like(x), x, y, x * x, x * y, y * y], -1)
    weight = ratio.square()
    normal = torch.einsum("bkp,pi,pj->bkij", weight, terms, terms)
    right = torch.einsum("bkp,pi->bki", weight * ratio.clamp_min(1e-12).log(), terms)
    # a ridge far under the fit's own scale keeps windows of too few pixels solvable
    normal = normal + 1e-10 * torch.eye(6, dtype=normal.dtype, device=normal.device)
    coefficients = torch.linalg.solve(normal, right)
    _, bx, by, cxx, cxy, cyy = coefficients.unbind(-1)
    determinant = 4 * cxx * cyy - cxy.square()
    has_top = (cxx < 0) & (determinant > 0)
    top_x = (cxy * by - 2 * cyy * bx) / determinant
    top_y = (cxy * bx - 2 * cxx * by) / determinant
    return torch.where(has_top[..., None], torch.stack([top_x, top_y], -1), torch.nan)
