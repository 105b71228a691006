"""Losses of stages, in float32. B images, C = 6 stages in their order."""

import torch
from torch.nn import functional

from landmarks.cervical import STAGES
from landmarks.cvmconfig import CvmConfig


def stage_losses(scores_BC: torch.Tensor, target_BC: torch.Tensor, settings: CvmConfig) -> torch.Tensor:
    """Loss [B] of each image; `target_BC` are probabilities.

    Example:
        loss = (stage_losses(network(images), target.probabilities, config.cvm) * target.weight).sum()
    """
    if settings.loss == "ordinal":
        return ordinal(scores_BC.float(), target_BC)
    log_BC = functional.log_softmax(scores_BC.float(), dim=1)
    if settings.loss == "focal":
        alpha_C = torch.tensor([settings.focal_alpha.get(stage, 1.0) for stage in STAGES], device=log_BC.device)
        return focal(log_BC, target_BC, settings.focal_gamma, alpha_C)
    return -(target_BC * log_BC).sum(dim=1)


def focal(log_BC: torch.Tensor, target_BC: torch.Tensor, gamma: float, alpha_C: torch.Tensor) -> torch.Tensor:
    """Cross entropy, each stage's term times alpha (1 - p)^gamma.

    Source: Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, eq. 5.
    """
    # 1 - p rounds to at least 1e-7, where the slope of a power below 1 would be infinite
    rest_BC = (1 - log_BC.exp()).clamp_min(1e-7)
    return -(alpha_C * target_BC * rest_BC**gamma * log_BC).sum(dim=1)


def ordinal(scores_BC: torch.Tensor, target_BC: torch.Tensor) -> torch.Tensor:
    """Sum over the five borders between stages of the cross entropy of "the stage lies above it".

    The probability above a border is the sum of the stages' there, so that it falls from border to border.
    Source: Frank, Hall, "A Simple Approach to Ordinal Classification", ECML 2001; Niu et al., CVPR 2016.
    """
    below_BC = torch.logcumsumexp(scores_BC, dim=1)
    above_BC = torch.logcumsumexp(scores_BC.flip(1), dim=1).flip(1)
    total_B1 = below_BC[:, -1:]
    target_below_BC = target_BC.cumsum(dim=1)[:, :-1].clamp(0, 1)
    terms = target_below_BC * (below_BC[:, :-1] - total_B1) + (1 - target_below_BC) * (above_BC[:, 1:] - total_B1)
    return -terms.sum(dim=1)
