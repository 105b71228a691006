"""Adaptive Wing and MSE on heatmaps: per-landmark weights, sums over pixels, never means.

Shapes: B images, K landmarks, H x W heatmap px, N x M px of a window. Target maps are never made: away from its landmark
a target is 0, so the loss of nearly every pixel is a function of the map alone, and only a window around each landmark
is worked out against its Gaussian. All arithmetic is in float32, whatever the precision of the network's maps.
"""

import math

import torch

from landmarks.config import LossConfig

# Elements of one pass. A processor's temporaries of 1 MB stay in its cache; a GPU wants longer kernels, and 4 MB are little.
_CHUNK_CPU, _CHUNK_GPU = 1 << 18, 1 << 20
# Half a window, in sigmas: the Gaussian is below 7e-10 outside, which float32 sums of the loss do not see.
_REACH = 6.5
# The weighted loss map counts a pixel as near the landmark from this value of the dilated target on (Wang et al. 2019).
_NEAR = 0.2


def heatmap_loss_sum(
    maps_BKHW: torch.Tensor, points_hm: torch.Tensor, weights_BK: torch.Tensor, sigma: float, loss: LossConfig
) -> torch.Tensor:
    """Weighted sum over images, landmarks and pixels of the loss against Gaussians at `points_hm`.

    Args:
        maps_BKHW: the network's maps, any float type.
        points_hm: [B, K, 2], heatmap px, unrounded; ignored where the weight is 0.
        weights_BK: weight of each map; 0 where a landmark is invisible or switched off: whatever that map holds, it adds
            exactly 0 to the sum and gets a gradient of exactly 0.
    Returns: float32 scalar; divide it by the sum of weights of the whole accumulation window. Its backward pass runs once.
    """
    return _HeatmapLoss.apply(maps_BKHW, points_hm.float(), weights_BK.float(), sigma, loss)


class _HeatmapLoss(torch.autograd.Function):
    """Works out value and gradient together, as they share their logarithms; keeps the float32 gradient alone."""

    @staticmethod
    def forward(ctx, maps_BKHW, points_hm, weights_BK, sigma, loss):
        weights_BK = weights_BK.to(maps_BKHW.device, non_blocking=True)
        gradient = maps_BKHW.detach().to(torch.float32, copy=True)
        window, column, row = _windows(points_hm.detach(), gradient.shape[2:], sigma)
        near_landmark = gradient[window]
        gradient.index_put_(window, gradient.new_zeros(()))  # an error of 0 adds 0 to the sum below
        sums_BK = torch.stack([_background(p, w, loss) for p, w in zip(gradient, weights_BK, strict=True)])

        value, slope = _FORMULAS[loss.name](near_landmark, column[..., :, None] * row[..., None, :], loss)
        if loss.foreground_weight:
            near = _dilate(column)[..., :, None] * _dilate(row)[..., None, :] >= _NEAR
            factor = near.to(value.dtype).mul_(loss.foreground_weight).add_(1)
            value, slope = value.mul_(factor), slope.mul_(factor)
        gradient.index_put_(window, slope.mul_(weights_BK[..., None, None]))
        _clear_unweighted(gradient, weights_BK)
        ctx.gradient, ctx.dtype = gradient, maps_BKHW.dtype
        sums_BK = sums_BK + value.sum(dim=(2, 3))
        return torch.where(weights_BK > 0, sums_BK * weights_BK, 0.0).sum()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad_output):
        gradient, ctx.gradient = ctx.gradient, None
        assert gradient is not None, "the loss gives its gradient away: its backward pass runs once"
        return gradient.mul_(grad_output).to(ctx.dtype), None, None, None, None


def _windows(points_hm: torch.Tensor, size: tuple[int, int], sigma: float):
    """Index of the pixels [B, K, N, M] around each landmark, wholly inside the map, and the Gaussian's two factors there."""
    batch, num = points_hm.shape[:2]
    device = points_hm.device
    images, landmarks = torch.arange(batch, device=device), torch.arange(num, device=device)
    index, factors = [images[:, None, None, None], landmarks[None, :, None, None]], []
    reach = math.ceil(_REACH * sigma)
    for side, centre in zip(size, (points_hm[..., 1], points_hm[..., 0]), strict=True):
        length = min(2 * reach + 1, side)
        first = (centre.round().long() - reach).clamp(0, side - length)
        pixels = first[..., None] + torch.arange(length, device=device)
        factors.append(torch.exp((pixels - centre[..., None]).square() * (-1 / (2 * sigma**2))))
        index.append(pixels)
    index[2], index[3] = index[2][..., :, None], index[3][..., None, :]
    return tuple(index), *factors


