"""The border of two stages: the data opened as the next one wants them, and the learner's settings changed."""

import logging

from landmarks.config import Config
from landmarks.data.batches import largest_size
from landmarks.data.cache import ImageStore
from landmarks.engine.run import Run, Split, open_split
from landmarks.formats.records import RecordSet
from landmarks.stages import describe_stage, stage_at, stage_settings

log = logging.getLogger(__name__)


def begin_stage(run: Run) -> None:
    """At the start of a stage, puts its settings into force; in the middle of one, and without stages, changes nothing.

    What a resumed run finds at a border is what the uninterrupted run has there: the state is that of the end of the last
    stage, and it changes here.
    """
    progress, number = run.progress, stage_at(run.recipe, run.progress.epoch) + 1
    if not run.recipe.stages or progress.stage == number:
        return
    # what was taken back to fit the memory, and the wait for a better score, belong to the stage that they happened in
    progress.stage, progress.micro_batch, progress.recompute = number, 0, ""
    progress.reference, progress.stale = None, 0
    settings = stage_settings(run.recipe)[number - 1]
    if settings != run.config:
        open_data(run, settings)
    run.learner.enter_stage(settings, num_batches=len(run.train.plan), share=run.train.plan.share)
    log.info(describe_stage(run.recipe, number - 1))


def open_data(run: Run, settings: Config) -> None:
    """Both splits in other sizes, batches and augmentation; images that are decoded in the right size are used again."""
    learner = run.learner
    train, valid = (_reopened(run.train, run.config, settings), _reopened(run.valid, run.config, settings))
    run.train = run.valid = None  # or the old images stay in memory while the new ones are read
    words = {"device": learner.device, "here": learner.ranks}
    run.train = open_split(train[0], settings, learner.task, **words, training=True, store=train[1])
    run.valid = open_split(valid[0], settings, learner.task, **words, training=False, store=valid[1])


def _reopened(split: Split, before: Config, settings: Config) -> tuple[RecordSet, ImageStore | None]:
    """Records of a split, and its images where they serve again; its workers end."""
    split.loader.close()
    sizes = [(data.image_size, largest_size(data)) for data in (before.data, settings.data)]
    return split.records, split.dataset.store if sizes[0] == sizes[1] else None
