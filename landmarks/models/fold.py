"""For prediction: BatchNorm folded into the convolutions before it, which gives the same maps with a third fewer passes."""

import copy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from landmarks.models.heads import V2Head
from landmarks.models.hrnet import HRNet


@torch.no_grad()
def fold_norms(model: HRNet) -> HRNet:
    """A copy in eval mode whose convolutions do their BatchNorm's work; it cannot be trained, nor its weights saved."""
    folded = copy.deepcopy(model).eval().requires_grad_(False)
    for module in list(folded.modules()):
        before = None
        for name, child in list(module.named_children()):
            if isinstance(child, nn.BatchNorm2d) and before is not None:
                # in timm's blocks and sequences every norm follows the convolution that is declared before it
                setattr(module, before, fuse_conv_bn_eval(getattr(module, before), child))
                setattr(module, name, nn.Identity())
            before = name if isinstance(child, nn.Conv2d) else before
    if isinstance(folded.head, V2Head):
        _fold_head(folded.head)
    return folded


def _fold_head(head: V2Head) -> None:
    """The head's norm follows a sum of convolutions: each takes its factor, the first its shift."""
    norm = head.norm
    factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    for conv in head.join:
        conv.weight.mul_(factor[:, None, None, None])
    head.join[0].bias = nn.Parameter(norm.bias - norm.running_mean * factor, requires_grad=False)
    head.norm = nn.Identity()
