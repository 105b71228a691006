"""From settings to a run that is ready to train: everything that can fail for a user's reason fails here."""

import contextlib
import ctypes
import os
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

from landmarks.checkpointfile import CheckpointError, read_checkpoint
from landmarks.config import Config
from landmarks.configfile import config_to_dict
from landmarks.data.loading import BatchPlan, CephalogramDataset, fingerprint, make_loader, open_dataset
from landmarks.data.records import RecordSet
from landmarks.engine.checkpoint import CheckpointFolder, Progress, progress_from_dict, restore_generators
from landmarks.engine.ema import Ema
from landmarks.engine.journal import Journal, say
from landmarks.engine.runfolder import describe_run, lock_folder, versions
from landmarks.inference.predictor import Predictor, choose_device
from landmarks.losses import landmark_weights
from landmarks.models.build import build_model, init_from_checkpoint, landmarks_to_dict
from landmarks.models.hrnet import HRNet

# Settings that change where and how fast a run works, not what it computes: a resumed run may change them.
_FREE_SETTINGS = {"data": {"root", "workers", "prefetch", "cache", "cache_dir", "on_error"},
                  "train": {"device", "save_every", "save_every_steps", "keep", "keep_every", "log_images",
                            "val_batch_size", "compile", "recompute"}}  # fmt: skip


