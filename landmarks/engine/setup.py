"""From settings to a run that is ready to train: everything that can fail for a user's reason fails here."""

import logging
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

from landmarks.check.store import stored_findings
from landmarks.checkpointfile import CheckpointError, read_checkpoint
from landmarks.config import CHANGEABLE, Config
from landmarks.configfile import config_to_dict
from landmarks.data.loading import BatchPlan, CephalogramDataset, fingerprint, open_dataset
from landmarks.data.workers import make_loader
from landmarks.device import choose_device
from landmarks.distributed import Place, from_rank_0, join, place, share_from_rank_0
from landmarks.engine.checkpoint import (
    CheckpointFolder,
    Progress,
    capture_generators,
    progress_from_dict,
    restore_generators,
    seed_generators,
)
from landmarks.engine.ema import Ema
from landmarks.engine.journal import Journal
from landmarks.engine.memory import WindowState, higher_level
from landmarks.engine.network import compile_network, make_optimizer, prepare_norms, set_up_torch
from landmarks.engine.planner import settle_batch
from landmarks.engine.runfolder import describe_run, lock_folder, versions
from landmarks.evaluation.evaluate import validation_batch_size
from landmarks.formats.records import RecordSet
from landmarks.inference.predictor import Predictor
from landmarks.models.build import build_model, init_from_checkpoint, landmarks_to_dict
from landmarks.models.hrnet import HRNet
from landmarks.schema import LandmarkSet
from landmarks.tasks.landmarks.loss import landmark_weights

