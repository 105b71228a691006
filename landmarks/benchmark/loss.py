"""Time and memory of the loss, forward and backward, beside the plain formula with materialised targets."""

import argparse
import time
from collections.abc import Callable

import torch

from landmarks.benchmark.clock import at_least_one, wait_for
from landmarks.benchmark.plain import plain_wing
from landmarks.config import LossConfig
from landmarks.device import choose_device
from landmarks.engine.account import LiveMemory
from landmarks.metrics import format_table
from landmarks.tasks.landmarks.heatmap import encode
from landmarks.tasks.landmarks.loss import heatmap_loss_sum
from landmarks.trainconfig import DEVICES

_SIGMA = 2.0
_LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--shape", type=at_least_one, nargs=4, default=(2, 29, 256, 256), metavar=("B", "K", "H", "W"),
                        help="images, landmarks, height and width of the maps (default: 2 29 256 256)")  # fmt: skip
    parser.add_argument("--repeats", type=at_least_one, default=7, help="passes that are measured; the fastest counts")
    parser.add_argument("--device", default="auto", choices=DEVICES, help="where to measure (default: auto)")


def run(args: argparse.Namespace) -> dict:
    """Prints the table and returns its figures. Raises: ValueError for a user's reason."""
    device = choose_device(args.device)
    found = [measure_loss(kind, layout, args.shape, args.repeats, device) for kind in ("early", "noisy") for layout in _LAYOUTS]
    columns = ("plain ms", "own ms", "times faster", "plain peak MiB", "own peak MiB", "relative difference")
    rows = [[f["maps"], *(f"{f[c]:.1e}" if f[c] < 0.01 else f"{f[c]:.1f}" for c in columns)] for f in found]
    print(format_table(["maps", *columns], rows))
    return {"figures": found, "device": str(device), "shape": list(args.shape)}


def measure_loss(kind: str, layout: str, shape: tuple[int, ...], repeats: int, device: torch.device) -> dict:
    """early: maps half as high as they should be; noisy: noise of 0.3, every tenth pixel on the loss's straight part."""
    torch.manual_seed(0)
    points = torch.rand(*shape[:2], 2) * (torch.tensor([shape[3], shape[2]]) - 1)
    targets = encode(points, shape[2:], _SIGMA)
    noise = torch.randn(shape)
    maps = 0.5 * targets + 0.02 * noise if kind == "early" else targets + 0.3 * noise
    maps, points = maps.to(device).contiguous(memory_format=_LAYOUTS[layout]), points.to(device)
    weights, loss = torch.ones(shape[:2], device=device), LossConfig()

    def plain(maps: torch.Tensor) -> torch.Tensor:
        return plain_wing(maps, encode(points, shape[2:], _SIGMA), loss) * maps.numel()

    def own(maps: torch.Tensor) -> torch.Tensor:
        return heatmap_loss_sum(maps, points, weights, _SIGMA, loss)

    best = {plain: float("inf"), own: float("inf")}
    for _ in range(repeats + 1):
        for form in best:
            best[form] = min(best[form], _seconds(form, maps, device))
    exact = plain(maps.double()).item()
    return {
        "maps": f"{kind}, {layout}",
        "plain ms": 1000 * best[plain],
        "own ms": 1000 * best[own],
        "times faster": best[plain] / best[own],
        "plain peak MiB": _peak_mib(plain, maps),
        "own peak MiB": _peak_mib(own, maps),
        "relative difference": abs(own(maps.requires_grad_()).item() - exact) / exact,
    }


def _seconds(form: Callable, maps: torch.Tensor, device: torch.device) -> float:
    leaf = maps.detach().requires_grad_()
    wait_for(device)
    start = time.perf_counter()
    form(leaf).backward()
    wait_for(device)
    return time.perf_counter() - start


def _peak_mib(form: Callable, maps: torch.Tensor) -> float:
    """What the passes add at most to the maps, the gradient included."""
    leaf, memory = maps.detach().requires_grad_(), LiveMemory()
    memory.leave_out(leaf)
    with memory:
        form(leaf).backward()
    return memory.peak / 2**20
