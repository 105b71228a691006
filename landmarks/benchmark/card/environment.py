"""Part 1: card, driver, versions, and torch's switches as a training run sets them."""

import os
import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version

import torch

from landmarks.benchmark.card.bench import Bench
from landmarks.data.resources import available_memory, usable_cores
from landmarks.engine.memory import MIB
from landmarks.engine.network import set_up_torch
from landmarks.engine.runfolder import versions

_PACKAGES = ("timm", "numpy", "opencv-python-headless", "triton", "onnx", "onnxruntime", "landmarker")


def run(bench: Bench) -> None:
    used_before = used_by_all() if bench.device.type == "cuda" else None
    bench.item("machine", _machine)
    bench.item("versions", _versions)
    bench.item("switches", lambda: _switches(bench))
    if bench.device.type == "cuda":
        bench.item("card", lambda: _card(bench.device))
        bench.item("context", lambda: context(bench.device, used_before))


def _machine() -> dict:
    return {
        "system": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": usable_cores(),
        "memory MiB": available_memory() // MIB,
    }


def _versions() -> dict:
    found = versions() | {"cudnn": str(torch.backends.cudnn.version() or "")}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "missing"
    return found


def _switches(bench: Bench) -> dict:
    """In force after what every run does first."""
    set_up_torch(bench.recipe("1024_rtx3070ti"), bench.device)
    return {
        "cudnn.benchmark": torch.backends.cudnn.benchmark,
        "cudnn.allow_tf32": torch.backends.cudnn.allow_tf32,
        "matmul precision": torch.get_float32_matmul_precision(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "allocator": os.environ.get("PYTORCH_CUDA_ALLOC_CONF", os.environ.get("PYTORCH_ALLOC_CONF", "")),
        "threads": torch.get_num_threads(),
    }


def _card(device: torch.device) -> dict:
    about = torch.cuda.get_device_properties(device)
    free, total = torch.cuda.mem_get_info(device)
    return {
        "name": about.name,
        "capability": f"{about.major}.{about.minor}",
        "multiprocessors": about.multi_processor_count,
        "total MiB": total // MIB,
        "free MiB": free // MIB,
        "bf16": torch.cuda.is_bf16_supported(including_emulation=False),
        "driver": _ask_driver("driver_version"),
        "clocks now": _ask_driver("clocks.sm,clocks.mem,power.limit"),
    }


def context(device: torch.device, used_before: float | None) -> dict:
    """MiB of the card that torch's allocator does not know of, after a convolution and a product of matrices."""
    half = torch.ones(2, 64, 64, 64, device=device, dtype=torch.float16)
    torch.nn.functional.conv2d(half, torch.ones(64, 64, 3, 3, device=device, dtype=torch.float16), padding=1)
    torch.ones(64, 64, device=device) @ torch.ones(64, 64, device=device)
    torch.cuda.synchronize(device)
    return {"used before MiB": used_before, "context MiB": context_mib(device, used_before)}


def context_mib(device: torch.device, used_before: float | None) -> float | None:
    """What this process takes of the card beside its tensors; None where the driver did not say what was used before."""
    if used_before is None:
        return None
    free, total = torch.cuda.mem_get_info(device)
    return (total - free - torch.cuda.memory_reserved(device)) / MIB - used_before


def used_by_all() -> float | None:
    """MiB in use on the first card, asked of the driver's own program so that this process takes nothing for it."""
    words = _ask_driver("memory.used")
    return float(words.split()[0]) if words and words.split()[0].isdigit() else None


def _ask_driver(query: str) -> str:
    program = shutil.which("nvidia-smi")
    if not program:
        return ""
    command = [program, f"--query-gpu={query}", "--format=csv,noheader,nounits"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
    return found.splitlines()[0].strip() if found else ""
