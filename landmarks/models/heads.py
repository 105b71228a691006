"""Heads: HRNet's branches -> one map a landmark at stride 4."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

# Maps start near 0, the value of nearly all of a target: larger first outputs waste the first hundred steps.
_FINAL_STD = 0.001


class V2Head(nn.Module):
    """All branches at stride 4, joined by a 1x1 convolution, then one map a landmark (HRNetV2).

    The joining convolution runs on each branch before it is upsampled and the results are added: the same function as
    convolving the concatenated branches, as both steps are linear, without ever holding the concatenation.
    """

    def __init__(self, widths: list[int], num_landmarks: int, channels: int) -> None:
        super().__init__()
        self.join = nn.ModuleList(nn.Conv2d(width, channels, 1, bias=False) for width in widths)
        self.norm = nn.BatchNorm2d(channels)
        self.final = nn.Conv2d(channels, num_landmarks, 1)
        for conv in self.join:
            # fan of the concatenation, not of the branch alone
            nn.init.normal_(conv.weight, std=(2 / sum(widths)) ** 0.5)
        _init_final(self.final)

    def forward(self, branches: list[torch.Tensor], which: torch.Tensor | None = None) -> torch.Tensor:
        """Maps of all landmarks, or of those that `which` numbers."""
        total = self.join[0](branches[0])
        for conv, x in zip(self.join[1:], branches[1:], strict=True):
            total = total + _enlarged(conv(x), total.shape[2:])
        return _maps(self.final, functional.relu(self.norm(total), inplace=True), which)


def _enlarged(x: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Bilinear interpolation to `size`; in an ONNX graph as products with two matrices.

    onnxruntime takes a quarter of a film's time for its own operator (docs/results/onnx.md).
    """
    if not torch.onnx.is_in_onnx_export():
        return functional.interpolate(x, size=size, mode="bilinear", align_corners=False)
    rows, columns = (_interpolation(int(num), int(wanted)) for num, wanted in zip(x.shape[2:], size, strict=True))
    return rows @ (x @ columns.T)


def _interpolation(num: int, wanted: int) -> torch.Tensor:
    """Matrix [wanted, num] of linear interpolation between pixel centres."""
    at = np.clip((np.arange(wanted) + 0.5) * num / wanted - 0.5, 0, num - 1)
    first = np.floor(at).astype(int)
    matrix = np.zeros((wanted, num), dtype=np.float32)
    matrix[np.arange(wanted), first] = 1 - (at - first)
    matrix[np.arange(wanted), np.minimum(first + 1, num - 1)] += at - first
    return torch.from_numpy(matrix)


class Stride4Head(nn.Module):
    """One 1x1 convolution on the finest branch (HRNetV1)."""

    def __init__(self, width: int, num_landmarks: int) -> None:
        super().__init__()
        self.final = nn.Conv2d(width, num_landmarks, 1)
        _init_final(self.final)

    def forward(self, branches: list[torch.Tensor], which: torch.Tensor | None = None) -> torch.Tensor:
        return _maps(self.final, branches[0], which)


def _maps(final: nn.Conv2d, x: torch.Tensor, which: torch.Tensor | None) -> torch.Tensor:
    """The last convolution, worked out for some landmarks alone; the others' filters get a gradient of 0."""
    if which is None:
        return final(x)
    return functional.conv2d(x, final.weight.index_select(0, which), final.bias.index_select(0, which))


def _init_final(conv: nn.Conv2d) -> None:
    nn.init.normal_(conv.weight, std=_FINAL_STD)
    nn.init.zeros_(conv.bias)
