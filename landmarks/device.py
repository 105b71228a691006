"""The device that a network runs on: which one, in which number format, and how it says that its memory is full."""

import torch

from landmarks.config import DEVICES

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
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device: cuda, but torch sees no CUDA device; write auto or cpu")
    if name != "cuda":
        return torch.device(name)
    if index >= torch.cuda.device_count():
        found = torch.cuda.device_count()
        raise ValueError(f"device: process {index} of this machine has no GPU ({found} found); lower --nproc_per_node")
    torch.cuda.set_device(index)
    return torch.device(name, index)


def usable_precision(precision: str, device: torch.device) -> str:
    """A checkpoint trained in fp16 on a GPU is evaluated in fp32 on a CPU."""
    return "fp32" if precision == "fp16" and device.type == "cpu" else precision


def autocast(device: torch.device, precision: str) -> torch.autocast:
    dtype = torch.float16 if precision == "fp16" else torch.bfloat16
    return torch.autocast(device.type, dtype=dtype, enabled=precision != "fp32")


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether a pass failed for want of memory, in any of torch's and its libraries' words."""
    return isinstance(error, torch.OutOfMemoryError) or any(words in str(error) for words in _NO_MEMORY)
