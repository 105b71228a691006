"""How long a run takes, before it runs: a few real steps of each stage, one validation's images and one saved state."""

import contextlib
import copy
import itertools
import logging
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import torch

from landmarks.checkpointfile import write_checkpoint
from landmarks.config import Config
from landmarks.configfile import config_to_dict
from landmarks.data.batches import largest_size, training_sizes
from landmarks.data.cache import is_on_disk
from landmarks.data.loading import Sample
from landmarks.data.workers import loader_settings
from landmarks.engine.checkpoint import Progress
from landmarks.engine.journal import clock
from landmarks.engine.learner import Learner, make_learner
from landmarks.engine.network import set_up, settle_precision, start_training_mode
from landmarks.engine.planner import settle_batches
from landmarks.engine.run import Run, Split, open_split, plan_split, read_records
from landmarks.engine.runlog import recorded
from landmarks.engine.step import train_window
from landmarks.engine.validation import predict
from landmarks.evaluation.evaluate import validation_batch_size
from landmarks.formats.records import RecordSet
from landmarks.metrics import format_table
from landmarks.stages import stage_settings
from landmarks.tasks import task_type

log = logging.getLogger(__name__)

_WARM_UP = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class StageTime:
    """Seconds of a stage's parts."""

    epochs: int
    image_size: tuple[int, int]
    step: float
    """Of an optimizer step, its wait for data included."""
    loading: float
    """Share of a step that waits for data."""
    epoch: float
    """Of the steps of an epoch."""
    validation: float
    """Of a whole validation."""
    others: float
    """Of the validations and saved states of an epoch, on average."""
    opening: float
    """Until the images are decoded."""

    @property
    def seconds(self) -> float:
        return self.opening + self.epochs * (self.epoch + self.others)


def announce_time(run: Run) -> None:
    """Times a run that is about to start, and logs how long it takes; the run itself is as it was."""
    steps = run.config.train.time_steps
    if not steps or run.progress.step or run.progress.finished:
        return
    with recorded(run.output, run.learner.ranks.rank):
        times = time_stages(run.recipe, run.learner, run.train.records, run.valid.records, run.output, steps=steps)
        times[0] = replace(times[0], opening=0.0)  # is behind us
        for line in time_table(times).splitlines() if len(times) > 1 else ():
            log.info(line)
        log.info(time_line(times))


def time_recipe(recipe: Config) -> list[StageTime]:
    """Times of the stages of a run, without the run. Raises: ValueError where it could not start."""
    device, here = set_up(recipe)
    recipe = settle_precision(recipe, device, None)
    train, valid = read_records(recipe)
    task = task_type(recipe).from_records(recipe, train)
    recipe, lines = settle_batches(recipe, task, device, None, ranks=here.size)
    for line in filter(None, lines):
        log.info(line)
    first = stage_settings(recipe)[0]
    learner, _ = make_learner(first, task, device, here, num_batches=1, share=1)
    with tempfile.TemporaryDirectory() as folder:
        return time_stages(recipe, learner, train, valid, Path(folder), steps=max(1, recipe.train.time_steps))


def time_stages(
    recipe: Config, learner: Learner, train: RecordSet, valid: RecordSet, folder: Path, *, steps: int
) -> list[StageTime]:
    """Times of all stages on as few images as that takes; afterwards the learner is in the state that it had.

    Args:
        folder: where a checkpoint is written, and removed.
        steps: real optimizer steps of each stage, beside those that warm up.
    """
    before, settings = _on_cpu(learner.state_dict()), learner.config
    numbers = {"num_batches": learner.windows_per_epoch * settings.train.accumulate, "share": learner.share}
    save = _time_save(learner, folder)
    times, opened = [], None
    for position, found in enumerate(stage_settings(recipe)):
        with _unsaid():
            timed = _time_stage(found, learner, train, valid, save, steps)
        sizes = (found.data.image_size, largest_size(found.data))
        same = sizes == opened or (found.data.cache in ("auto", "disk") and is_on_disk(train.records, found.data))
        opened, epochs = sizes, recipe.stages[position].epochs if recipe.stages else recipe.train.epochs
        times.append(replace(timed, epochs=epochs, opening=0.0 if same else timed.opening))
    learner.progress = Progress()
    learner.enter_stage(settings, **numbers)
    learner.optimizer.zero_grad(set_to_none=True)
    learner.load_state_dict(before)
    return times


@contextlib.contextmanager
def _unsaid() -> Iterator[None]:
    """Without the lines of the small cache that is read for the few steps: they would look like the run's."""
    lines = logging.getLogger("landmarks.data")
    level = lines.level
    lines.setLevel(logging.WARNING)
    try:
        yield
    finally:
        lines.setLevel(level)


