"""A stage model's checkpoint -> an ONNX file that predicts without torch."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from landmarks.inference.card import ModelFileError
from landmarks.inference.export import Exported, check_name, graph_bytes, sealed_graph, smooth_noise, write_whole
from landmarks.inference.stage_network import open_stage_checkpoint
from landmarks.inference.stages import INPUT, OUTPUT, OnnxStageNetwork, stage_metadata

# Largest difference of a score between torch and onnxruntime that an export may have.
_TOLERANCE = {"fp32": 1e-3, "fp16": 5e-2}


def export_stages(checkpoint: Path, output: Path, *, half: bool = False, licence: str = "", text: str = "") -> Exported:
    """Writes a checkpoint's network as an ONNX file with its card and calibration, and checks what was written.

    Args: as those of `export.export_onnx`.
    Raises: CheckpointError; ModelFileError where `onnx` is not installed or the result differs from torch.
    """
    check_name(output)
    reference = open_stage_checkpoint(checkpoint, device="cpu", overrides=["train.precision=fp32"])
    card = replace(reference.card, precision="fp16" if half else "fp32", licence=licence, text=text)
    graph = graph_bytes(reference.model, card.image_size, names=(INPUT, OUTPUT))
    content = sealed_graph(graph, stage_metadata(card), half=half)
    exported = OnnxStageNetwork(content, str(output), device="cpu")
    images = [smooth_noise(card.image_size, num) for num in (1, 2, 3)]
    difference = max(float(np.abs(reference.scores(part) - exported.scores(part)).max()) for part in images)
    if not difference <= _TOLERANCE[card.precision]:
        raise ModelFileError(f"{output}: scores differ from torch's by {difference:.2g}; not written")
    write_whole(output, content)
    return Exported(path=output, num_bytes=len(content), largest_difference=difference)
