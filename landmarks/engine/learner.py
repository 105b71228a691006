"""The learner of a run: network, averaged weights, optimizer and progress, which together are its state."""

from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import nn

from landmarks.config import Config
from landmarks.distributed import RankInfo, share_from_rank_0, sum_over_ranks
from landmarks.engine.checkpoint import (
    Progress,
    capture_generators,
    progress_from_dict,
    restore_generators,
    seed_generators,
)
from landmarks.engine.ema import Ema
from landmarks.engine.memory import WindowState, higher_level
from landmarks.engine.network import compile_network, freeze_backbone, load_optimizer, make_optimizer, prepare_norms
from landmarks.engine.stopping import Signals
from landmarks.tasks.saved import init_from
from landmarks.tasks.task import Network, Task


@dataclass(kw_only=True, slots=True)
class Learner:
    """What an optimizer step works with. What `state_dict` names is the state of a run; the rest follows from settings."""

    config: Config
    task: Task
    device: torch.device
    ranks: RankInfo
    model: Network
    net: nn.Module
    """What a step calls: the model, or its compiled form."""
    ema: Ema | None
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    window_state: WindowState
    progress: Progress
    windows_per_epoch: int
    """Accumulation windows, each an optimizer step."""
    share: int
    """Images that this process gets of a batch, at most."""
    signals: Signals = field(default_factory=Signals)

    @property
    def shown(self) -> Network:
        """The network that validates and predicts: with the averaged weights where there are any."""
        return self.ema.model if self.ema else self.model

    def enter_stage(self, config: Config, *, num_batches: int, share: int) -> None:
        """Works with other settings from the next window on; weights, moments and averages stay as they are."""
        train = config.train
        self.config, self.share = config, share
        self.windows_per_epoch = -(-num_batches // train.accumulate)
        self.model.recompute = higher_level(train.recompute, self.progress.recompute)
        if self.ema:
            self.ema.set_time_constant(train.ema_epochs * self.windows_per_epoch)
        freeze_backbone(self.model, train.backbone_share)

    def is_asked_to_stop(self) -> bool:
        """Whether a signal asks some process to stop; every process gets the same answer."""
        return bool(sum_over_ranks(torch.tensor(int(bool(self.signals.stop)))))

    def state_dict(self) -> dict:
        """Plain tensors, numbers and dicts, from which `load_state_dict` continues bit for bit."""
        return {
            "model": self.model.state_dict(),
            "ema": self.ema.model.state_dict() if self.ema else None,
            "ema_updates": self.ema.num_updates if self.ema else 0,
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "progress": asdict(self.progress),
            "generators": capture_generators(),
        }

    def load_state_dict(self, saved: dict) -> None:
        """Raises: KeyError, RuntimeError, ValueError where a part has another size."""
        train = self.config.train
        self.model.load_state_dict(saved["model"])
        if self.ema and saved["ema"]:
            self.ema.model.load_state_dict(saved["ema"])
            self.ema.num_updates = saved["ema_updates"]
        load_optimizer(self.optimizer, saved["optimizer"])
        if saved["scaler"]:  # empty after a run without fp16
            self.scaler.load_state_dict(saved["scaler"])
        self.progress = progress_from_dict(saved["progress"])
        # with --force a finished run may be given more epochs
        stopped_early = train.patience and self.progress.stale >= train.patience
        self.progress.finished &= self.progress.epoch >= train.epochs or bool(stopped_early)
        self.model.recompute = higher_level(self.model.recompute, self.progress.recompute)
        restore_generators(saved["generators"])


def make_learner(
    config: Config,
    task: Task,
    device: torch.device,
    here: RankInfo,
    *,
    num_batches: int,
    share: int,
    backbone_apart: bool = False,
    fresh: bool = True,
) -> tuple[Learner, str]:
    """A learner before its first step, and a line about the weights that it starts from, if any.

    Args:
        num_batches: batches of an epoch.
        share: images that this process gets of a batch, at most.
        backbone_apart: some stage of the run gives the backbone a learning rate of its own.
        fresh: False where a checkpoint's state will replace the weights.
    Raises: ValueError where the settings do not allow the network or its first weights.
    """
    train = config.train
    model, line = _first_network(config, task, device, fresh)
    windows = -(-num_batches // train.accumulate)
    freeze_backbone(model, train.backbone_share)
    learner = Learner(
        config=config,
        task=task,
        device=device,
        ranks=here,
        model=model,
        net=compile_network(model, device) if train.compile else model,
        ema=Ema(model, train.ema_epochs * windows) if train.ema_epochs else None,
        optimizer=make_optimizer(model, train, backbone_apart=backbone_apart),
        scaler=torch.amp.GradScaler(device.type, enabled=train.precision == "fp16"),
        window_state=WindowState(model),
        progress=Progress(),
        windows_per_epoch=windows,
        share=share,
    )
    return learner, line


def _first_network(config: Config, task: Task, device: torch.device, fresh: bool) -> tuple[Network, str]:
    """The network on its device with its first weights, the same on all ranks, and a line about them."""
    train = config.train
    seed_generators(train.seed)
    model = task.build_network(pretrained=fresh, recompute=train.recompute)
    line = init_from(task, model, Path(config.model.init_from)) if fresh and config.model.init_from else ""
    model = prepare_norms(model, train.batch_norm, device).to(device)
    model = model.to(memory_format=torch.channels_last) if train.channels_last else model
    share_from_rank_0(model.state_dict().values())  # gradients are added up over copies of one network
    return model, line
