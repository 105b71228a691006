"""A checkpoint -> an ONNX file that predicts without torch: fixed size, dynamic batch, gray uint8 in, maps out."""

import io
import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from landmarks.inference.card import ModelCard, ModelFileError
from landmarks.inference.ensemble import mean_card
from landmarks.inference.network import MeanModel, TorchNetwork, open_checkpoint
from landmarks.inference.onnx import INPUT, OUTPUT, OnnxNetwork, card_metadata, read_sealed, sealed
from landmarks.inference.opening import model_files
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


def export_onnx(
    checkpoint: Path | Sequence[Path], output: Path, *, half: bool = False, licence: str = "", text: str = ""
) -> Exported:
    """Writes a checkpoint's network as an ONNX file with its card and error radii, and checks what was written.

    Args:
        checkpoint: a `.pt` file, an `ensemble.json` or several files; of several networks the graph averages the maps.
        half: stores weights in half precision, which halves the file; the arithmetic stays in single precision.
        licence: terms under which the model may be used.
        text: model card in Markdown.
    Raises: CheckpointError; ModelFileError where `onnx` is not installed, the models do not fit together or the result
        differs from torch.
    """
    check_name(output)
    reference = _open_torch(checkpoint)
    card = replace(reference.card, precision="fp16" if half else "fp32", licence=licence, text=text)
    if card.calibration is None:
        log.warning(f"{output}: without error radii, as the checkpoint has none; landmarks eval --calibrate 0.9 makes them")
    content = onnx_bytes(reference, card)
    exported = OnnxNetwork(content, str(output), device="cpu")
    films = [smooth_noise(card.image_size, num) for num in (1, 2, 3)]
    difference = max(float(np.abs(reference.maps(part) - exported.maps(part)).max()) for part in films)
    if not difference <= _TOLERANCE[card.precision]:
        raise ModelFileError(f"{output}: maps differ from torch's by {difference:.2g}; not written")
    write_whole(output, content)
    return Exported(path=output, num_bytes=len(content), largest_difference=difference)


def check_name(output: Path) -> None:
    """Raises: ModelFileError where a file of this name would not be read as an ONNX file."""
    if output.suffix.lower() != ".onnx":
        raise ModelFileError(f"{output}: an ONNX file; write a name that ends in .onnx")


def write_whole(output: Path, content: bytes) -> None:
    """Whole or not at all; what was written is read back. Raises: ModelFileError, OSError."""
    part = output.with_name(f".{output.name}.part")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        read_sealed(part)
        put_in_place(part, output)
    finally:
        part.unlink(missing_ok=True)


def _open_torch(named: Path | Sequence[Path]) -> TorchNetwork:
    """One network in torch, the mean of several where several are named."""
    files, calibration = model_files(named)
    for file in files:
        if file.suffix.lower() == ".onnx":
            raise ModelFileError(f"{file}: exported already; name the checkpoint that it comes from")
    networks = [open_checkpoint(file, device="cpu", overrides=["train.precision=fp32"]) for file in files]
    if len(networks) == 1 and calibration is None:
        return networks[0]
    card = mean_card([network.card for network in networks], files, calibration)
    return TorchNetwork(MeanModel([network.model for network in networks]), card, device=torch.device("cpu"))


def onnx_bytes(network: TorchNetwork, card: ModelCard) -> bytes:
    """An ONNX file's content, checksum included; the card's precision is that of the stored weights.

    Raises: ModelFileError where `onnx` is not installed.
    """
    graph = graph_bytes(network.model, card.image_size, names=(INPUT, OUTPUT))
    return sealed_graph(graph, card_metadata(card), half=card.precision == "fp16")


def graph_bytes(model: nn.Module, image_size: tuple[int, int], *, names: tuple[str, str]) -> bytes:
    """The serialised graph: uint8 [batch, 1, H, W] -> float32 [batch, ...]; `names` of input and output."""
    buffer = io.BytesIO()
    example = torch.zeros(2, 1, *image_size, dtype=torch.uint8)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of the tracer, about shapes that are constant here, and of its age
        torch.onnx.export(
            model,
            (example,),
            buffer,
            input_names=[names[0]],
            output_names=[names[1]],
            dynamic_axes={name: {0: "batch"} for name in names},
            opset_version=_OPSET,
            dynamo=False,
        )
    return buffer.getvalue()


def sealed_graph(graph: bytes, metadata: dict[str, str], *, half: bool) -> bytes:
    """An ONNX file's content of a graph and its metadata, with its checksum. Raises: ModelFileError."""
    try:
        import onnx
    except ImportError as error:
        raise ModelFileError("export needs onnx; install it with: pip install onnx onnxruntime") from error
    model = onnx.load_from_string(graph)
    if half:
        _store_half(onnx, model)
    onnx.helper.set_model_props(model, metadata)
    onnx.checker.check_model(model)
    return sealed(model.SerializeToString(deterministic=True))


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


def smooth_noise(image_size: tuple[int, int], num: int) -> np.ndarray:
    """uint8 [num, 1, H, W], on which a network answers as on films, with values all over its range."""
    rng = np.random.default_rng(num)
    height, width = image_size
    coarse = rng.integers(0, 256, (num, 1, height // 16, width // 16), dtype=np.uint8)
    return coarse.repeat(16, axis=2).repeat(16, axis=3)
