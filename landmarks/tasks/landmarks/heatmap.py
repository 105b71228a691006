"""Encode: points -> target maps. Decode: maps -> points and peaks.

Shapes: B images, K landmarks, H x W heatmap px. Points are (x, y) in heatmap px and need not be whole numbers.
"""

from typing import NamedTuple

import torch

from landmarks import prediction

# A pixel takes part in the fit from this fraction of the peak on: below it, a network's map is mostly background.
_FIT_FLOOR = 0.01
# Far tails stop at e^-80 = 2e-35: below 1e-38 float32 turns denormal, which slows a processor's arithmetic 50-fold.
_LOG_ZERO = -40.0
# A fitted centre further from the highest pixel than this, or than sigma (heatmap px), is not believed.
_MAX_OFFSET = 2.0
# A Gaussian narrower than this leaves too few pixels at a border for the fit of its width.
_NARROW = 1.0
# A pixel counts as mass of the map from this fraction of the peak on, so that a faint background over the whole map,
# thousands of pixels, does not outweigh the peak.
_MASS_FLOOR = 0.05
# Mass further from the point than this many sigma lies outside the peak: a Gaussian keeps 99.9 % of its mass within.
_PEAK_RADIUS = 3.7


class Decoded(NamedTuple):
    points_hm: torch.Tensor
    """float32 [B, K, 2], heatmap px."""
    peaks: torch.Tensor
    """float32 [B, K], height of the highest pixel."""


class MapShape(NamedTuple):
    """What a map says about its own certainty."""

    covariance_hm: torch.Tensor
    """float32 [B, K, 2, 2], heatmap px^2: covariance of the Gaussian fitted to the peak; sigma^2 I for a sure network."""
    outside: torch.Tensor
    """float32 [B, K], 0 to 1: part of the map's mass that lies outside the peak."""


class _Window(NamedTuple):
    """The pixels around each map's highest one: P of them, offsets in heatmap px from the highest."""

    peaks: torch.Tensor
    highest: torch.Tensor
    ratio: torch.Tensor
    x: torch.Tensor
    y: torch.Tensor
    at_border: torch.Tensor
    """bool [B, K]: whether the highest pixel is one of the two outermost."""


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
    no top near the highest pixel (a flat or double peak), the weighted centroid of the window stands in. At a border, a
    Gaussian of sigma below 1 is fitted with its width held fixed.

    Source: Guo, "A simple algorithm for fitting a Gaussian function", IEEE Signal Processing Magazine 28 (2011).
    """
    window = _peak_window(maps_BKHW.detach().float(), sigma)
    points, _, _ = _centre(window, sigma)
    return Decoded(points.float(), window.peaks)


def decode_with_shape(maps_BKHW: torch.Tensor, sigma: float) -> tuple[Decoded, MapShape]:
    """`decode`, and what the maps say about its error.

    The covariance is that of the fitted Gaussian; where the fit has no top, the window's second moments stand in. Mass
    outside the peak is that of all pixels over 5 % of the peak which lie further from the point than 3.7 sigma.
    """
    maps = maps_BKHW.detach().float()
    window = _peak_window(maps, sigma)
    points, covariance, believed = _centre(window, sigma)
    offset = torch.stack([window.x, window.y], -1) - (points - window.highest)[..., None, :]
    share = window.ratio / window.ratio.sum(-1, keepdim=True).clamp_min(1e-12)
    moments = torch.einsum("bkp,bkpi,bkpj->bkij", share, offset, offset)
    covariance = torch.where(believed[..., None, None], covariance, moments)
    return Decoded(points.float(), window.peaks), MapShape(covariance.float(), _mass_outside(maps, points.float(), sigma))


def decode_to_numpy(maps_BKHW: torch.Tensor, sigma: float) -> prediction.Decoded:
    """`decode_with_shape` as arrays on the CPU."""
    decoded, shape = decode_with_shape(maps_BKHW, sigma)
    variance = torch.diagonal(shape.covariance_hm, dim1=-2, dim2=-1).mean(-1)
    return prediction.Decoded(
        points_hm=decoded.points_hm.cpu().numpy(),
        peaks=decoded.peaks.cpu().numpy(),
        variance=variance.cpu().numpy(),
        outside=shape.outside.cpu().numpy(),
    )


def _peak_window(maps: torch.Tensor, sigma: float) -> _Window:
    """Pixels within 2 sigma of each map's highest pixel, as fractions of it; 0 below the fit's floor."""
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
    at_border = (torch.minimum(row, column) < 2) | (row >= height - 2) | (column >= width - 2)
    return _Window(peaks, torch.stack([column, row], -1), ratio, ox.double(), oy.double(), at_border)


def _centre(window: _Window, sigma: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Centres [B, K, 2] in heatmap px, fitted covariances [B, K, 2, 2], and which fits [B, K] are believed."""
    ratio = window.ratio
    shift, covariance = _fit_gaussian(ratio, window.x, window.y)
    centroid = torch.stack([(ratio * window.x).sum(-1), (ratio * window.y).sum(-1)], -1)
    centroid = centroid / ratio.sum(-1, keepdim=True).clamp_min(1e-12)
    if sigma < _NARROW:
        held = window.at_border[..., None]
        shift = torch.where(held, _fit_position(ratio, window.x, window.y, sigma), shift)
        covariance = torch.where(held[..., None], sigma**2 * torch.eye(2, dtype=ratio.dtype, device=ratio.device), covariance)
    believed = torch.isfinite(shift).all(-1) & (shift.abs() <= max(_MAX_OFFSET, sigma)).all(-1)
    shift = torch.where(believed[..., None], shift, centroid)
    return window.highest + shift, covariance, believed


