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
        self.decay = math.exp(-1 / time_constant)
        self.num_updates = 0

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        self.num_updates += 1
        decay = min(self.decay, (1 + self.num_updates) / (10 + self.num_updates))
        own, new = self.model.state_dict(), model.state_dict()
        floats = [key for key in own if own[key].is_floating_point()]
        torch._foreach_lerp_([own[key] for key in floats], [new[key] for key in floats], 1 - decay)
        for key in own.keys() - set(floats):
            own[key].copy_(new[key])