def _time_stage(settings: Config, learner: Learner, train: RecordSet, valid: RecordSet, save: float, steps: int) -> StageTime:
    settings = replace(settings, data=replace(settings.data, cache="none" if settings.data.cache == "none" else "ram"))
    options, whole = settings.train, plan_split(train, settings, learner.ranks, training=True)
    images = options.batch_size * options.accumulate
    ahead = _prepared_ahead(settings, learner)
    steps *= len(training_sizes(settings.data))
    few = replace(train, records=train.records[: images * (ahead + steps)])
    few_valid = replace(valid, records=valid.records[: 3 * validation_batch_size(options, learner.ranks.size)])
    started = time.monotonic()
    words = {"device": learner.device, "here": learner.ranks}
    splits = [open_split(part, settings, learner.task, **words, training=part is few) for part in (few, few_valid)]
    opening = (time.monotonic() - started) / (len(few.records) + len(few_valid.records))
    learner.progress = Progress()
    learner.enter_stage(settings, num_batches=len(whole), share=whole.share)
    first, step, loading = _time_steps(learner, splits[0], ahead, steps)
    validation = _time_validation(learner, splits[1], len(valid.records))
    for split in splits:
        split.loader.close()
    epoch = first + step * whole.num / images
    saves = 1 / options.save_every + 2 / options.validate_every + (1 / options.keep_every if options.keep_every else 0)
    saves += whole.num / images / options.save_every_steps if options.save_every_steps else 0
    return StageTime(
        epochs=0,
        image_size=settings.data.image_size,
        step=step,
        loading=loading,
        epoch=epoch,
        validation=validation,
        others=validation / options.validate_every + saves * save,
        opening=0.0 if settings.data.cache == "none" else opening * (len(train.records) + len(valid.records)),
    )


def _prepared_ahead(settings: Config, learner: Learner) -> int:
    """Windows that the loader has ready before the pace of a long run shows."""
    batch = -(-settings.train.batch_size // learner.ranks.size)
    workers, prefetch = loader_settings(settings.data, batch_size=batch, cuda=learner.device.type == "cuda")
    return max(_WARM_UP, -(-workers * prefetch // settings.train.accumulate))


def _time_steps(learner: Learner, split: Split, ahead: int, steps: int) -> tuple[float, float, float]:
    """Seconds until an epoch's first window is there, seconds of a step, and the share of these that waits for data."""
    start_training_mode(learner.model, learner.config.train.batch_norm)
    images = learner.config.train.batch_size * learner.config.train.accumulate
    first, waits, seconds, seen = None, 0.0, 0.0, 0
    for number, (window, wait) in enumerate(itertools.islice(_windows(learner, split), ahead + steps)):
        before = time.monotonic()
        result = train_window(learner, window)
        first = wait if first is None else first
        if number >= ahead:
            waits, seconds, seen = waits + wait, seconds + wait + time.monotonic() - before, seen + result.num_images
    return first, seconds / max(seen, 1) * images, waits / seconds


def _windows(learner: Learner, split: Split) -> Iterator[tuple[list[Sample], float]]:
    """Windows of epoch after epoch, each with the seconds that it was waited for."""
    for epoch in itertools.count():
        split.plan.epoch = epoch
        batches = iter(split.loader)
        while True:
            before = time.monotonic()
            window = list(itertools.islice(batches, learner.config.train.accumulate))
            if not window:
                break
            yield window, time.monotonic() - before


def _time_validation(learner: Learner, split: Split, num_images: int) -> float:
    """Seconds to predict this many images, by the second pass over a few of them."""
    for _ in range(2):
        started = time.monotonic()
        for batch in split.loader:
            predict(learner, batch.image, batch.to_source)
    return (time.monotonic() - started) * num_images / len(split.dataset)


def _time_save(learner: Learner, folder: Path) -> float:
    """Seconds to write a checkpoint and read it back, which rank 0 alone does."""
    if learner.ranks.rank > 0:
        return 0.0
    with tempfile.TemporaryDirectory(dir=folder, prefix=".time_") as place:
        started = time.monotonic()
        write_checkpoint(Path(place) / "state.pt", learner.state_dict() | {"config": config_to_dict(learner.config)})
        return time.monotonic() - started


def _on_cpu(value):
    """A copy of a state that later steps do not touch, outside the device's memory."""
    if isinstance(value, dict):
        return {key: _on_cpu(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_on_cpu(part) for part in value]
    return value.detach().to("cpu", copy=True) if isinstance(value, torch.Tensor) else copy.copy(value)


def time_table(times: list[StageTime]) -> str:
    """A line for each stage, and one for the whole run."""
    header = ["stage", "epochs", "input", "s a step", "loading", "s an epoch", "s a validation", "in all"]
    rows = [
        [
            str(number),
            str(found.epochs),
            "x".join(map(str, found.image_size)),
            f"{found.step:.3f}",
            f"{100 * found.loading:.0f} %",
            f"{found.epoch:.1f}",
            f"{found.validation:.1f}",
            clock(found.seconds),
        ]
        for number, found in enumerate(times, 1)
    ]
    whole = ["all", str(sum(found.epochs for found in times)), "", "", "", "", "", clock(sum(found.seconds for found in times))]
    return format_table(header, [*rows, whole])


def time_line(times: list[StageTime]) -> str:
    """How long a run takes that starts now, when it ends, and what of its steps is waiting for data."""
    seconds, steps = sum(found.seconds for found in times), sum(found.epochs * found.epoch for found in times)
    waiting = sum(found.epochs * found.epoch * found.loading for found in times)
    end = datetime.now() + timedelta(seconds=seconds)
    return (
        f"the run takes about {clock(seconds)}, until {end:%A %Y-%m-%d %H:%M}, by a few real steps: "
        f"{', '.join(f'{found.step:.3g}' for found in times)} s a step, {100 * waiting / steps:.0f} % of it loading"
    )


def times_to_dict(times: list[StageTime]) -> dict:
    """Seconds by stage, and of the whole run."""
    stages = [asdict(found) | {"seconds": found.seconds} for found in times]
    return {"stages": stages, "seconds": sum(found.seconds for found in times)}