log = logging.getLogger(__name__)


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
    """Weight of each landmark's loss, [K], on the CPU: the sum of a window's weights must not wait for the device."""
    window_state: WindowState
    progress: Progress
    folder: CheckpointFolder
    journal: Journal
    place: Place
    lock: object | None = None
    """The open lock file of rank 0; closing it frees the folder."""
    signals: list[int] = field(default_factory=list)
    """Signals that asked this process to stop."""
    pictured: list[int] = field(default_factory=list)
    """Validation images that are drawn every time."""

    @property
    def windows_per_epoch(self) -> int:
        return -(-len(self.plan) // self.config.train.accumulate)

    def close(self) -> None:
        """Ends the journal and frees the run folder."""
        self.journal.close()
        if self.lock:
            self.lock.close()


def prepare_run(config: Config, output: Path, *, resume: Path | None, force: bool = False) -> Run:
    """Builds a run, from its start or from a checkpoint.

    Args:
        resume: None, a checkpoint, or the run's own folder (its newest sound checkpoint).
        force: resume although settings or data differ from the checkpoint's.
    Raises: ValueError (SettingError, DataError, CheckpointError and ImageError are such) before anything is written.
    """
    device = choose_device(config.train.device, place().local_rank)
    here = join(device.type)
    if device.type == "cpu" and config.train.precision == "fp16":
        raise ValueError("train.precision: fp16 needs a CUDA device; write bf16 or fp32 (e.g. train.precision=bf16)")
    set_up_torch(config, device)
    saved, source = from_rank_0(partial(_saved_state, output, resume))
    config, planned = settle_batch(config, device, saved, ranks=here.size)
    data, seed = config.data, config.train.seed
    train_set = open_dataset(data, data.train_split, augment=config.augment, seed=seed)
    valid_set = open_dataset(data, data.val_split, augment=None, seed=seed)
    for line in stored_findings(data):
        log.warning(line)
    opening = _check_same_run(config, saved, train_set[0], valid_set[0], source, force) if saved else []
    model, line = _make_model(config, train_set[0].landmarks, device, fresh=saved is None)
    run = _assemble(config, output, here, device, model, train_set, valid_set)
    if saved:
        restore(run, saved, source)
        line = _resumed_line(run, source)
    # only here is anything written: nothing can fail for a user's reason any more
    if here.rank == 0:
        run.lock = lock_folder(output)
        describe_run(output, config, [fingerprint(run.records), fingerprint(run.val_records)])
        run.journal = Journal(output, resumed_step=run.progress.step if saved else -1)
        if not saved:
            run.journal.text("settings", (output / "config.yaml").read_text(encoding="utf-8"))
    for words in filter(None, [planned, *opening, line]):
        log.info(words)
    return run


def _make_model(config: Config, landmarks: LandmarkSet, device: torch.device, *, fresh: bool) -> tuple[HRNet, str]:
    """The network on its device, and a line about the weights that it starts from, if any."""
    seed_generators(config.train.seed)
    start = config.model if fresh else replace(config.model, pretrained=False)
    model = build_model(start, len(landmarks), recompute=config.train.recompute)
    weights = landmark_weights(config.loss, landmarks)
    if not weights.all():
        # landmarks of weight 0 need no maps in training: that saves their part of the head and of the loss
        model.train_only(weights.nonzero()[:, 0].tolist())
    line = ""
    if fresh and config.model.init_from:
        line = init_from_checkpoint(model, landmarks, Path(config.model.init_from))
    model = prepare_norms(model, config.train.batch_norm, device).to(device)
    return (model.to(memory_format=torch.channels_last) if config.train.channels_last else model), line


def _assemble(
    config: Config,
    output: Path,
    here: Place,
    device: torch.device,
    model: HRNet,
    train_set: tuple[RecordSet, CephalogramDataset],
    valid_set: tuple[RecordSet, CephalogramDataset],
) -> Run:
    train = config.train
    share_from_rank_0(model.state_dict().values())  # gradients are added up over copies of one network
    (records, dataset), (val_records, val_dataset) = train_set, valid_set
    ranks = {"rank": here.rank, "ranks": here.size}
    plan = BatchPlan(len(dataset), train.batch_size, seed=train.seed, shuffle=True, **ranks)
    val_plan = BatchPlan(len(val_dataset), validation_batch_size(train, here.size), seed=0, shuffle=False, **ranks)
    ema = Ema(model, train.ema_epochs * -(-len(plan) // train.accumulate)) if train.ema_epochs else None
    shown, pinned = ema.model if ema else model, device.type == "cuda"
    return Run(
        config=config,
        output=output,
        device=device,
        records=records,
        val_records=val_records,
        plan=plan,
        loader=make_loader(dataset, plan, config.data, pin_memory=pinned),
        val_loader=make_loader(val_dataset, val_plan, config.data, pin_memory=pinned),
        model=model,
        net=compile_network(model, device) if train.compile else model,
        predictor=_predictor(shown, records.landmarks, config, device),
        ema=ema,
        optimizer=make_optimizer(model, train.lr, train.weight_decay),
        scaler=torch.amp.GradScaler(device.type, enabled=train.precision == "fp16"),
        weights=landmark_weights(config.loss, records.landmarks),
        window_state=WindowState(model),
        progress=Progress(),
        folder=CheckpointFolder(output, keep=train.keep),
        journal=Journal(None),
        place=here,
        pictured=np.linspace(0, len(val_dataset) - 1, min(train.log_images, len(val_dataset))).astype(int).tolist(),
    )


def _predictor(model: HRNet, landmarks: LandmarkSet, config: Config, device: torch.device) -> Predictor:
    precision = config.train.precision
    return Predictor.from_settings(model, landmarks, config.data, config.heatmap, device=device, precision=precision)


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
        "progress": asdict(run.progress),
        "generators": capture_generators(),
    }


def restore(run: Run, saved: dict, source: Path) -> None:
    """Puts a run where a checkpoint left it. Raises: CheckpointError where its parts have other sizes."""
    try:
        _restore(run, saved)
    except (RuntimeError, KeyError, ValueError) as error:
        why = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{source}: does not fit these settings ({why})") from error


def _restore(run: Run, saved: dict) -> None:
    run.model.load_state_dict(saved["model"])
    if run.ema and saved["ema"]:
        run.ema.model.load_state_dict(saved["ema"])
        run.ema.num_updates = saved["ema_updates"]
    run.optimizer.load_state_dict(saved["optimizer"])
    if saved["scaler"]:  # empty after a run without fp16
        run.scaler.load_state_dict(saved["scaler"])
    run.progress = progress_from_dict(saved["progress"])
    # with --force a finished run may be given more epochs
    stopped_early = run.config.train.patience and run.progress.stale >= run.config.train.patience
    run.progress.finished &= run.progress.epoch >= run.config.train.epochs or bool(stopped_early)
    run.model.recompute = higher_level(run.model.recompute, run.progress.recompute)
    restore_generators(saved["generators"])


def _saved_state(output: Path, resume: Path | None) -> tuple[dict | None, Path | None]:
    if resume is None:
        if (output / "checkpoints").is_dir() and any((output / "checkpoints").iterdir()):
            raise CheckpointError(f"{output}: already holds a run; add --resume to go on with it, or choose another --output")
        return None, None
    if resume.is_dir() or resume == output:
        if not list(resume.glob("checkpoints/*.pt")):
            log.info(f"{resume}: nothing to resume yet; starting from the beginning")
            return None, None
        source, saved, refused = CheckpointFolder(resume, keep=1).newest_sound()
        for line in refused:
            log.warning(f"not used: {line}")
        return saved, source
    elsewhere = resume.resolve().parent != (output / "checkpoints").resolve()
    if elsewhere and any((output / "checkpoints").glob("*.pt")):
        raise CheckpointError(f"{output}: holds a run of its own; to go on from {resume}, choose another --output")
    return read_checkpoint(resume), resume


def _check_same_run(
    config: Config, saved: dict, records: RecordSet, val_records: RecordSet, source: Path, force: bool
) -> list[str]:
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
            if old != value and key not in CHANGEABLE[section]:
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