@dataclass(kw_only=True, slots=True)
class Run:
    """All that a training run works with; `progress`, weights, optimizer and generators are its state."""

    config: Config
    output: Path
    device: torch.device
    records: RecordSet
    val_records: RecordSet
    plan: BatchPlan
    loader: DataLoader
    val_loader: DataLoader
    model: HRNet
    net: nn.Module
    """What the loop calls: the model, or its compiled form."""
    predictor: Predictor
    """Predicts with the averaged weights where there are any."""
    ema: Ema | None
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    weights: torch.Tensor
    """Weight of each landmark's loss, [K]."""
    progress: Progress
    folder: CheckpointFolder
    journal: Journal | None
    lock: object
    """The open lock file; closing it frees the folder."""
    pictured: list[int] = field(default_factory=list)
    """Validation images that are drawn every time."""

    @property
    def windows_per_epoch(self) -> int:
        return -(-len(self.plan) // self.config.train.accumulate)

    def close(self) -> None:
        """Ends the journal and frees the run folder."""
        self.journal.close()
        self.lock.close()


def prepare_run(config: Config, output: Path, *, resume: Path | None, force: bool = False) -> Run:
    """Builds a run, from its start or from a checkpoint.

    Args:
        resume: None, a checkpoint, or the run's own folder (its newest sound checkpoint).
        force: resume although settings or data differ from the checkpoint's.
    Raises: ValueError (with its subclasses SettingError, DataError, CheckpointError, ImageError) before anything is
        written.
    """
    device = choose_device(config.train.device)
    if device.type == "cpu" and config.train.precision == "fp16":
        raise ValueError("train.precision: fp16 needs a CUDA device; write bf16 or fp32 (e.g. train.precision=bf16)")
    set_up_torch(config, device)
    saved, source = _saved_state(output, resume)
    (records, dataset), (val_records, val_dataset) = _open_datasets(config)
    weights = landmark_weights(config.loss, records.landmarks).to(device)
    torch.manual_seed(config.train.seed)
    model = build_model(config.model, len(records.landmarks), recompute=config.train.recompute)
    opening = []
    if saved:
        opening += _check_same_run(config, saved, records, val_records, source, force)
    elif config.model.init_from:
        opening.append(init_from_checkpoint(model, records.landmarks, Path(config.model.init_from)))
    model = model.to(device)
    if config.train.channels_last:
        model = model.to(memory_format=torch.channels_last)

    train = config.train
    plan = BatchPlan(len(dataset), train.batch_size, seed=train.seed, shuffle=True)
    val_plan = BatchPlan(len(val_dataset), train.val_batch_size or 2 * train.batch_size, seed=0, shuffle=False)
    windows = -(-len(plan) // train.accumulate)
    ema = Ema(model, train.ema_epochs * windows) if train.ema_epochs else None
    pinned = device.type == "cuda"
    run = Run(
        config=config,
        output=output,
        device=device,
        records=records,
        val_records=val_records,
        plan=plan,
        loader=make_loader(dataset, plan, config.data, pin_memory=pinned),
        val_loader=make_loader(val_dataset, val_plan, config.data, pin_memory=pinned),
        model=model,
        net=_compiled(model, device) if train.compile else model,
        predictor=Predictor.from_settings(
            ema.model if ema else model,
            records.landmarks,
            config.data,
            config.heatmap,
            device=device,
            precision=train.precision,
        ),
        ema=ema,
        optimizer=make_optimizer(model, train.lr, train.weight_decay),
        scaler=torch.amp.GradScaler(device.type, enabled=train.precision == "fp16"),
        weights=weights,
        progress=Progress(),
        folder=CheckpointFolder(output, keep=train.keep),
        journal=None,
        lock=None,
        pictured=np.linspace(0, len(val_dataset) - 1, min(train.log_images, len(val_dataset))).astype(int).tolist(),
    )
    if saved:
        restore(run, saved)
        opening.append(_resumed_line(run, source))
    # only here is anything written: nothing can fail for a user's reason any more
    run.lock = lock_folder(output)
    describe_run(output, config, [fingerprint(records), fingerprint(val_records)])
    run.journal = Journal(output, resumed_step=run.progress.step if saved else None)
    if not saved:
        run.journal.text("settings", (output / "config.yaml").read_text())
    for line in opening:
        say(line)
    return run


def set_up_torch(config: Config, device: torch.device) -> None:
    cv2.setNumThreads(0)
    if device.type == "cpu":
        _keep_freed_memory()
    if config.train.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = not config.train.deterministic
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True


def _keep_freed_memory() -> None:
    """glibc gives each freed activation back to the system and fetches it again, page by page, in the next step.

    Keeping it makes a CPU step 1.7 times faster (docs/results.md); other C libraries do not need or know this.
    """
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(-3, 1 << 30)  # M_MMAP_THRESHOLD
        libc.mallopt(-1, (1 << 31) - 1)  # M_TRIM_THRESHOLD


def make_optimizer(model: nn.Module, lr: float, weight_decay: float) -> torch.optim.Optimizer:
    """AdamW; norms and biases are not decayed."""
    kernels = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": kernels, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=lr, fused=True)


def state_of(run: Run) -> dict:
    """What a checkpoint holds: plain tensors, numbers and dicts."""
    return {
        "format": 1,
        "versions": versions(),
        "config": config_to_dict(run.config),
        "landmarks": landmarks_to_dict(run.records.landmarks),
        "data": {"train": fingerprint(run.records), "valid": fingerprint(run.val_records)},
        "model": run.model.state_dict(),
        "ema": run.ema.model.state_dict() if run.ema else None,
        "ema_updates": run.ema.num_updates if run.ema else 0,
        "optimizer": run.optimizer.state_dict(),
        "scaler": run.scaler.state_dict(),
    }


def restore(run: Run, saved: dict) -> None:
    run.model.load_state_dict(saved["model"])
    if run.ema and saved["ema"]:
        run.ema.model.load_state_dict(saved["ema"])
        run.ema.num_updates = saved["ema_updates"]
    run.optimizer.load_state_dict(saved["optimizer"])
    run.scaler.load_state_dict(saved["scaler"])
    run.progress = progress_from_dict(saved["progress"])
    restore_generators(saved["generators"])


def _open_datasets(config: Config) -> list[tuple[RecordSet, CephalogramDataset]]:
    data, seed = config.data, config.train.seed
    train = open_dataset(data, data.train_split, augment=config.augment, seed=seed, say=say)
    valid = open_dataset(data, data.val_split, augment=None, seed=seed, say=lambda line: None)
    return [train, valid]


def _compiled(model: HRNet, device: torch.device) -> nn.Module:
    """The compiled network, or the plain one with a line where this platform has no working compiler."""
    compiled = torch.compile(model)
    try:
        with torch.no_grad():
            compiled(torch.zeros(1, 1, 64, 64, dtype=torch.uint8, device=device))
    except Exception as error:  # a missing compiler shows as one of many classes
        say(f"train.compile: no working compiler here ({type(error).__name__}); training goes on without")
        return model
    return compiled


def _saved_state(output: Path, resume: Path | None) -> tuple[dict | None, Path | None]:
    if resume is None:
        if (output / "checkpoints").is_dir() and any((output / "checkpoints").iterdir()):
            raise CheckpointError(f"{output}: already holds a run; add --resume to go on with it, or choose another --output")
        return None, None
    if resume.is_dir():
        source, saved, refused = CheckpointFolder(resume, keep=1).newest_sound()
        for line in refused:
            say(f"not used: {line}")
        return saved, source
    return read_checkpoint(resume), resume


def _check_same_run(config, saved, records, val_records, source, force) -> list[str]:
    """Lines about what differs. Raises: CheckpointError where something does and force is off."""
    if saved["landmarks"]["symbols"] != list(records.landmarks.symbols):
        raise CheckpointError(
            f"{source}: trained on the landmarks {', '.join(saved['landmarks']['symbols'])}; "
            f"the data has {', '.join(records.landmarks.symbols)}; start a new run with model.init_from={source}"
        )
    differences = []
    for section, values in config_to_dict(config).items():
        for key, value in values.items():
            old = saved["config"].get(section, {}).get(key)
            if old != value and key not in _FREE_SETTINGS.get(section, ()):
                differences.append(f"{section}.{key} was {old}, is {value}")
    for split, found in (("train", records), ("valid", val_records)):
        if saved["data"][split] != fingerprint(found):
            differences.append(f"the {split} images or their points changed")
    if differences and not force:
        raise CheckpointError(f"{source}: not the same run ({'; '.join(differences)}); add --force to go on all the same")
    return [f"resumed in spite of: {line}" for line in differences]


def _resumed_line(run: Run, source: Path) -> str:
    progress = run.progress
    if progress.finished or progress.epoch >= run.config.train.epochs:
        return f"{source}: this run is already finished ({progress.epoch} epochs, best {_figure(progress.best)})"
    return (
        f"resumed from {source}: epoch {progress.epoch + 1} of {run.config.train.epochs}, step {progress.step}, "
        f"learning rate {run.optimizer.param_groups[0]['lr']:.3g}, "
        f"best {_figure(progress.best)} at epoch {progress.best_epoch}"
    )


def _figure(value: float | None) -> str:
    return "none yet" if value is None else f"{value:.4f}"
