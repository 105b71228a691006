"""When a run writes its state, and under which names."""

from landmarks.engine.checkpoint import epoch_name
from landmarks.engine.run import Run
from landmarks.engine.stopping import TrainingError


def save(run: Run, name: str) -> None:
    """Writes the run's state; the journal reaches the disk first, so that a resumed run misses no line."""
    if run.learner.ranks.rank > 0:
        return
    run.journal.flush()
    try:
        run.checkpoints.save(name, run.to_dict())
    except OSError as error:
        raise TrainingError(
            f"{run.checkpoints.folder / name}: not written ({error}); the last sound checkpoint is kept"
        ) from error


def save_epoch(run: Run, improved: bool, stop: bool) -> None:
    """What the end of an epoch is to write."""
    train, epoch = run.config.train, run.progress.epoch
    if improved:
        save(run, "best.pt")
    if train.keep_every and epoch % train.keep_every == 0:
        save(run, epoch_name(epoch))
    if stop or is_due(epoch, train.save_every, train.epochs):
        save(run, "latest.pt")


def is_due(epoch: int, every: int, last: int) -> bool:
    """Whether something that is done every so many epochs, and at the end, is to be done after this one."""
    return epoch % every == 0 or epoch == last
