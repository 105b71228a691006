"""HRNet: timm's stages under our own forward, which recomputes activations where that saves memory."""

import contextlib
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from landmarks.trainconfig import RECOMPUTE_LEVELS

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
        self.recompute = recompute
        """Level of `train.recompute`; a level includes those before it. May change between steps."""
        self.register_buffer("trained", None, persistent=False)

    def train_only(self, which: list[int]) -> None:
        """From now on training passes give the maps of these landmarks alone; passes in eval mode still give all K."""
        self.trained = torch.tensor(which, device=self.backbone.conv1.weight.device)

    def undecayed(self) -> list[nn.Parameter]:
        """Where some landmarks alone are trained, decay would wear down the filters of the others."""
        return [self.head.final.weight] if self.trained is not None else []

    def backbone_units(self) -> list[nn.Module]:
        """Stem, layer1, and each exchange unit, from input to output."""
        net = self.backbone
        stages = ((net.transition1, net.stage2), (net.transition2, net.stage3), (net.transition3, net.stage4))
        exchanges = [[*(() if i else (widen,)), unit] for widen, stage in stages for i, unit in enumerate(stage)]
        return [nn.ModuleList(parts) for parts in ([net.conv1, net.bn1, net.conv2, net.bn2], [net.layer1], *exchanges)]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        net = self.backbone
        x = ((images.float() / 255 - _MEAN) / _STD).to(net.conv1.weight.dtype)
        # a copy a colour, because ImageNet weights expect three
        x = x.expand(-1, net.conv1.in_channels, -1, -1)
        x = self._run("stem", (net.bn1, net.bn2), self._stem, x)
        x = self._run("stem", (net.layer1,), net.layer1, x)
        branches = [x]
        for transition, stage in (
            (net.transition1, net.stage2),
            (net.transition2, net.stage3),
            (net.transition3, net.stage4),
        ):
            branches = self._widen(transition, branches)
            for module in stage:
                branches = self._run("all", (module,), partial(self._module, module), *branches)
        return self.head(branches, self.trained if self.training else None)

    def _stem(self, x: torch.Tensor) -> torch.Tensor:
        net = self.backbone
        x = net.act1(net.bn1(net.conv1(x)))
        return net.act2(net.bn2(net.conv2(x)))

    def _widen(self, transition: nn.ModuleList, branches: list[torch.Tensor]) -> list[torch.Tensor]:
        """Adds the next coarser branch; the existing ones pass, or change their width after layer1."""
        pairs = [(t, branches[min(i, len(branches) - 1)]) for i, t in enumerate(transition)]
        return [t(x) for t, x in pairs]

    def _module(self, module: nn.Module, *branches: torch.Tensor) -> list[torch.Tensor]:
        """One exchange unit: each branch by itself, then every branch into every other."""
        branches = [self._branch(i, blocks, x) for i, (blocks, x) in enumerate(zip(module.branches, branches, strict=True))]
        return [_fuse(layers, module.fuse_act, branches) for layers in module.fuse_layers]

    def _branch(self, index: int, blocks: nn.Sequential, x: torch.Tensor) -> torch.Tensor:
        """Branch 0 has stride 4, branch 1 stride 8, the coarser ones are small."""
        if index > 1 or self.recompute == "all":  # then the whole unit is recomputed, and nothing twice
            return blocks(x)
        for block in blocks:
            x = self._run(("stride4", "stride8")[index], (block,), block, x)
        return x

    def _run(self, level: str, owners: Sequence[nn.Module], part: Callable, *inputs: torch.Tensor):
        """One part of the network, whose layers `owners` hold; recomputed in the backward pass from this level on."""
        wanted = RECOMPUTE_LEVELS.index(self.recompute) >= RECOMPUTE_LEVELS.index(level)
        if not (wanted and self.training and torch.is_grad_enabled()):
            return part(*inputs)
        if torch.compiler.is_compiling():
            # the compiler takes every change of a buffer out of what it recomputes, and traces no contexts
            return checkpoint(part, *inputs, use_reentrant=False)
        # no layer draws random numbers, so no generator's state need be kept for the second pass
        return checkpoint(
            part, *inputs, use_reentrant=False, preserve_rng_state=False, context_fn=lambda: _hold_statistics(owners)
        )


def _fuse(layers: nn.ModuleList, act: nn.Module, branches: list[torch.Tensor]) -> torch.Tensor:
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
        held = [(norm, norm.momentum, norm.num_batches_tracked) for norm in norms]
        try:
            for norm, _, counter in held:
                # a share of 0 for the new batch leaves the averages as they are; what is counted, a spare counter takes
                norm.momentum, norm.num_batches_tracked = 0.0, torch.zeros_like(counter)
            yield
        finally:
            for norm, momentum, counter in held:
                norm.momentum, norm.num_batches_tracked = momentum, counter

    return contextlib.nullcontext(), second_pass()
