"""The stages of a recipe: which settings are in force in which epoch.

A recipe lists `stages`, each with its epochs and the settings that it changes:

    stages:
      - {epochs: 20, data: {image_size: [416, 416]}, train: {batch_size: 8}}
      - {epochs: 10, data: {image_size: [640, 640]}, train: {batch_size: 4, accumulate: 2}}
"""

import itertools
from dataclasses import replace
from typing import Any

from landmarks.config import Config, Stage
from landmarks.settings import SettingError


def stage_settings(config: Config) -> list[Config]:
    """The settings of each stage, complete, without stages of their own; `train.epochs` is the whole run's.

    Raises: SettingError naming the stage whose settings cannot be used.

    Example:
        >>> from landmarks.config import DataConfig
        >>> config = Config(data=DataConfig(), stages=(Stage(epochs=2), Stage(epochs=1, changes={"train": {"lr": 0.1}})))
        >>> [settings.train.lr for settings in stage_settings(config)]
        [0.0005, 0.1]
    """
    plain = replace(config, stages=())
    return [_changed(plain, stage, number) for number, stage in enumerate(config.stages, 1)] or [plain]


def _changed(plain: Config, stage: Stage, number: int) -> Config:
    try:
        return replace(plain, **{name: replace(getattr(plain, name), **values) for name, values in stage.changes.items()})
    except SettingError as error:
        raise SettingError(f"stages.{number}.{error}") from error


def stage_at(config: Config, epoch: int) -> int:
    """Position of the stage to which the epoch after `epoch` finished ones belongs; the last one at the end of the run."""
    ends = itertools.accumulate(stage.epochs for stage in config.stages[:-1])
    return sum(epoch >= end for end in ends)


def settings_at(config: Config, epoch: int) -> Config:
    """The settings in force after `epoch` finished epochs."""
    return stage_settings(config)[stage_at(config, epoch)]


def change_stage(config: Config, position: int, section: str, values: dict[str, Any]) -> Config:
    """The recipe with further changes in one of its stages."""
    stages = list(config.stages)
    stage = stages[position]
    changes = {**stage.changes, section: stage.changes.get(section, {}) | values}
    stages[position] = replace(stage, changes=changes)
    return replace(config, stages=tuple(stages))


def describe_stage(config: Config, position: int) -> str:
    """'stage 2 of 3, epochs 21 to 30: data.image_size=[640,640] train.batch_size=4'."""
    stage, before = config.stages[position], sum(stage.epochs for stage in config.stages[:position])
    words = [
        f"{section}.{key}={list(value) if isinstance(value, tuple) else value}".replace(", ", ",")
        for section, values in stage.changes.items()
        for key, value in values.items()
    ]
    epochs = f"epochs {before + 1} to {before + stage.epochs}"
    return f"stage {position + 1} of {len(config.stages)}, {epochs}: {' '.join(words) or 'the settings of the recipe'}"
