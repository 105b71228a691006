"""Device memory: its cap, and how a window that did not fit is undone and repeated in smaller pieces."""

import sys

import torch
from torch import nn

from landmarks.engine.checkpoint import Progress, capture_generators, restore_generators
from landmarks.engine.constants import read_constants
from landmarks.engine.stopping import TrainingError
from landmarks.tasks.task import Network
from landmarks.trainconfig import RECOMPUTE_LEVELS, TrainConfig, parse_size

MIB = 2**20
CONTEXT_BYTES = int(read_constants().context_mib * MIB)


def usable_memory(train: TrainConfig, device: torch.device) -> int:
    """Bytes that this process may take of a CUDA device, its context included: what is free, or the limit if that is less."""
    free, _ = torch.cuda.mem_get_info(device)  # less what other programs, a desktop's above all, hold
    here = free + torch.cuda.memory_reserved(device) + CONTEXT_BYTES
    return min(here, parse_size(train.memory_limit)) if train.memory_limit else here


def cap_memory(train: TrainConfig, device: torch.device) -> str:
    """Lets this process take no more than `train.memory_limit` of the card; returns a line where that cannot be done.

    Windows moves what does not fit into the computer's own memory, silently and ten times slower: there a run without
    a limit is capped at what the card has free, so that it fails or recovers instead.
    """
    if device.type != "cuda":
        return "train.memory_limit: caps a CUDA device's memory; not used on the CPU" if train.memory_limit else ""
    if not train.memory_limit and sys.platform != "win32":
        return ""
    limit, total = usable_memory(train, device), torch.cuda.get_device_properties(device).total_memory
    torch.cuda.set_per_process_memory_fraction(max(limit - CONTEXT_BYTES, limit // 4) / total, device)
    return ""


class WindowState:
    """What the forward passes of a window change beside gradients: BatchNorm's buffers and the generators."""

    def __init__(self, model: nn.Module) -> None:
        buffers = list(model.buffers())
        floats = [b for b in buffers if b.is_floating_point()]
        whole = [b for b in buffers if not b.is_floating_point()]
        # one call copies all buffers of a kind into memory that is taken once
        self._kinds = [(kind, [b.clone() for b in kind]) for kind in (floats, whole) if kind]
        self._generators = {}

    def hold(self) -> None:
        """Remembers the state; no waiting for the device."""
        for buffers, copies in self._kinds:
            torch._foreach_copy_(copies, buffers)
        self._generators = capture_generators()

    def restore_buffers(self) -> None:
        for buffers, copies in self._kinds:
            torch._foreach_copy_(buffers, copies)

    def restore(self) -> None:
        """Takes the window back and gives the memory that it left cached to the device again."""
        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()
        self.restore_buffers()
        restore_generators(self._generators)


def take_less(progress: Progress, model: Network, *, batch_size: int) -> tuple[str, dict[str, int]]:
    """After a window that did not fit: half the images a pass, or, at one image, the model's next recompute level.

    The window's images, their order and the learning rate stay, so the step is the same but for BatchNorm, which sees
    fewer images at once.
    Returns: the line that says so, and the sizes to log. Raises: TrainingError where nothing is left to give up.
    """
    now, where = progress.micro_batch or batch_size, f"out of memory at step {progress.step + 1}"
    if now > 1:
        progress.micro_batch = -(-now // 2)
        passes = -(-batch_size // progress.micro_batch)
        line = (
            f"{where}: micro-batch {now} -> {progress.micro_batch} images, {passes} passes for each batch of {batch_size}; "
            "the effective batch stays, and the window is repeated"
        )
    else:
        level = RECOMPUTE_LEVELS.index(model.recompute) + 1
        if level == len(RECOMPUTE_LEVELS):
            raise TrainingError(
                f"{where}, with one image a pass and train.recompute=all; lower data.image_size or model.backbone"
            )
        line = f"{where}: train.recompute {model.recompute} -> {RECOMPUTE_LEVELS[level]}; the window is repeated"
        progress.recompute = model.recompute = RECOMPUTE_LEVELS[level]
    return line, {"micro_batch": progress.micro_batch, "recompute_level": RECOMPUTE_LEVELS.index(model.recompute)}


def higher_level(*levels: str) -> str:
    """The level that recomputes most; '' counts as none."""
    return max((level or "none" for level in levels), key=RECOMPUTE_LEVELS.index)


def peak_memory(device: torch.device) -> float:
    """MiB: reserved on the GPU, else the largest resident set of this process so far."""
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device) / MIB
    if sys.platform == "win32":
        return 0.0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