def _fit_gaussian(ratio: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Parabola fitted to log(ratio) over the window: top [B, K, 2] and covariance [B, K, 2, 2], NaN where there is none."""
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
    top = torch.stack([cxy * by - 2 * cyy * bx, cxy * bx - 2 * cxx * by], -1) / determinant[..., None]
    # log of a Gaussian is -d' C^-1 d / 2, so C is the inverse of the negative second derivatives
    covariance = torch.stack([torch.stack([-2 * cyy, cxy], -1), torch.stack([cxy, -2 * cxx], -1)], -2)
    covariance = covariance / determinant[..., None, None]
    return torch.where(has_top[..., None], top, torch.nan), covariance


def _fit_position(ratio: torch.Tensor, x: torch.Tensor, y: torch.Tensor, sigma: float) -> torch.Tensor:
    """Centre [B, K, 2] of a Gaussian of known width."""
    terms = torch.stack([torch.ones_like(x), x, y], -1)
    weight = ratio.square()
    normal = torch.einsum("bkp,pi,pj->bkij", weight, terms, terms)
    right = torch.einsum("bkp,pi->bki", weight * (ratio.clamp_min(1e-12).log() + (x * x + y * y) / (2 * sigma**2)), terms)
    normal = normal + 1e-10 * torch.eye(3, dtype=normal.dtype, device=normal.device)
    return sigma**2 * torch.linalg.solve(normal, right)[..., 1:]


def _mass_outside(maps: torch.Tensor, points_hm: torch.Tensor, sigma: float) -> torch.Tensor:
    """Part [B, K] of the mass of each map that lies outside its peak."""
    height, width = maps.shape[-2:]
    peaks = maps.amax(dim=(-2, -1), keepdim=True)
    mass = torch.where(maps > _MASS_FLOOR * peaks, maps, 0.0).clamp_min(0)
    y = torch.arange(height, device=maps.device, dtype=torch.float32) - points_hm[..., 1:2]
    x = torch.arange(width, device=maps.device, dtype=torch.float32) - points_hm[..., 0:1]
    far = y.square()[..., :, None] + x.square()[..., None, :] > (_PEAK_RADIUS * sigma) ** 2
    return (mass * far).sum(dim=(-2, -1)) / mass.sum(dim=(-2, -1)).clamp_min(1e-12)
