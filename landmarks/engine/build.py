"""From settings to a run that is ready to train: everything that can fail for a user's reason fails here."""

import logging
from pathlib import Path

import torch

from landmarks.config import Config
from landmarks.distributed import RankInfo, from_rank_0
from landmarks.engine.backup import Backup
from landmarks.engine.checkpoint import CheckpointFolder
from landmarks.engine.journal import Journal
from landmarks.engine.learner import Learner, make_learner
from landmarks.engine.network import set_up, settle_precision
from landmarks.engine.planner import settle_batches
from landmarks.engine.resume import check_same_run, find_checkpoint, restore
from landmarks.engine.run import Run, Split, labels_of, open_split, read_records
from landmarks.engine.runfolder import RunFolder
from landmarks.engine.runlog import recorded
from landmarks.formats.records import RecordSet
from landmarks.stages import settings_at, stage_settings
from landmarks.tasks import task_type
from landmarks.tasks.task import Task

log = logging.getLogger(__name__)

# Seconds that a resumed run waits for the one before it: a requeued job may start while that one still saves.
_PATIENCE = 120


def prepare_run(config: Config, output: Path, *, resume: Path | None, force: bool = False) -> Run:
    """Builds a run, from its start or from a checkpoint.

    Args:
        resume: None, a checkpoint, or the run's own folder (its newest sound checkpoint).
        force: resume although settings or data differ from the checkpoint's.
    Raises: ValueError (SettingError, DataError, CheckpointError and ImageError are such); nothing is left behind then.
    """
    folder = RunFolder(output)
    try:
        return _build(config, folder, resume, force)
    except BaseException:
        folder.abandon()
        raise


def _build(recipe: Config, folder: RunFolder, resume: Path | None, force: bool) -> Run:
    device, here = set_up(recipe)
    saved, source = from_rank_0(lambda: _claim_and_find(folder, resume))
    backup = Backup(Path(recipe.train.backup), folder.path) if recipe.train.backup else None
    if backup:
        from_rank_0(lambda: backup.prepare(resumed=saved is not None))
    recipe = settle_precision(recipe, device, saved)
    train_records, valid_records = read_records(recipe)
    task = task_type(recipe).from_records(recipe, train_records)
    task.check(train_records, valid_records)
    recipe, lines = settle_batches(recipe, task, device, saved, ranks=here.size)
    if saved:
        labels = labels_of(train_records, valid_records)
        progress, differences = check_same_run(recipe, task, labels, saved, source, force=force)
        saved = {**saved, "progress": progress}
        lines += differences
    epoch = saved["progress"]["epoch"] if saved else 0
    learner, train, valid, line = _open(recipe, train_records, valid_records, task, device, here, epoch, fresh=saved is None)
    run = Run(
        recipe=recipe,
        learner=learner,
        train=train,
        valid=valid,
        folder=folder,
        checkpoints=CheckpointFolder(folder.path, keep=recipe.train.keep, backup=backup),
        journal=Journal(None),
    )
    lines.append(line)
    if saved:
        lines.append(restore(run, saved, source))
    run.start_recording(resumed=bool(saved))
    with recorded(folder.path, here.rank):
        for line in filter(None, lines):
            log.info(line)
    return run


def _open(
    recipe: Config,
    train_records: RecordSet,
    valid_records: RecordSet,
    task: Task,
    device: torch.device,
    here: RankInfo,
    epoch: int,
    *,
    fresh: bool,
) -> tuple[Learner, Split, Split, str]:
    """A learner and its data with the settings of the epoch after `epoch`, and a line about its first weights."""
    config = settings_at(recipe, epoch)
    train = open_split(train_records, config, task, device, here, training=True)
    valid = open_split(valid_records, config, task, device, here, training=False)
    apart = any(settings.train.backbone_rate != 1 for settings in stage_settings(recipe))
    numbers = {"num_batches": len(train.plan), "share": train.plan.share}
    learner, line = make_learner(config, task, device, here, **numbers, backbone_apart=apart, fresh=fresh)
    return learner, train, valid, line


def _claim_and_find(folder: RunFolder, resume: Path | None) -> tuple[dict | None, Path | None]:
    """Locks the folder before its state is read: the run that wrote there before may still be saving."""
    folder.claim(patience=_PATIENCE if resume else 0)
    return find_checkpoint(folder.path, resume)
