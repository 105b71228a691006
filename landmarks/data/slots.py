"""Images from loader workers to the training process through memory that both keep."""

import mmap
import sys
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import get_worker_info


class ImageSlots:
    """Shared memory for the image batches under way.

    torch's own way maps new shared memory for every batch: its page faults take half as long as a warp. A worker
    fills its slots in turn. At most `prefetch` of its batches wait or are being made, and one has just arrived: with one
    slot more than `prefetch` no slot is filled again before `take` has copied it. Samples are named tuples with a field
    `image`, all of one shape; their other fields are small and go through the workers' pipe.
    """

    def __init__(self, *, workers: int, prefetch: int, batch_size: int, image_size: tuple[int, int]) -> None:
        shape = (workers, prefetch + 1, batch_size, 1, *image_size)
        self._images = shared_bytes(int(np.prod(shape))).view(shape)
        self._turn = 0

    def put(self, samples: list[NamedTuple]) -> tuple:
        """In a worker: the batch of these samples, less its images; where they are stands in their place."""
        worker, slot = get_worker_info().id, self._turn
        self._turn = (self._turn + 1) % self._images.shape[1]
        torch.stack([sample.image for sample in samples], out=self._images[worker, slot, : len(samples)])
        return type(samples[0]), {
            name: _packed([getattr(sample, name) for sample in samples]) for name in samples[0]._fields if name != "image"
        } | {"image": (worker, slot, len(samples))}

    def take(self, batch: tuple, *, pin_memory: bool) -> NamedTuple:
        """In the training process: the whole batch, in memory of its own."""
        kind, fields = batch
        worker, slot, num = fields["image"]
        fields = {name: torch.from_numpy(value) if isinstance(value, np.ndarray) else value for name, value in fields.items()}
        fields["image"] = self._images[worker, slot, :num]
        return kind(**{name: _own(value, pin_memory) for name, value in fields.items()})


def shared_bytes(num: int) -> torch.Tensor:
    """uint8 [num], the same in this process and in workers that it starts; pages never written take no memory."""
    if sys.platform == "linux":  # workers are forks; unlike /dev/shm, which containers keep small, this has no limit
        return torch.frombuffer(mmap.mmap(-1, num), dtype=torch.uint8)
    return torch.empty(num, dtype=torch.uint8).share_memory_()


def _packed(values: list) -> np.ndarray | list[str]:
    if isinstance(values[0], str):
        return values
    return torch.stack(values).numpy() if isinstance(values[0], torch.Tensor) else np.array(values)


def _own(value: torch.Tensor | list[str], pin_memory: bool):
    if not isinstance(value, torch.Tensor):
        return value
    own = torch.empty(value.shape, dtype=value.dtype, pin_memory=pin_memory)
    own.numpy()[...] = value.numpy()  # torch would wake its threads for this copy, and they spin on the workers' cores
    return own
