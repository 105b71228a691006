"""A checkpoint -> an ONNX file that predicts without torch: fixed size, dynamic batch, gray uint8 in, maps out."""

import io
import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from landmarks.inference.card import ModelCard, ModelFileError
from landmarks.inference.network import TorchNetwork, open_checkpoint
from landmarks.inference.onnx import INPUT, OUTPUT, OnnxNetwork, card_metadata, open_onnx, sealed
from landmarks.wholefile import put_in_place

log = logging.getLogger(__name__)

_OPSET = 17
# Largest difference of a map's values, which reach 1, between torch and onnxruntime that an export may have.
_TOLERANCE = {"fp32": 1e-3, "fp16": 3e-2}
# Smaller tensors stay in single precision: they hold the sums that rounding would shift, and weigh nothing.
_SMALL = 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Exported:
    path: Path
    num_bytes: int
    largest_difference: float
    """Between maps of torch and of onnxruntime, over batches of 1, 2 and 3."""


def export_onnx(checkpoint: Path, output: Path, *, half: bool = False, licence: str = "", text: str = "") -> Exported:
    """Writes a checkpoint's network as an ONNX file with its card and error radii, and checks what was written.

    Args:
        half: stores weights in half precision, which halves the file; the arithmetic stays in single precision.
        licence: terms under which the model may be used.
        text: model card in Markdown.
    Raises: CheckpointError; ModelFileError where `onnx` is not installed or the result differs from torch.
    """
    if output.suffix.lower() != ".onnx":
        raise ModelFileError(f"{output}: an ONNX file; write a name that ends in .onnx")
    reference = open_checkpoint(checkpoint, device="cpu", overrides=["train.precision=fp32"])
    card = replace(reference.card, precision="fp16" if half else "fp32", licence=licence, text=text)
    if card.calibration is None:
        log.warning(f"{checkpoint}: no error radii; make them first with: landmarks eval --calibrate 0.9")
    content = onnx_bytes(reference, card)
    difference = _largest_difference(reference, OnnxNetwork(content, str(output), device="cpu"))
    if not difference <= _TOLERANCE[card.precision]:
        raise ModelFileError(f"{output}: maps differ from torch's by {difference:.2g}; not written")
    part = output.with_name(f".{output.name}.part")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        open_onnx(part, device="cpu")
        put_in_place(part, output)
    finally:
        part.unlink(missing_ok=True)
    return Exported(path=output, num_bytes=len(content), largest_difference=difference)


def onnx_bytes(network: TorchNetwork, card: ModelCard) -> bytes:
    """An ONNX file's content, checksum included; the card's precision is that of the stored weights.

    Raises: ModelFileError where `onnx` is not installed.
    """
    return sealed(_with_card(_graph(network), card, half=card.precision == "fp16"))


def _graph(network: TorchNetwork) -> bytes:
    """The serialised graph: uint8 [batch, 1, H, W] -> float32 [batch, K, H/4, W/4]."""
    buffer = io.BytesIO()
    example = torch.zeros(2, 1, *network.card.image_size, dtype=torch.uint8)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of the tracer, about shapes that are constant here, and of its age
        torch.onnx.export(
            network.model,
            (example,),
            buffer,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: {0: "batch"}, OUTPUT: {0: "batch"}},
            opset_version=_OPSET,
            dynamo=False,
        )
    return buffer.getvalue()


def _with_card(graph: bytes, card: ModelCard, *, half: bool) -> bytes:
    try:
        import onnx
    except ImportError as error:
        raise ModelFileError("export needs onnx; install it with: pip install onnx onnxruntime") from error
    model = onnx.load_from_string(graph)
    if half:
        _store_half(onnx, model)
    onnx.helper.set_model_props(model, card_metadata(card))
    onnx.checker.check_model(model)
    return model.SerializeToString(deterministic=True)


def _store_half(onnx, model) -> None:
    """Large weights in half precision, each cast to single precision when the file is loaded."""
    casts = []
    for tensor in model.graph.initializer:
        weights = onnx.numpy_helper.to_array(tensor)
        if weights.dtype != np.float32 or weights.size < _SMALL:
            continue
        name = tensor.name
        tensor.CopyFrom(onnx.numpy_helper.from_array(weights.astype(np.float16), f"{name}_half"))
        casts.append(onnx.helper.make_node("Cast", [f"{name}_half"], [name], to=onnx.TensorProto.FLOAT))
    for cast in reversed(casts):
        model.graph.node.insert(0, cast)


def _largest_difference(reference: TorchNetwork, exported: OnnxNetwork, batches: Sequence[int] = (1, 2, 3)) -> float:
    """Over films of smooth noise, on which a network answers as on films, with values all over its range."""
    rng = np.random.default_rng(0)
    height, width = reference.card.image_size
    largest = 0.0
    for num in batches:
        coarse = rng.integers(0, 256, (num, 1, height // 16, width // 16), dtype=np.uint8)
        images = coarse.repeat(16, axis=2).repeat(16, axis=3)
        largest = max(largest, float(np.abs(reference.maps(images) - exported.maps(images)).max()))
    return largest
