"""HRNet: timm's stages under our own forward, which recomputes activations where that saves memory."""

import contextlib
from collections.abc import Callable, Sequence
from functools import partial

import timm
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from landmarks.models.head import Stride4Head, V2Head

# What each recompute level covers; a level includes those before it.
_LEVELS = {"none": 0, "stem": 1, "stride4": 2, "stride8": 3, "all": 4}


# Mean and spread of ImageNet's images over the three colours, for pixels from 0 to 1.
_MEAN, _STD = 0.449, 0.226


class HRNet(nn.Module):
    """Gray images uint8 [B, 1, H, W] -> landmark maps [B, K, H/4, W/4].

    Source: Wang et al., "Deep High-Resolution Representation Learning for Visual Recognition", TPAMI 2020.
    """

    def __init__(self, backbone: nn.Module, head: nn.Module, *, recompute: str = "none") -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.recompute = _LEVELS[recompute]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        net = self.backbone
        x = (images.float() / 255 - _MEAN) / _STD
        # a copy a colour, because ImageNet weights expect three
        x = x.expand(-1, net.conv1.in_channels, -1, -1)
        x = self._run(1, (net.bn1, net.bn2), self._stem, x)
        for block in net.layer1:
            x = self._run(1, (block,), block, x)
        branches = [x]
        for transition, stage in (
            (net.transition1, net.stage2),
            (net.transition2, net.stage3),
            (net.transition3, net.stage4),
        ):
            branches = self._widen(transition, branches)
            for module in stage:
                branches = self._module(module, branches)
        return self.head(branches)

    def _stem(self, x: torch.Tensor) -> torch.Tensor:
        net = self.backbone
        x = net.act1(net.bn1(net.conv1(x)))
        return net.act2(net.bn2(net.conv2(x)))

    def _widen(self, transition: nn.ModuleList, branches: list[torch.Tensor]) -> list[torch.Tensor]:
        """Adds the next coarser branch; the existing ones pass, or change their width after layer1."""
        pairs = [(t, branches[min(i, len(branches) - 1)]) for i, t in enumerate(transition)]
        return [t(x) for t, x in pairs]

    def _module(self, module: nn.Module, branches: list[torch.Tensor]) -> list[torch.Tensor]:
        """One exchange unit: each branch by itself, then every branch into every other."""
        branches = [self._branch(i, blocks, x) for i, (blocks, x) in enumerate(zip(module.branches, branches, strict=True))]
        fused = []
        for layers in module.fuse_layers:
            fused.append(self._run(4, (layers,), partial(_fuse, layers, module.fuse_act), *branches))
        return fused

    def _branch(self, index: int, blocks: nn.Sequential, x: torch.Tensor) -> torch.Tensor:
        """Branch 0 has stride 4, branch 1 stride 8, the coarser ones are small."""
        level = min(index + 2, 4)
        for block in blocks:
            x = self._run(level, (block,), block, x)
        return x

    def _run(self, level: int, owners: Sequence[nn.Module], part: Callable, *inputs: torch.Tensor) -> torch.Tensor:
        """One part of the network, whose layers `owners` hold; recomputed in the backward pass where asked for."""
        if not (self.training and self.recompute >= level and torch.is_grad_enabled()):
            return part(*inputs)
        return checkpoint(part, *inputs, use_reentrant=False, context_fn=lambda: _hold_statistics(owners))


def _fuse(layers: nn.ModuleList, act: nn.Module, *branches: torch.Tensor) -> torch.Tensor:
    """Sum of all branches at one resolution."""
    total = layers[0](branches[0])
    for layer, x in zip(layers[1:], branches[1:], strict=True):
        total = total + layer(x)
    return act(total)


def _hold_statistics(owners: Sequence[nn.Module]):
    """Contexts of the two passes of a checkpoint: the second one must not move BatchNorm's running statistics."""
    norms = [m for owner in owners for m in owner.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]

    @contextlib.contextmanager
    def second_pass():
        held = [(norm, norm.momentum, norm.num_batches_tracked.clone()) for norm in norms]
        for norm in norms:
            norm.momentum = 0.0
        try:
            yield
        finally:
            for norm, momentum, count in held:
                norm.momentum = momentum
                norm.num_batches_tracked.copy_(count)

    return contextlib.nullcontext(), second_pass()


def build_hrnet(
    name: str,
    *,
    num_landmarks: int,
    in_channels: int = 1,
    head: str = "v2",
    head_channels: int = 0,
    recompute: str = "none",
) -> HRNet:
    """A randomly initialised HRNet of timm with a landmark head.

    Raises: ValueError where timm knows no such HRNet.
    """
    try:
        backbone = timm.create_model(name, features_only=True, feature_location="", in_chans=in_channels)
    except RuntimeError as error:
        known = ", ".join(timm.list_models("hrnet_*"))
        raise ValueError(f"model.backbone: unknown HRNet '{name}'; timm has {known}") from error
    widths = backbone.feature_info.channels()[1:]
    if head == "stride4":
        # only the finest branch is read: the last exchange unit's other outputs would never see a gradient
        last = backbone.stage4[-1]
        last.fuse_layers = last.fuse_layers[:1]
        return HRNet(backbone, Stride4Head(widths[0], num_landmarks), recompute=recompute)
    return HRNet(backbone, V2Head(widths, num_landmarks, head_channels or sum(widths)), recompute=recompute)
