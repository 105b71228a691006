"""Part 2: what the card computes, against the processor in double precision."""

import copy
import math
from dataclasses import replace

import torch

from landmarks.benchmark.card import runs
from landmarks.benchmark.card.bench import Bench
from landmarks.benchmark.card.checks import relative, verdict
from landmarks.config import Config, LossConfig
from landmarks.device import autocast
from landmarks.engine.measure import measured_learner
from landmarks.engine.network import set_up_torch
from landmarks.engine.step import train_window
from landmarks.tasks import task_type
from landmarks.tasks.landmarks.heatmap import decode, encode
from landmarks.tasks.landmarks.loss import heatmap_loss_sum
from landmarks.tasks.task import Network, Task
from landmarks.trainconfig import RECOMPUTE_LEVELS

_SIGMA = 2.0
_LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
# Largest relative difference (norms) of the network's gradient. Those of the halves are about three times what the same
# network gives on a processor in bf16; tf32 keeps 10 bits of a factor, as fp16 does.
_GRADIENT_LIMITS = {"fp32": 1e-3, "tf32": 0.1, "fp16": 0.1, "bf16": 0.4}
_OVERFLOWS = 2.0**40


def run(bench: Bench) -> None:
    bench.item("ranks", lambda: runs.ranks(bench), need=15)  # before this process has used the device
    bench.item("loss", lambda: _loss(bench.device, bench.dry))
    bench.item("decoder", lambda: _decoder(bench.device, bench.dry))
    config = bench.recipe("1024_rtx3070ti", "model.backbone=hrnet_w18", "data.image_size=[256,256]")
    set_up_torch(config, bench.device)
    task = task_type(config).from_settings(config)
    for precision in _GRADIENT_LIMITS if bench.device.type == "cuda" else ("bf16",):
        bench.item(f"gradient {precision}", lambda precision=precision: _gradient(config, task, precision, bench.device))
    bench.item("recompute", lambda: _recompute(config, task, bench.device))
    bench.item("overflow", lambda: _overflow(config, task, bench.device))
    runs.run(bench)


def _loss(device: torch.device, dry: bool) -> dict:
    """Value and gradient of the loss on maps of each precision and layout."""
    size, num = (64, 48) if dry else (256, 208), 29
    generator = torch.Generator().manual_seed(1)
    points_hm = torch.rand(2, num, 2, generator=generator) * torch.tensor([size[1] - 1.0, size[0] - 1.0])
    weights = torch.ones(2, num)
    weights[0, 3] = 0
    noise = 0.3 * torch.randn(2, num, *size, generator=generator)
    found, limits = {}, {}
    for dtype, value, slope in ((torch.float32, 1e-5, 1e-5), (torch.float16, 1e-5, 1e-3), (torch.bfloat16, 1e-5, 1e-2)):
        maps = (encode(points_hm, size, _SIGMA) + noise).to(dtype)
        wanted, wanted_slope = _loss_and_slope(maps.float(), points_hm, weights)
        for layout, form in _LAYOUTS.items():
            there = maps.to(device).contiguous(memory_format=form)
            total, gradient = _loss_and_slope(there, points_hm.to(device), weights.to(device))
            name = f"{str(dtype).removeprefix('torch.')} {layout}"
            found |= {f"{name} value": relative(total, wanted), f"{name} gradient": relative(gradient, wanted_slope)}
            limits |= {f"{name} value": value, f"{name} gradient": slope}
    return verdict(limits, found)


def _loss_and_slope(maps, points_hm, weights) -> tuple[torch.Tensor, torch.Tensor]:
    maps = maps.detach().requires_grad_()
    total = heatmap_loss_sum(maps, points_hm, weights, _SIGMA, LossConfig())
    total.backward()
    return total, maps.grad


def _decoder(device: torch.device, dry: bool) -> dict:
    """Points of the same maps, decoded here and there, and against the points that the maps were made of."""
    size = (64, 48) if dry else (256, 208)
    points_hm = 4 + torch.rand(2, 29, 2, generator=torch.Generator().manual_seed(2)) * (torch.tensor(size[::-1]) - 9.0)
    maps = encode(points_hm, size, _SIGMA)
    there = decode(maps.to(device), _SIGMA).points_hm.cpu()
    between = (there - decode(maps, _SIGMA).points_hm).abs().max()
    return verdict(
        {"card to processor, heatmap px": 1e-3, "to the truth, heatmap px": 1e-3},
        {"card to processor, heatmap px": float(between), "to the truth, heatmap px": float((there - points_hm).abs().max())},
    )


