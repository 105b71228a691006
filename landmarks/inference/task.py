"""What a model file was trained for."""

import json
from pathlib import Path

from landmarks.inference.ensemble import SUFFIX, read_ensemble
from landmarks.inference.onnx import open_session, read_sealed
from landmarks.inference.released import model_file


def task_of(path: str | Path) -> str:
    """The task's name, as `model.task` has it, of a model file. Raises: ValueError.

    Example:
        task_of("cvm.onnx")    # cvm
    """
    path = model_file(path)
    if path.suffix.lower() == SUFFIX:
        return task_of(read_ensemble(path).models[0])
    if path.suffix.lower() == ".onnx":
        _, metadata = open_session(read_sealed(path), str(path), device="cpu", threads=1)
        card = json.loads(metadata.get("landmarks_card") or metadata.get("stage_card") or "{}")
        return card.get("settings", {}).get("model", {}).get("task", "landmarks")
    from landmarks.tasks.saved import task_name  # torch is not needed for ONNX

    return task_name(path)
