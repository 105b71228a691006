"""An exported ONNX file -> its network in torch, to be fine-tuned."""

from pathlib import Path

import numpy as np
import torch

from landmarks.configfile import config_from_dict
from landmarks.inference.card import ModelFileError
from landmarks.inference.onnx import open_onnx, read_sealed
from landmarks.models.fold import unfold_norms
from landmarks.tasks.landmarks.task import LandmarkTask
from landmarks.tasks.saved import Loaded


def load_onnx(path: Path) -> Loaded:
    """The network of an exported landmark model, in eval mode.

    The file holds no statistics of norms, so the network must be trained with `train.batch_norm=frozen`.

    Raises: ModelFileError where the file is no landmark model, holds more than one network or other weights than floats, or
        `onnx` is not installed.

    Example:
        model, config, task = load_onnx(Path("model.onnx"))
    """
    card = open_onnx(path, device="cpu").card
    try:
        import onnx
    except ImportError as error:
        raise ModelFileError(f"{path}: fine-tuning an ONNX file needs onnx; install it with: pip install onnx") from error
    graph = onnx.load_from_string(read_sealed(path)).graph
    weights = {item.name: _tensor(onnx.numpy_helper.to_array(item)) for item in graph.initializer}
    for node in graph.node:  # weights in half precision are cast, equal ones are stored once
        if node.op_type in ("Cast", "Identity") and node.input[0] in weights:
            weights[node.output[0]] = weights[node.input[0]]
    config = config_from_dict(card.settings)
    task = LandmarkTask(config, card.landmarks, card.shape, card.habit, card.further)
    model = task.build_network(pretrained=False, recompute="none")
    try:
        unfold_norms(model, weights)
    except (KeyError, RuntimeError) as error:
        raise ModelFileError(f"{path}: not one network as this project exports it, so it cannot be fine-tuned") from error
    return Loaded(model.eval(), config, task)


def _tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array.astype(np.float32))