def gradient_of(network: Network, task: Task, images: torch.Tensor, precision: str) -> torch.Tensor:
    """Gradient of the loss of one batch at the task's example of a target, all parameters in one vector."""
    device = images.device
    example = task.targets.example()
    target = type(example)(*(value.expand(len(images), *value.shape).to(device) for value in example))
    with autocast(device, precision):
        outputs = network(images)
    network.zero_grad(set_to_none=True)
    if outputs.dtype == torch.float64:  # the loss works in float32: its slope is that of these maps
        maps = outputs.detach().float().requires_grad_()
        task.loss_sum(maps, target).backward()
        outputs.backward(maps.grad.double())
    else:
        task.loss_sum(outputs, target).backward()
    return torch.cat([p.grad.flatten().cpu().double() for p in network.parameters()])


def _gradient(config: Config, task: Task, precision: str, device: torch.device) -> dict:
    """The network's gradient in one precision against double precision on the processor."""
    torch.manual_seed(0)
    network = task.build_network(pretrained=False, recompute="none").train()
    images = torch.randint(0, 256, (2, 1, *config.data.image_size), dtype=torch.uint8)
    reference = gradient_of(copy.deepcopy(network).double(), task, images, "fp32")
    allowed = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    try:
        there = network.to(device, memory_format=torch.channels_last)
        found = gradient_of(there, task, images.to(device), "fp32" if precision == "tf32" else precision)
    finally:
        torch.backends.cudnn.allow_tf32 = allowed
    return verdict({"gradient": _GRADIENT_LIMITS[precision]}, {"gradient": relative(found, reference)})


def _recompute(config: Config, task: Task, device: torch.device) -> dict:
    """Gradients and BatchNorm's statistics of every level against none."""
    torch.manual_seed(0)
    network = task.build_network(pretrained=False, recompute="none").to(device).train()
    start = copy.deepcopy(network.state_dict())
    images = torch.randint(0, 256, (2, 1, *config.data.image_size), dtype=torch.uint8).to(device)
    found, wanted = {}, None
    for level in RECOMPUTE_LEVELS:
        network.load_state_dict(start)
        network.recompute = level
        gradient = gradient_of(network, task, images, "fp32")
        statistics = torch.cat([b.double().flatten().cpu() for b in network.buffers()])
        wanted = wanted or (gradient, statistics)
        found[f"{level} gradient"] = relative(gradient, wanted[0])
        found[f"{level} statistics"] = relative(statistics, wanted[1])
    # sums on a card are added up in another order each time; with tf32 their rounding is coarser
    return verdict({name: 1e-2 if device.type == "cuda" else 1e-4 for name in found}, found)


def _overflow(config: Config, task: Task, device: torch.device) -> dict:
    """A loss scale at which fp16 gradients overflow: the step is skipped, the scale halved, and the next one is taken."""
    config = replace(config, train=replace(config.train, precision="fp16", batch_size=2, accumulate=1))
    learner, window = measured_learner(config, task, device)
    train_window(learner, window)
    before = {key: value.clone() for key, value in learner.model.state_dict().items()}
    learner.scaler.load_state_dict(learner.scaler.state_dict() | {"scale": _OVERFLOWS})
    skipped = train_window(learner, window)
    same = all(torch.equal(value, before[key]) for key, value in learner.model.state_dict().items())
    halved = learner.scaler.get_scale() == _OVERFLOWS / 2
    learner.scaler.load_state_dict(learner.scaler.state_dict() | {"scale": 2.0**10})
    taken = train_window(learner, window)
    facts = {
        "the step is skipped": not skipped.stepped and not math.isfinite(skipped.grad_norm),
        "weights and statistics stay": same,
        "the scale is halved": halved,
        "the next step is taken": taken.stepped and math.isfinite(taken.loss_sum),
    }
    return {"ok": all(facts.values()), **facts}
