"""Adaptive Wing and MSE on heatmaps: per-landmark weights, sums over pixels, never means.

Shapes: B images, K landmarks, H x W heatmap px. The target maps are never stored: each pass makes the few it works on
from the points, in float32, whatever the precision of the network's maps.
"""

import math

import torch

from landmarks.config import LossConfig
from landmarks.heatmap import gaussian_axes
from landmarks.schema import HARD12_WEIGHTS, LandmarkSet

# Elements of one pass: its few temporaries of 2 MB each stay in the processor's cache.
_CHUNK = 1 << 19
# The weighted loss map counts a pixel as near the landmark from this value of the dilated target on (Wang et al. 2019).
_NEAR = 0.2


def landmark_weights(loss: LossConfig, landmarks: LandmarkSet) -> torch.Tensor:
    """Weight of each landmark's loss, float32 [K].

    Raises: ValueError where a weight names a landmark or group that the set lacks, or all weights are 0.
    """
    weights = dict.fromkeys(landmarks.symbols, 1.0)
    if loss.preset != "none":
        others = 0.0 if loss.preset == "hard12_only" else 1.0
        weights = {symbol: HARD12_WEIGHTS.get(symbol, others) for symbol in landmarks.symbols}
    for name, weight in loss.weights.items():
        try:
            members = landmarks.members(name)
        except ValueError as error:
            raise ValueError(f"loss.weights.{name}: {error}") from error
        weights.update(dict.fromkeys(members, float(weight)))
    if not any(weights.values()):
        raise ValueError("loss.weights: every landmark weighs 0; give at least one a weight above 0")
    return torch.tensor(list(weights.values()))


def heatmap_loss_sum(
    maps_BKHW: torch.Tensor, points_hm: torch.Tensor, weights_BK: torch.Tensor, sigma: float, loss: LossConfig
) -> torch.Tensor:
    """Weighted sum over images, landmarks and pixels of the loss against Gaussians at `points_hm`.

    Args:
        maps_BKHW: the network's maps, any float type.
        points_hm: [B, K, 2], heatmap px, unrounded; ignored where the weight is 0.
        weights_BK: weight of each map; 0 where a landmark is invisible or switched off, and that map is never touched.
    Returns: float32 scalar; divide it by the sum of weights of the whole accumulation window.
    """
    return _HeatmapLoss.apply(maps_BKHW, points_hm.float(), weights_BK.float(), sigma, loss)


class _HeatmapLoss(torch.autograd.Function):
    """Keeps only the maps and the points; the backward pass makes the targets again and writes the gradient itself."""

    @staticmethod
    def forward(ctx, maps_BKHW, points_hm, weights_BK, sigma, loss):
        ctx.save_for_backward(maps_BKHW, points_hm, weights_BK)
        ctx.sigma, ctx.loss = sigma, loss
        total = torch.zeros((), dtype=torch.float32, device=maps_BKHW.device)
        for _, predicted, target, near, weight in _chunks(maps_BKHW, points_hm, weights_BK, sigma):
            value = _LOSS[loss.name](predicted, target, loss)
            if loss.foreground_weight:
                value = value.mul_(loss.foreground_weight * near + 1)
            total += (value.sum(dim=(1, 2)) * weight).sum()
        return total

    @staticmethod
    def backward(ctx, grad_output):
        maps_BKHW, points_hm, weights_BK = ctx.saved_tensors
        loss = ctx.loss
        gradient = torch.zeros_like(maps_BKHW)
        for which, predicted, target, near, weight in _chunks(maps_BKHW, points_hm, weights_BK, ctx.sigma):
            slope = _SLOPE[loss.name](predicted, target, loss)
            if loss.foreground_weight:
                slope = slope.mul_(loss.foreground_weight * near + 1)
            gradient[which] = slope.mul_((weight * grad_output)[:, None, None]).to(gradient.dtype)
        return gradient, None, None, None, None


def _chunks(maps_BKHW, points_hm, weights_BK, sigma):
    """Yields (which, predicted, target, near, weight) for groups of maps whose weight is not 0."""
    size = tuple(maps_BKHW.shape[2:])
    step = max(1, _CHUNK // math.prod(size))
    for rows in weights_BK.nonzero().split(step):
        which = rows.unbind(1)  # (image, landmark) pairs: works on any memory layout of the maps without a copy
        column, row = gaussian_axes(points_hm[which], size, sigma)
        target = column[:, :, None] * row[:, None, :]
        near = _dilate(column)[:, :, None] * _dilate(row)[:, None, :] >= _NEAR
        yield which, maps_BKHW[which].float(), target, near, weights_BK[which]


def _dilate(axis: torch.Tensor) -> torch.Tensor:
    """3-px maximum; the 3x3 maximum of an outer product of positive factors is the product of theirs."""
    return torch.nn.functional.max_pool1d(axis[:, None], 3, stride=1, padding=1)[:, 0]


def _straight_part(target: torch.Tensor, loss: LossConfig) -> tuple[torch.Tensor, torch.Tensor]:
    """Slope A and offset C of Adaptive Wing's straight part."""
    ratio = loss.theta / loss.epsilon
    power = torch.exp((loss.alpha - target) * math.log(ratio))
    slope = loss.omega * (loss.alpha - target) * power / ratio / (loss.epsilon * (1 + power))
    return slope, loss.theta * slope - loss.omega * torch.log1p(power)


def _adaptive_wing(predicted, target, loss):
    """Source: Wang, Bo, Fuxin, "Adaptive Wing Loss for Robust Face Alignment", ICCV 2019, eq. 5."""
    distance = (predicted - target).abs_()
    far = distance >= loss.theta
    power = torch.exp_((loss.alpha - target) * torch.log(distance / loss.epsilon))
    curved = power.log1p_().mul_(loss.omega)
    if distance.device.type == "cpu" and not far.any():
        return curved
    slope, offset = _straight_part(target, loss)
    return torch.where(far, slope * distance - offset, curved)


def _adaptive_wing_slope(predicted, target, loss):
    """dL/dp; at distance 0 the power's logarithm is -inf and the slope exactly 0, as alpha - target > 1."""
    difference = predicted - target
    distance = difference.abs()
    far = distance >= loss.theta
    distance = distance.div_(loss.epsilon)
    exponent = loss.alpha - target
    power = torch.exp_((exponent - 1) * torch.log(distance))
    curved = exponent.mul_(loss.omega / loss.epsilon).mul_(power).div_(power * distance + 1)
    if distance.device.type != "cpu" or far.any():
        curved = torch.where(far, _straight_part(target, loss)[0], curved)
    return curved.mul_(difference.sign_())


def _mse(predicted, target, loss):
    return (predicted - target).square_()


def _mse_slope(predicted, target, loss):
    return (predicted - target).mul_(2)


_LOSS = {"adaptive_wing": _adaptive_wing, "mse": _mse}
_SLOPE = {"adaptive_wing": _adaptive_wing_slope, "mse": _mse_slope}
