"""The device that a network runs on: which one, in which number format, and how it says that its memory is full."""

import functools
import logging
import os
import shutil
import subprocess

import torch

from landmarks.trainconfig import DEVICES

log = logging.getLogger(__name__)

# Where no kernel of cuDNN finds room, or a library's own allocation fails, torch raises a plain RuntimeError.
_NO_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "ALLOC_FAILED",
    "ALLOCATION_FAILED",  # cuDNN 9: CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED and ..._DEVICE_ALLOCATION_FAILED
    "unable to find an engine",
)


def choose_device(name: str, index: int = 0) -> torch.device:
    """auto takes the GPU where there is one, `index` on this machine. Raises: ValueError where there is no such device."""
    if name not in DEVICES:
        raise ValueError(f"device: found {name!r}; write one of {', '.join(DEVICES)}")
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device: cuda, but {unusable_card() or 'torch sees no CUDA device; write auto or cpu'}")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
        if name == "cpu" and (line := unusable_card()):
            log.warning(line)
    if name != "cuda":
        return torch.device(name)
    if index >= torch.cuda.device_count():
        found = torch.cuda.device_count()
        raise ValueError(f"device: process {index} of this machine has no GPU ({found} found); lower --nproc_per_node")
    torch.cuda.set_device(index)
    return torch.device(name, index)


@functools.cache
def unusable_card() -> str:
    """One line about an NVIDIA card of this machine that torch cannot use, and what to install; empty where there is none.

    On Windows `pip install torch` installs a build without CUDA.
    """
    program = shutil.which("nvidia-smi")
    if torch.cuda.is_available() or not program or os.environ.get("CUDA_VISIBLE_DEVICES", "0") in ("", "-1"):
        return ""
    query = [program, "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        found = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
    if not found:
        return ""
    name, _, driver = found.splitlines()[0].partition(", ")
    card = f"this machine has an NVIDIA card ({name}, driver {driver})"
    if torch.version.cuda:
        return f"{card} that torch {torch.__version__} for CUDA {torch.version.cuda} cannot use; install a newer driver"
    return (
        f"{card}, but torch {torch.__version__} is built without CUDA; install one with CUDA, as "
        "https://pytorch.org/get-started/locally shows (Windows, Pip, CUDA), with pip's --force-reinstall"
    )


def usable_precision(precision: str, device: torch.device) -> str:
    """The number format on this device: what `auto` chooses, and fp32 for a checkpoint of a GPU's fp16 on a processor.

    `auto` is bf16 where the device computes with it, otherwise fp16 on a GPU and fp32 on a processor, which without such
    instructions takes longer with bf16 than with fp32.
    """
    if precision == "auto":
        if device.type == "cuda":
            return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
        return "bf16" if _processor_has_bf16() else "fp32"
    return "fp32" if precision == "fp16" and device.type == "cpu" else precision


def _processor_has_bf16() -> bool:
    if hasattr(torch.cpu, "get_capabilities"):
        return any(present for name, present in torch.cpu.get_capabilities().items() if "bf16" in name)
    return torch.cpu._is_avx512_bf16_supported()


def autocast(device: torch.device, precision: str) -> torch.autocast:
    precision = usable_precision(precision, device) if precision == "auto" else precision
    dtype = torch.float16 if precision == "fp16" else torch.bfloat16
    return torch.autocast(device.type, dtype=dtype, enabled=precision != "fp32")


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether a pass ran out of memory, by the message of torch or one of its libraries."""
    return isinstance(error, torch.OutOfMemoryError) or any(words in str(error) for words in _NO_MEMORY)
