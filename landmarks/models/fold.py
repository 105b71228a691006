"""For prediction: BatchNorm folded into the convolutions before it, which gives the same maps with a third fewer passes.

And back, to fine-tune a network that was exported.
"""

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


@torch.no_grad()
def unfold_norms(model: HRNet, weights: dict[str, torch.Tensor]) -> None:
    """Gives a network the weights of one with folded norms: the same maps, as long as the norms' statistics stay frozen.

    Args:
        weights: of the convolutions, by name, with the biases that folding gave them.
    Raises: KeyError where one is missing, RuntimeError where a shape differs.
    """
    state = model.state_dict()
    for prefix, module in model.named_modules():
        before = ""
        for name, child in module.named_children():
            path = f"{prefix}.{name}" if prefix else name
            if isinstance(child, nn.Conv2d):
                state[f"{path}.weight"] = weights[f"{path}.weight"]
                if child.bias is not None:
                    state[f"{path}.bias"] = weights[f"{path}.bias"]
            elif isinstance(child, nn.BatchNorm2d):
                # the head's norm follows a sum of convolutions, of which the first has its shift
                state[f"{path}.bias"] = weights[f"{before or 'head.join.0'}.bias"]
                state[f"{path}.weight"] = torch.ones_like(child.weight)
                state[f"{path}.running_mean"] = torch.zeros_like(child.running_mean)
                state[f"{path}.running_var"] = torch.full_like(child.running_var, 1 - child.eps)
            before = path if isinstance(child, nn.Conv2d) else ""
    model.load_state_dict(state)


def _fold_head(head: V2Head) -> None:
    """The head's norm follows a sum of convolutions: each takes its factor, the first its shift."""
    norm = head.norm
    factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    for conv in head.join:
        conv.weight.mul_(factor[:, None, None, None])
    head.join[0].bias = nn.Parameter(norm.bias - norm.running_mean * factor, requires_grad=False)
    head.norm = nn.Identity()
