"""What a run may be resumed from, and what may have changed since."""

import logging
from pathlib import Path

from landmarks.checkpointfile import CheckpointError, read_checkpoint
from landmarks.config import CHANGEABLE, STAGED, Config
from landmarks.configfile import config_from_dict, config_to_dict
from landmarks.dataconfig import SetConfig
from landmarks.engine.checkpoint import CheckpointFolder, recipe_of
from landmarks.engine.run import Run
from landmarks.settings import SettingError, rules
from landmarks.stages import settings_at, stage_settings
from landmarks.tasks.task import Task

log = logging.getLogger(__name__)


def find_checkpoint(output: Path, resume: Path | None) -> tuple[dict | None, Path | None]:
    """The state that a run in `output` starts from, and its file; None for a new run.

    Args:
        resume: None, a checkpoint, or the run's own folder (its newest sound checkpoint).
    Raises: CheckpointError where the folder holds another run, or nothing sound is found.
    """
    if resume is None:
        if (output / "checkpoints").is_dir() and any((output / "checkpoints").iterdir()):
            raise CheckpointError(f"{output}: already holds a run; add --resume to continue it, or choose another --output")
        return None, None
    if resume.is_dir() or resume == output:
        if not list(resume.glob("checkpoints/*.pt")):
            log.info(f"{resume}: nothing to resume; starting from the beginning")
            return None, None
        source, saved, refused = CheckpointFolder(resume, keep=1).newest_sound()
        for line in refused:
            log.warning(f"not used: {line}")
        return saved, source
    elsewhere = resume.resolve().parent != (output / "checkpoints").resolve()
    if elsewhere and any((output / "checkpoints").glob("*.pt")):
        raise CheckpointError(f"{output}: holds a run of its own; to continue {resume}, choose another --output")
    return read_checkpoint(resume), resume


def check_same_run(
    config: Config, task: Task, labels: dict[str, str], saved: dict, source: Path, *, force: bool
) -> tuple[dict, list[str]]:
    """The progress with which this run resumes the saved one, and what differs between the two, a line each.

    Args:
        labels: fingerprints of the data by split.
        force: allow differences.
    Raises: CheckpointError where something differs and `force` is off, or the tasks do.
    """
    try:
        before, in_force = recipe_of(saved), config_from_dict(saved["config"])
        difference = task.difference(saved["task"]) if before.model.task == config.model.task else "another model.task"
    except (SettingError, KeyError) as error:
        raise CheckpointError(f"{source}: from another version of this project ({error})") from error
    if difference:
        raise CheckpointError(f"{source}: {difference}; start a new run with model.init_from={source}")
    differences = changed_settings(before, config)
    changed = [split for split, label in labels.items() if saved["data"][split] != label]
    differences += [f"the {split} images or their points changed" for split in changed]
    if differences and not force:
        raise CheckpointError(f"{source}: not the same run ({'; '.join(differences)}); add --force to resume it all the same")
    lines = [f"resumed although {difference}" for difference in differences]
    progress = dict(saved["progress"])
    old, new = in_force.train, settings_at(config, progress["epoch"]).train
    # windows of another size: the epoch continues at the same image, and the schedule counts epochs
    progress["windows"] = progress["windows"] * old.batch_size * old.accumulate // (new.batch_size * new.accumulate)
    if "valid" in changed and progress["best"] is not None:
        progress |= {"best": None, "best_epoch": 0, "reference": None, "stale": 0}
        lines.append("the best value so far is of other validation images, and no longer counts")
    return progress, lines


def changed_settings(before: Config, now: Config) -> list[str]:
    """Settings that a resumed run may not change and that differ, a line each."""
    epochs = [[stage.epochs for stage in config.stages] for config in (before, now)]
    if epochs[0] != epochs[1]:
        return [f"stages had the epochs {epochs[0]}, have {epochs[1]}"]
    lines = []
    for number, pair in enumerate(zip(stage_settings(before), stage_settings(now), strict=True), 1):
        old, new = map(config_to_dict, pair)
        for section, key in ((section, key) for section, values in new.items() for key in values):
            if _fixed(old[section][key]) != _fixed(new[section][key]) and key not in CHANGEABLE[section]:
                place = f"stages.{number}." if now.stages and key in STAGED[section] else ""
                lines.append(f"{place}{section}.{key} was {old[section][key]}, is {new[section][key]}")
    return list(dict.fromkeys(lines))


def _fixed(value):
    """A setting without what a resumed run may change in it: the folders of several data sets."""
    if isinstance(value, list) and all(isinstance(part, dict) for part in value):
        return [{key: item for key, item in part.items() if not rules(SetConfig)[key].changeable} for part in value]
    return value


def restore(run: Run, saved: dict, source: Path) -> str:
    """Puts a run into the state of a checkpoint; returns a line about it.

    Raises: CheckpointError where its parts have other sizes.
    """
    try:
        run.learner.load_state_dict(saved)
    except (RuntimeError, KeyError, ValueError) as error:
        why = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{source}: does not fit these settings ({why})") from error
    progress = run.progress
    _bring_best(run, source.parent / "best.pt")
    best = "none yet" if progress.best is None else f"{progress.best:.4f}"
    if progress.finished or progress.epoch >= run.config.train.epochs:
        return f"{source}: this run is already finished ({progress.epoch} epochs, best {best})"
    return (
        f"resumed from {source}: epoch {progress.epoch + 1} of {run.config.train.epochs}, step {progress.step}, "
        f"learning rate {run.learner.optimizer.param_groups[0]['lr']:.3g}, best {best} at epoch {progress.best_epoch}"
    )


def _bring_best(run: Run, best: Path) -> None:
    """A run that resumes in another folder, such as from its backup, brings its best checkpoint along."""
    is_own = best.parent.resolve() == run.checkpoints.folder.resolve()
    if is_own or run.learner.ranks.rank > 0 or run.progress.best is None or not best.is_file():
        return
    try:
        content = read_checkpoint(best)
    except CheckpointError as error:
        log.warning(f"not used: {error}")
        return
    if content["progress"]["best_epoch"] == run.progress.best_epoch:
        run.checkpoints.save(best.name, content)
