"""Tasks by name. A new one is a folder here and a line in this dictionary."""

from landmarks.config import Config
from landmarks.settings import SettingError
from landmarks.tasks.cvm.task import StageTask
from landmarks.tasks.landmarks.task import LandmarkTask
from landmarks.tasks.task import Task

TASKS: dict[str, type[Task]] = {"landmarks": LandmarkTask, "cvm": StageTask}


def task_type(config: Config) -> type[Task]:
    """The task that `model.task` names. Raises: SettingError."""
    try:
        return TASKS[config.model.task]
    except KeyError:
        known = ", ".join(TASKS)
        raise SettingError(f"model.task: found {config.model.task!r}; write one of {known}") from None
