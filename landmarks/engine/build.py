"""From settings to a run that is ready to train: everything that can fail for a user's reason fails here."""

import logging
from pathlib import Path

from landmarks.config import Config
from landmarks.distributed import from_rank_0
from landmarks.engine.checkpoint import CheckpointFolder
from landmarks.engine.journal import Journal
from landmarks.engine.learner import make_learner
from landmarks.engine.network import set_up, settle_precision
from landmarks.engine.planner import settle_batch
from landmarks.engine.resume import check_same_run, find_checkpoint, restore
from landmarks.engine.run import Run, labels_of, open_split, read_records
from landmarks.engine.runfolder import RunFolder
from landmarks.tasks import task_type

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


def _build(config: Config, folder: RunFolder, resume: Path | None, force: bool) -> Run:
    device, here = set_up(config)
    saved, source = from_rank_0(lambda: _claim_and_find(folder, resume))
    config = settle_precision(config, device, saved)
    train_records, valid_records = read_records(config)
    task = task_type(config).from_records(config, train_records)
    task.check(train_records, valid_records)
    config, line = settle_batch(config, task, device, saved, ranks=here.size)
    lines = [line]
    if saved:
        labels = labels_of(train_records, valid_records)
        progress, differences = check_same_run(config, task, labels, saved, source, force=force)
        saved, lines = {**saved, "progress": progress}, [line, *differences]
    train = open_split(train_records, config, task, device, here, training=True)
    valid = open_split(valid_records, config, task, device, here, training=False)
    learner, line = make_learner(
        config, task, device, here, num_batches=len(train.plan), share=train.plan.share, fresh=saved is None
    )
    lines.append(line)
    run = Run(
        config=config,
        learner=learner,
        train=train,
        valid=valid,
        folder=folder,
        checkpoints=CheckpointFolder(folder.path, keep=config.train.keep),
        journal=Journal(None),
    )
    if saved:
        lines.append(restore(run, saved, source))
    run.start_recording(resumed=bool(saved))
    for line in filter(None, lines):
        log.info(line)
    return run


def _claim_and_find(folder: RunFolder, resume: Path | None) -> tuple[dict | None, Path | None]:
    """Locks the folder before its state is read: the run that wrote there before may still be saving."""
    folder.claim(patience=_PATIENCE if resume else 0)
    return find_checkpoint(folder.path, resume)
