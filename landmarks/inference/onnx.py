"""Networks in ONNX files, run by onnxruntime; neither torch nor onnx is needed to use one.

A file holds, beside the graph, what a checkpoint holds: landmarks, settings, error radii, terms. Its last 78 bytes are a
metadata entry of their own with the SHA-256 of all bytes before them.
"""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from landmarks.inference.card import ModelCard, ModelFileError, card_dict, card_from_dict
from landmarks.inference.decode import decode_maps
from landmarks.prediction import Decoded

Card = TypeVar("Card")
VERSION = 1
INPUT, OUTPUT = "images", "maps"
# The metadata entry as protobuf writes it: field 14 of the model, holding key (field 1) and value (field 2).
_KEY = b"checksum"
_ENTRY = b"\x72" + bytes([4 + len(_KEY) + 64]) + b"\x0a" + bytes([len(_KEY)]) + _KEY + b"\x12\x40"


class OnnxNetwork:
    """Maps of films by onnxruntime; see `predictor.Network`."""

    def __init__(self, content: bytes, where: str, *, device: str = "auto", threads: int = 0) -> None:
        """`threads`: 0 takes OMP_NUM_THREADS, else as many as this process may use.

        Raises: ModelFileError where the content is no ONNX model of this project, or onnxruntime is not installed.
        """
        self._session, metadata = open_session(content, where, device=device, threads=threads)
        if "stage_card" in metadata:
            raise ModelFileError(f"{where}: a model of cervical stages, not of landmarks; name it as --stage-checkpoint")
        self.card = read_card(metadata, "landmarks_card", card_from_dict, where)
        self.device = "cuda" if "CUDA" in self._session.get_providers()[0] else "cpu"

    def maps(self, images: np.ndarray) -> np.ndarray:
        """uint8 [B, 1, H, W] -> float32 maps [B, K, H/4, W/4]."""
        return self._session.run([OUTPUT], {INPUT: np.ascontiguousarray(images)})[0]

    def decode(self, images: np.ndarray, sigma: float) -> Decoded:
        return decode_maps(self.maps(images), sigma)


def open_onnx(path: Path, *, device: str = "auto", threads: int = 0) -> OnnxNetwork:
    """Reads and checks an ONNX file. Raises: ModelFileError.

    Example:
        network = open_onnx(Path("model.onnx"))
        maps = network.maps(pixels[None, None])
    """
    return OnnxNetwork(read_sealed(path), str(path), device=device, threads=threads)


def open_session(content: bytes, where: str, *, device: str = "auto", threads: int = 0) -> tuple[object, dict[str, str]]:
    """An onnxruntime session, and the metadata of its file. Raises: ModelFileError."""
    runtime = _runtime(where)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads or usable_threads()
    options.log_severity_level = 3
    try:
        session = runtime.InferenceSession(content, options, providers=_providers(runtime, device))
        return session, session.get_modelmeta().custom_metadata_map
    except Exception as error:  # the exceptions of onnxruntime share no class
        raise _no_model(where, error) from error


def read_sealed(path: Path) -> bytes:
    """The content of an ONNX file whose checksum is right. Raises: ModelFileError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read ({error.strerror or error})") from error
    if content[-64 - len(_ENTRY) : -64] != _ENTRY:
        raise ModelFileError(f"{path}: truncated, or no model of this project (no checksum); export it again")
    if sealed(content[: -64 - len(_ENTRY)]) != content:
        raise ModelFileError(f"{path}: altered model (its checksum does not match); export it again")
    return content


def sealed(content: bytes) -> bytes:
    """A serialised model with its checksum appended as one more metadata entry."""
    return content + _ENTRY + hashlib.sha256(content).hexdigest().encode()


def card_metadata(card: ModelCard) -> dict[str, str]:
    """A card as the metadata of an ONNX file."""
    return {"landmarks_version": str(VERSION), "landmarks_card": json.dumps(card_dict(card), allow_nan=False)}


def read_card(metadata: dict[str, str], key: str, from_dict: Callable[[dict], Card], where: str) -> Card:
    """The card that a file's metadata holds under this key. Raises: ModelFileError."""
    try:
        if key not in metadata:
            raise ValueError("it has no card")
        if int(metadata["landmarks_version"]) > VERSION:
            raise ValueError(f"made by a newer version of this project, format {metadata['landmarks_version']}")
        return from_dict(json.loads(metadata[key]))
    except (KeyError, TypeError, ValueError) as error:
        raise _no_model(where, error) from error


def _no_model(where: str, error: Exception) -> ModelFileError:
    words = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    return ModelFileError(f"{where}: no ONNX model of this project ({words}); export a checkpoint again")


def usable_threads() -> int:
    """OMP_NUM_THREADS, else the cores that this process may run on."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdigit() and int(asked):
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _runtime(where: str):
    try:
        import onnxruntime
    except ImportError as error:
        raise ModelFileError(f"{where}: needs onnxruntime; install it with: pip install onnxruntime") from error
    return onnxruntime


def _providers(runtime, device: str) -> list[str]:
    """Raises: ModelFileError where CUDA is asked for and this onnxruntime has none."""
    has_cuda = "CUDAExecutionProvider" in runtime.get_available_providers()
    if device == "cuda" and not has_cuda:
        raise ModelFileError("device: cuda, but this onnxruntime has no CUDA; install onnxruntime-gpu, or write auto or cpu")
    return ["CUDAExecutionProvider", "CPUExecutionProvider"] if has_cuda and device != "cpu" else ["CPUExecutionProvider"]
