"""Real training steps on random images: what a choice of the planner takes on the card that is here."""

import statistics
import time
from dataclasses import replace

import torch

from landmarks.config import Config
from landmarks.device import autocast, is_out_of_memory
from landmarks.engine.ema import Ema
from landmarks.engine.memory import CONTEXT_BYTES, MIB
from landmarks.engine.network import make_optimizer, set_up_torch
from landmarks.engine.planner import Choice, num_landmarks
from landmarks.geometry import input_to_heatmap
from landmarks.models.build import build_model
from landmarks.tasks.landmarks.loss import heatmap_loss_sum

_WARM_UP, _STEPS = 2, 5


def measure_choices(config: Config, choices: list[Choice], memory: int) -> dict[int, tuple[float, float]]:
    """Measures every choice that should fit: position -> (MiB in all, seconds a step); one that did not fit has inf."""
    device = torch.device("cuda", torch.cuda.current_device())
    config = replace(config, train=replace(config.train, memory_limit=f"{memory // MIB}MB"))
    set_up_torch(config, device)
    found = {}
    for number, choice in enumerate(choices):
        if choice.fits:
            found[number] = _measure_or_inf(config, choice, device)
            # outside the handler, where no traceback keeps the step's tensors alive
            torch.cuda.empty_cache()
    return found


def _measure_or_inf(config: Config, choice: Choice, device: torch.device) -> tuple[float, float]:
    try:
        return _measure(config, choice, device)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return float("inf"), float("inf")


def _measure(config: Config, choice: Choice, device: torch.device) -> tuple[float, float]:
    train, size = config.train, config.data.image_size
    model = build_model(replace(config.model, pretrained=False), num_landmarks(config), recompute=choice.recompute)
    model = model.to(device, memory_format=torch.channels_last if train.channels_last else torch.preserve_format).train()
    ema = Ema(model, 100.0) if train.ema_epochs else None
    optimizer = make_optimizer(model, train.lr, train.weight_decay)
    scaler = torch.amp.GradScaler(device.type, enabled=train.precision == "fp16")
    images = torch.randint(0, 256, (choice.micro_batch, 1, *size), dtype=torch.uint8, device=device)
    points_hm = input_to_heatmap(torch.rand(choice.micro_batch, num_landmarks(config), 2, device=device) * (min(size) - 1))
    weights = torch.ones(points_hm.shape[:2], device=device)
    times = []
    for number in range(_WARM_UP + _STEPS):
        torch.cuda.synchronize(device)
        if number == _WARM_UP:  # to choose its kernels, cuDNN tries some that take far more than a step needs
            torch.cuda.empty_cache()  # and what they took stays reserved
            torch.cuda.reset_peak_memory_stats(device)
        start = time.perf_counter()
        for _ in range(choice.accumulate):
            with autocast(device, train.precision):
                maps = model(images)
            total = heatmap_loss_sum(maps, points_hm, weights, config.heatmap.sigma, config.loss) / maps[0, 0].numel()
            del maps
            scaler.scale(total).backward()
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(model.parameters(), train.clip_norm or float("inf"))
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad(set_to_none=True)
        if ema:
            ema.update(model)
        torch.cuda.synchronize(device)
        times.append(time.perf_counter() - start)
    return (torch.cuda.max_memory_reserved(device) + CONTEXT_BYTES) / MIB, statistics.median(times[_WARM_UP:])
