"""Networks out of checkpoints: to predict, to describe, to start another run from."""

import json
from pathlib import Path
from typing import NamedTuple

import safetensors
import torch
from safetensors.torch import save_file

from landmarks.checkpointfile import CheckpointError, read_checkpoint
from landmarks.config import Config
from landmarks.configfile import config_from_dict
from landmarks.schema import LandmarkSet
from landmarks.tasks import task_type
from landmarks.tasks.task import Network, Task


class Loaded(NamedTuple):
    """What a checkpoint holds for prediction."""

    model: Network
    config: Config
    task: Task

    @property
    def landmarks(self) -> LandmarkSet:
        """Of a landmark model."""
        return self.task.landmarks


def load_model(path: Path) -> Loaded:
    """The network of a checkpoint, or of weights alone, in eval mode; with its averaged weights where it has them.

    Raises: CheckpointError.
    """
    content = _read(path)
    try:
        config = config_from_dict(content["config"])
        task = task_type(config).from_dict(config, content["task"])
        model = task.build_network(pretrained=False, recompute="none")
        model.load_state_dict(averaged(content))
    except (KeyError, RuntimeError, ValueError) as error:
        raise CheckpointError(f"{path}: from another version of this project ({str(error).splitlines()[0]})") from error
    return Loaded(model.eval(), config, task)


def init_from(task: Task, network: Network, path: Path) -> str:
    """Starts a network from another run's weights, as far as they fit.

    Returns: a line that says what was loaded and what was not. Raises: CheckpointError.
    """
    content = _read(path)
    try:
        return f"init_from {path}: {task.init_network(network, dict(averaged(content)), content['task'])}"
    except KeyError as error:
        raise CheckpointError(f"{path}: from another version of this project (no {error})") from error
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from error


def task_name(path: Path) -> str:
    """The value of `model.task` of a checkpoint. Raises: CheckpointError."""
    try:
        return _read(path)["config"]["model"].get("task", "landmarks")
    except (KeyError, AttributeError) as error:
        raise CheckpointError(f"{path}: from another version of this project (no {error})") from error


def averaged(content: dict) -> dict[str, torch.Tensor]:
    """The weights that predict: the averaged ones, where there are any."""
    return content.get("ema") or content["model"]


def describe_checkpoint(content: dict) -> str:
    """What a checkpoint holds, as lines of YAML-like text."""
    weights = sum(t.numel() * t.element_size() for t in content["model"].values())
    config = config_from_dict(content["config"])
    lines = [task_type(config).from_dict(config, content["task"]).describe()]
    lines += [f"weights: {weights / 2**20:.1f} MiB, averaged weights: {'yes' if content.get('ema') else 'no'}"]
    facts = {"versions": content["versions"], "labels": content["data"], "progress": content["progress"]}
    for part, values in (facts | content["config"]).items():
        lines += [f"{part}:", *(f"  {key}: {value}" for key, value in values.items())]
    return "\n".join(lines)


def _read(path: Path) -> dict:
    """A checkpoint `.pt`, or what `write_weights` wrote, as plain tensors and dicts. Raises: CheckpointError."""
    if path.suffix.lower() != ".safetensors":
        return read_checkpoint(path)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
            task = json.loads(about["task"]) if "task" in about else {"landmarks": json.loads(about["landmarks"])}
            weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no mapping)
            return {"model": weights, "config": json.loads(about["config"]), "task": task}
    except KeyError as error:
        raise CheckpointError(f"{path}: weights without the settings of this project (no {error} in its header)") from error
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        raise CheckpointError(f"{path}: cannot be read as weights ({str(error).splitlines()[0]})") from error


def write_weights(path: Path, content: dict) -> None:
    """The weights alone, averaged where there are any, as safetensors with task and settings in its header."""
    state = {key: value.contiguous() for key, value in averaged(content).items()}
    about = {"task": json.dumps(content["task"]), "config": json.dumps(content["config"])}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(state, path, metadata=about)
