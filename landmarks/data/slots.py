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
    `image`, in a batch all of one shape, up to `image_size`; their other fields are small and go through the workers' pipe.
    """

    def __init__(self, *, workers: int, prefetch: int, batch_size: int, image_size: tuple[int, int]) -> None:
        shape = (workers, prefetch + 1, batch_size * image_size[0] * image_size[1])
        self._pixels = shared_bytes(int(np.prod(shape))).view(shape)
        self._turn = 0

    def put(self, samples: list[NamedTuple]) -> NamedTuple:
        """In a worker: the batch of these samples; where its images are stands in their place."""
        worker, slot = get_worker_info().id, self._turn
        self._turn = (self._turn + 1) % self._pixels.shape[1]
        shape = (len(samples), *samples[0].image.shape)
        torch.stack([sample.image for sample in samples], out=self._images(worker, slot, shape))
        return _packed([sample._replace(image=0) for sample in samples])._replace(image=(worker, slot, shape))

    def take(self, batch: NamedTuple, *, pin_memory: bool) -> NamedTuple:
        """In the training process: the whole batch, in memory of its own."""
        return _own(batch._replace(image=self._images(*batch.image)), pin_memory)

    def _images(self, worker: int, slot: int, shape: tuple[int, ...]) -> torch.Tensor:
        return self._pixels[worker, slot, : int(np.prod(shape))].view(shape)


def shared_bytes(num: int) -> torch.Tensor:
    """uint8 [num], the same in this process and in workers that it starts; pages never written take no memory."""
    if sys.platform == "linux":  # workers are forks; unlike /dev/shm, which containers keep small, this has no limit
        return torch.frombuffer(mmap.mmap(-1, num), dtype=torch.uint8)
    return torch.empty(num, dtype=torch.uint8).share_memory_()


def _packed(values: list):
    if isinstance(values[0], str):
        return values
    if isinstance(values[0], tuple):
        return type(values[0])(*(_packed(list(column)) for column in zip(*values, strict=True)))
    return torch.stack(values).numpy() if isinstance(values[0], torch.Tensor) else np.array(values)


def _own(value, pin_memory: bool):
    if isinstance(value, tuple):
        return type(value)(*(_own(part, pin_memory) for part in value))
    if isinstance(value, list):
        return value
    value = torch.from_numpy(value) if isinstance(value, np.ndarray) else value
    own = torch.empty(value.shape, dtype=value.dtype, pin_memory=pin_memory)
    own.numpy()[...] = value.numpy()  # torch would wake its threads for this copy, and they spin on the workers' cores
    return own
