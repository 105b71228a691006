"""What a training run is: a learner, its data, and the folder that records it."""

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader

from landmarks.check.store import stored_findings
from landmarks.config import Config
from landmarks.configfile import config_to_dict
from landmarks.data.batches import BatchPlan, training_sizes
from landmarks.data.cache import ImageStore
from landmarks.data.labels import fingerprint
from landmarks.data.loading import CephalogramDataset, open_samples
from landmarks.data.sets import read_split
from landmarks.data.workers import make_loader
from landmarks.distributed import RankInfo
from landmarks.engine.checkpoint import CheckpointFolder, Progress
from landmarks.engine.journal import Journal
from landmarks.engine.learner import Learner
from landmarks.engine.memory import peak_memory
from landmarks.engine.runfolder import RunFolder, versions
from landmarks.evaluation.evaluate import validation_batch_size
from landmarks.formats.records import RecordSet
from landmarks.synthetic.folder import make_missing_set
from landmarks.tasks.task import Task

log = logging.getLogger(__name__)

CHECKPOINT_FORMAT = 2


class Split(NamedTuple):
    """One split of the data on its way to the device."""

    records: RecordSet
    dataset: CephalogramDataset
    plan: BatchPlan
    loader: DataLoader


def read_records(config: Config) -> tuple[RecordSet, RecordSet]:
    """The records to train and to validate on, and log lines about them. Raises: DataError."""
    data, seed = config.data, config.train.seed
    make_missing_set(data)
    train, valid = (read_split(data, split, seed=seed) for split in (data.train_split, data.val_split))
    if train.note:
        log.info(train.note)
    common = {record.image_path for record in train.records} & {record.image_path for record in valid.records}
    if common:
        log.warning(
            f"{len(common)} of {len(valid.records)} validation images are trained on: best.pt is chosen by what the network "
            "has seen; name another data.val_split"
        )
    for line in stored_findings(data):
        log.warning(line)
    return train, valid


def labels_of(train: RecordSet, valid: RecordSet) -> dict[str, str]:
    """Fingerprints of the data by split: a resumed run must see the same."""
    return {"train": fingerprint(train), "valid": fingerprint(valid)}


def plan_split(records: RecordSet, config: Config, here: RankInfo, *, training: bool) -> BatchPlan:
    """The batches of a split, shuffled where it is trained on."""
    train = config.train
    return BatchPlan(
        len(records.records),
        train.batch_size if training else validation_batch_size(train, here.size),
        seed=train.seed,
        shuffle=training,
        weights=[record.weight for record in records.records] if training else None,
        rank=here.rank,
        ranks=here.size,
        num_sizes=len(training_sizes(config.data)) if training else 1,
        accumulate=train.accumulate,
    )


def open_split(
    records: RecordSet,
    config: Config,
    task: Task,
    device: torch.device,
    here: RankInfo,
    *,
    training: bool,
    store: ImageStore | None = None,
) -> Split:
    """Samples of a split in batches, augmented and shuffled where it is trained on. Raises: DataError.

    Args:
        store: its images, where they are open already.
    """
    train = config.train
    augment = config.augment if training else None
    dataset = open_samples(records, config.data, task.targets, augment=augment, seed=train.seed, store=store)
    plan = plan_split(records, config, here, training=training)
    return Split(records, dataset, plan, make_loader(dataset, plan, config.data, pin_memory=device.type == "cuda"))


@dataclass(kw_only=True, slots=True)
class Run:
    """A learner, its data, and the folder that records it."""

    recipe: Config
    """The settings of the whole run, with its stages."""
    learner: Learner
    train: Split
    valid: Split
    folder: RunFolder
    checkpoints: CheckpointFolder
    journal: Journal

    @property
    def config(self) -> Config:
        """The settings in force: those of the stage under way."""
        return self.learner.config

    @property
    def progress(self) -> Progress:
        return self.learner.progress

    @property
    def output(self) -> Path:
        return self.folder.path

    @property
    def labels(self) -> dict[str, str]:
        """Fingerprints of the data by split."""
        return labels_of(self.train.records, self.valid.records)

    def to_dict(self) -> dict:
        """What a checkpoint holds: plain tensors, numbers and dicts.

        Its `config` is the stage's, so that its network predicts with the input that it was trained on.
        """
        about = {"format": CHECKPOINT_FORMAT, "versions": versions(), "config": config_to_dict(self.config)}
        if self.recipe.stages:
            about["recipe"] = config_to_dict(self.recipe)
        return {**about, "task": self.learner.task.to_dict(), "data": self.labels, **self.learner.state_dict()}

    @property
    def pictured(self) -> list[int]:
        """Validation images that are drawn every time."""
        num = len(self.valid.dataset)
        return np.linspace(0, num - 1, min(self.config.train.log_images, num)).astype(int).tolist()

    def start_recording(self, *, resumed: bool) -> None:
        """Writes what made this run, and opens its journal, on rank 0."""
        if self.learner.ranks.rank > 0:
            return
        self.folder.describe(self.recipe, self.labels)
        step, epoch = (self.progress.step, self.progress.epoch) if resumed else (-1, 0)
        self.journal = Journal(self.output, resumed_step=step, resumed_epoch=epoch)
        if not resumed:
            self.journal.text("settings", (self.output / "config.yaml").read_text(encoding="utf-8"))

    def summarise(self) -> dict:
        """The figures of the run, which rank 0 writes to summary.json."""
        progress, device = self.progress, self.learner.device
        summary = {
            "score": self.learner.task.score.name,
            "best": progress.best,
            "unit": progress.unit,
            "best_epoch": progress.best_epoch,
            "epochs": progress.epoch,
            "steps": progress.step,
            "skipped_steps": progress.skipped,
            "seconds": round(progress.seconds, 2),
            "images_per_second": round(progress.images / max(progress.seconds, 1e-9), 2),
            "peak_memory_mib": round(peak_memory(device)),
            "device": str(device),
        }
        if self.learner.ranks.rank == 0:
            (self.output / "summary.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
        return summary

    def close(self) -> None:
        """Ends the journal and frees the run folder."""
        self.journal.close()
        self.folder.close()
