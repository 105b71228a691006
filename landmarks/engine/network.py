"""The network and its optimizer as the loop calls them: torch's switches, norms, compilation."""

import logging
import math
import os
from dataclasses import replace

import cv2
import torch
from torch import nn

from landmarks.config import Config
from landmarks.data.resources import keep_freed_memory, usable_cores
from landmarks.device import choose_device, unusable_card, usable_precision
from landmarks.distributed import RankInfo, join, rank_info
from landmarks.engine.memory import cap_memory
from landmarks.tasks.task import Network
from landmarks.trainconfig import TrainConfig

log = logging.getLogger(__name__)


def set_up(config: Config) -> tuple[torch.device, RankInfo]:
    """The device and the ranks of this process, torch's switches set.

    Raises: ValueError where there is no such device, or not for this precision.
    """
    device = choose_device(config.train.device, rank_info().local_rank)
    here = join(device.type)
    if device.type == "cpu" and config.train.precision == "fp16":
        why = unusable_card() or "write bf16 or fp32 (e.g. train.precision=bf16)"
        raise ValueError(f"train.precision: fp16 needs a CUDA device; {why}")
    set_up_torch(config, device)
    return device, here


def settle_precision(config: Config, device: torch.device, saved: dict | None) -> Config:
    """A number format where `train.precision` is auto: the resumed run's, or what suits the device."""
    if config.train.precision != "auto":
        return config
    before = saved["config"]["train"]["precision"] if saved else "auto"
    precision = usable_precision(before, device)
    log.info(f"train.precision: auto -> {precision}")
    return replace(config, train=replace(config.train, precision=precision))


def set_up_torch(config: Config, device: torch.device) -> None:
    cv2.setNumThreads(0)
    if device.type == "cpu":
        keep_freed_memory()
        # a container's share of the processor, not the host's cores: threads without a core of their own wait in line
        automatic = max(1, min(torch.get_num_threads(), usable_cores() // rank_info().local_size))
        torch.set_num_threads(config.train.threads or automatic)
    if config.train.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = not config.train.deterministic
        torch.backends.cudnn.allow_tf32 = True  # convolutions; the network has no other products
    if line := cap_memory(config.train, device):
        log.warning(line)


def prepare_norms(model: nn.Module, batch_norm: str, device: torch.device) -> nn.Module:
    """BatchNorm over each process's own images, over all processes' (sync), or with its statistics frozen.

    Raises: ValueError where sync is asked for on the CPU.
    """
    if batch_norm == "sync":
        if device.type != "cuda":
            raise ValueError("train.batch_norm: sync needs CUDA; write local or frozen")
        return nn.SyncBatchNorm.convert_sync_batchnorm(model)
    return model


def start_training_mode(model: nn.Module, batch_norm: str) -> None:
    """Training mode; norms that are frozen, by setting or with their part, stay in eval mode, which `train()` would end."""
    model.train()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            held = module.weight is not None and not module.weight.requires_grad
            module.train(not (held or batch_norm == "frozen"))


def freeze_backbone(model: Network, share: float) -> None:
    """Lets this share of the backbone's units learn, those nearest to its output; the head always learns."""
    units = model.backbone_units()
    frozen = len(units) - math.ceil(share * len(units))
    for number, unit in enumerate(units):
        unit.requires_grad_(number >= frozen)


def make_optimizer(model: Network, train: TrainConfig, *, backbone_apart: bool = False) -> torch.optim.Optimizer:
    """The optimizer that `train.optimizer` names; norms and biases are not decayed.

    Args:
        backbone_apart: the backbone's weights are groups of their own, because some stage gives them another rate.
    """
    kept = {id(p) for p in model.undecayed()}
    apart = {id(p) for unit in model.backbone_units() for p in unit.parameters()} if backbone_apart else set()
    kernels = [p for p in model.parameters() if p.ndim > 1 and id(p) not in kept]
    others = [p for p in model.parameters() if p.ndim <= 1] + model.undecayed()
    groups = []
    for weights, decay in ((kernels, train.weight_decay), (others, 0.0)):
        groups.append({"params": [p for p in weights if id(p) not in apart], "weight_decay": decay})
        if backbone_apart:
            groups.append({"params": [p for p in weights if id(p) in apart], "weight_decay": decay, "backbone": True})
    if train.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=train.lr, momentum=train.momentum, fused=True)
    kind = torch.optim.AdamW if train.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, lr=train.lr, fused=True)


def load_optimizer(optimizer: torch.optim.Optimizer, saved: dict) -> None:
    """Takes over the moments; settings stay this run's, and moments lie in memory as their weights do.

    A fused optimizer walks weights and moments in one order, so moments of another memory layout would go to other weights.
    """
    decays = [group["weight_decay"] for group in optimizer.param_groups]
    optimizer.load_state_dict(saved)
    for group, decay in zip(optimizer.param_groups, decays, strict=True):
        group["weight_decay"] = decay
    for weight, moments in optimizer.state.items():
        for name, value in moments.items():
            if value is not None and value.shape == weight.shape and value.stride() != weight.stride():
                moments[name] = torch.empty_like(weight).copy_(value)


def compile_network(model: Network, device: torch.device) -> nn.Module:
    """The compiled network, or the plain one with a line where this platform has no working compiler."""
    try:
        # a trial on something small: it shows in seconds whether kernels can be built, and leaves the network alone
        small = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU()).to(device)
        torch.compile(small)(torch.zeros(2, 1, 16, 16, device=device)).sum().backward()
    except Exception as error:  # a missing compiler shows as one of many classes
        why = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:120]}"
        log.warning(f"train.compile: no working compiler here ({why}); training continues without it")
        return model
    # one kernel set a shape: shapes stay the same over a run but for the last batch of an epoch
    return torch.compile(model, dynamic=False)
