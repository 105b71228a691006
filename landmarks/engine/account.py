"""What a training step keeps in memory, counted without a device: the real network and loss on tensors without content."""

import weakref
from dataclasses import dataclass

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from landmarks.tasks.task import Network, Task

# CUDA hands out memory in pieces of 512 bytes.
_PIECE = 512


@dataclass(frozen=True, kw_only=True, slots=True)
class PassAccount:
    """One image's forward and backward pass; sizes in bytes, and proportional to the images of a pass."""

    kept: int
    """Activations alive at the end of the forward pass."""
    peak: int
    """Most that was alive at any moment, weights, gradients and optimizer left out."""
    loss: int
    """Most that the loss alone adds to what is kept."""
    flops: int
    """Multiplications and additions of the convolutions, recomputed ones included."""
    traffic: int
    """What all operations read and write, each by itself."""


def count_static(model: Network, *, half: bool, ema: bool, averages: int = 2) -> int:
    """Bytes of a model's weights, gradients, the optimizer's averages, the EMA, and autocast's half copies of the kernels."""
    parameters = sum(p.numel() for p in model.parameters())
    buffers = sum(b.numel() for b in model.buffers())
    kernels = sum(p.numel() for p in model.parameters() if p.ndim > 1)
    return 4 * (parameters * (2 + averages + ema) + buffers * (2 if ema else 1)) + (2 * kernels if half else 0)


def account_pass(task: Task, network: Network, image_size: tuple[int, int]) -> PassAccount:
    """Runs one image of `image_size` (height, width) forward and backward through an `empty_network`."""
    memory = LiveMemory()
    for tensor in [*network.parameters(), *(p.grad for p in network.parameters()), *network.buffers()]:
        memory.leave_out(tensor)
    example = task.targets.example()
    target = type(example)(*(torch.empty_like(value[None], device="meta") for value in example))
    with torch.device("meta"), memory:
        outputs = network(torch.empty(1, 1, *image_size, dtype=torch.uint8))
        kept, before = memory.live, memory.peak
        memory.peak = kept
        total = task.loss_sum(outputs, target)
        del outputs
        at_loss = memory.peak - kept
        total.backward()
    return PassAccount(kept=kept, peak=max(before, memory.peak), loss=at_loss, flops=memory.flops, traffic=memory.traffic)


def empty_network(task: Task, *, half: bool) -> Network:
    """A network without content, with gradients in place, whose tensors have the types that they have under autocast."""
    with torch.device("meta"):
        built = task.build_network(pretrained=False, recompute="none").train()
        built = built.half() if half else built
        for parameter in built.parameters():
            parameter.grad = torch.empty_like(parameter)
    return built


class LiveMemory(TorchDispatchMode):
    """Adds up the storages that operations make, takes each off when its last tensor dies, and counts arithmetic."""

    def __init__(self) -> None:
        super().__init__()
        self.live = self.peak = self.flops = self.traffic = 0
        self._known = {}

    def leave_out(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        self._known[storage._cdata] = storage

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if count := flop_registry.get(func.overloadpacket):
            self.flops += count(*args, **(kwargs or {}), out_val=result)
        if not func.is_view:
            self.traffic += sum(t.nbytes for t in tree_leaves((args, kwargs, result)) if isinstance(t, torch.Tensor))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                self._add(tensor.untyped_storage())
        return result

    def _add(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key in self._known:
            return
        size = -(-storage.nbytes() // _PIECE) * _PIECE
        self.live += size
        self.peak = max(self.peak, self.live)
        self._known[key] = weakref.ref(storage, lambda _: self._drop(key, size))

    def _drop(self, key: int, size: int) -> None:
        del self._known[key]
        self.live -= size
