"""Exponential moving average (EMA) of a network's weights."""

import copy
import math

import torch
from torch import nn


class Ema:
    """Averages parameters and float buffers, copies integer buffers.

    The time constant is in optimizer steps; early on the average follows faster, (1 + t) / (10 + t), so that it does
    not keep the random start.
    """

    def __init__(self, model: nn.Module, time_constant: float) -> None:
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.set_time_constant(time_constant)
        self.num_updates = 0

    def set_time_constant(self, steps: float) -> None:
        self.decay = math.exp(-1 / steps)

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        self.num_updates += 1
        decay = min(self.decay, (1 + self.num_updates) / (10 + self.num_updates))
        pairs = list(zip(_tensors(self.model), _tensors(model), strict=True))
        averaged = [pair for pair in pairs if pair[0].is_floating_point()]
        copied = [pair for pair in pairs if not pair[0].is_floating_point()]
        torch._foreach_lerp_(*zip(*averaged, strict=True), 1 - decay)
        if copied:
            torch._foreach_copy_(*zip(*copied, strict=True))


def _tensors(model: nn.Module) -> list[torch.Tensor]:
    return [*model.parameters(), *model.buffers()]