def _dilate(factor: torch.Tensor) -> torch.Tensor:
    """3-px maximum; the 3x3 maximum of an outer product of positive factors is the product of theirs."""
    return torch.nn.functional.max_pool1d(factor, 3, stride=1, padding=1)


def _background(maps_KHW: torch.Tensor, weights_K: torch.Tensor, loss: LossConfig) -> torch.Tensor:
    """Loss of one image's maps against targets of 0, summed to [K]; the maps are overwritten by their weighted gradient.

    Bands of rows are dense in memory in both layouts, contiguous and channels_last.
    """
    num, height, width = maps_KHW.shape
    chunk = _CHUNK_CPU if maps_KHW.device.type == "cpu" else _CHUNK_GPU
    sums = maps_KHW.new_zeros(num)
    for band in maps_KHW.split(max(1, min(height, chunk // (num * width))), dim=1):
        sums += _BACKGROUNDS[loss.name](band, weights_K[:, None, None], loss)
    return sums


def _clear_unweighted(gradient: torch.Tensor, weights_BK: torch.Tensor) -> None:
    """0 times a map that is not finite is not 0."""
    unweighted = weights_BK <= 0
    # looking first is cheap on the CPU; a GPU would have to wait for the answer
    if gradient.device.type != "cpu" or unweighted.any():
        gradient.masked_fill_(unweighted[:, :, None, None], 0.0)


def _straight_part(exponent, loss: LossConfig):
    """Slope A and offset C of Adaptive Wing's straight part for the exponent alpha - y, a tensor or a number."""
    ratio = loss.theta / loss.epsilon
    power = ratio**exponent
    slope = loss.omega * exponent * power / (ratio * loss.epsilon * (1 + power))
    return slope, loss.theta * slope - loss.omega * (torch.log1p(power) if torch.is_tensor(power) else math.log1p(power))


def _adaptive_wing(predicted, target, loss):
    """Value and slope dL/dp.

    At distance 0 the logarithm is -inf, and both are exactly 0, as the exponent alpha - y is above 1.
    Source: Wang, Bo, Fuxin, "Adaptive Wing Loss for Robust Face Alignment", ICCV 2019, eq. 5.
    """
    difference = predicted - target
    distance, exponent = difference.abs(), loss.alpha - target
    scaled = distance / loss.epsilon
    slope = torch.exp_((exponent - 1) * torch.log(scaled))
    power = slope * scaled
    straight_slope, offset = _straight_part(exponent, loss)
    far = distance >= loss.theta
    value = torch.where(far, straight_slope * distance - offset, loss.omega * torch.log1p(power))
    slope = torch.where(far, straight_slope, slope * exponent * (loss.omega / loss.epsilon) / (power + 1))
    return value, torch.copysign(slope, difference)


def _adaptive_wing_background(band, weights, loss):
    """The same for targets of 0, where exponent, A and C are numbers; in place, as most of a step's loss is spent here."""
    distance = band.abs()
    far = distance >= loss.theta
    # of a network past its first steps, no background pixel is that far off
    any_far = distance.device.type != "cpu" or bool(far.any())
    straight_slope, offset = _straight_part(loss.alpha, loss)
    straight = distance * straight_slope - offset if any_far else None
    if loss.epsilon != 1:
        distance.div_(loss.epsilon)
    slope = torch.log(distance).mul_(loss.alpha - 1).exp_()
    power = distance.mul_(slope)
    value = torch.log1p(power).mul_(loss.omega)
    slope.div_(power.add_(1)).mul_(loss.alpha * loss.omega / loss.epsilon)
    if any_far:
        value = torch.where(far, straight, value)
        slope.masked_fill_(far, straight_slope)
    torch.copysign(slope.mul_(weights), band, out=band)
    return value.sum(dim=(1, 2))


def _mse(predicted, target, loss):
    difference = predicted - target
    return difference.square(), 2 * difference


def _mse_background(band, weights, loss):
    value = band.square().sum(dim=(1, 2))
    band.mul_(2 * weights)
    return value


_FORMULAS = {"adaptive_wing": _adaptive_wing, "mse": _mse}
_BACKGROUNDS = {"adaptive_wing": _adaptive_wing_background, "mse": _mse_background}
