"""Loader processes: how many, how far ahead, and which file one was on when it died."""

import contextlib
import math
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import cv2
import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

from landmarks.config import DataConfig
from landmarks.data.batches import BatchPlan, largest_size
from landmarks.data.resources import available_memory, keep_freed_memory, usable_cores
from landmarks.data.slots import ImageSlots, shared_bytes
from landmarks.distributed import rank_info
from landmarks.formats.records import DataError

_MOST_WORKERS = 8
# What a worker takes for itself beside the shared cache: a fork of a process with torch, after its first batches.
_WORKER_BYTES = 150 << 20
# Batches of one or two images need more of them ahead to bridge one slow image.
_IMAGES_AHEAD = 8


class ImageDataset(Protocol):
    """Samples by (epoch, index), and the file that each comes from."""

    def __len__(self) -> int: ...

    def __getitem__(self, key: tuple[int, int]): ...

    def path(self, index: int) -> Path: ...


class NotedDataset(Dataset):
    """A data set whose workers write down which image they are on, in memory that the training process sees."""

    def __init__(self, dataset: ImageDataset, num_workers: int) -> None:
        self._dataset = dataset
        self._current = shared_bytes(8 * max(num_workers, 1)).view(torch.int64).fill_(-1)

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, key: tuple[int, int]):
        worker = get_worker_info()
        if worker is None:
            return self._dataset[key]
        index = key[1] if key[1] >= 0 else ~key[1]  # a filler repeats an image
        self._current[worker.id] = index
        try:
            sample = self._dataset[key]
        except Exception as error:
            raise RuntimeError(f"{self._dataset.path(index)}: {type(error).__name__}: {error}") from error
        self._current[worker.id] = -1
        return sample

    def file_of(self, worker: int) -> Path | None:
        """The file that a worker is on, None between two files."""
        index = int(self._current[worker])
        return self._dataset.path(index) if index >= 0 else None


class ImageLoader(DataLoader):
    """torch's loader; a worker that dies ends the run with a line about the file it was on."""

    slots: ImageSlots | None = None
    """How images come from the workers; None without workers."""
    pinned: bool = False
    """Whether batches out of the slots are put into memory that a GPU can read by itself."""

    def __iter__(self) -> Iterator:
        return self._watched(_undisturbed_iterator(super().__iter__))

    def _watched(self, batches: Iterator) -> Iterator:
        while True:
            try:
                batch = next(batches)
            except StopIteration:
                return
            except (RuntimeError, OSError, EOFError) as error:
                # a dead worker also shows as a broken connection to the batches that it had made
                if lines := self._dead_workers(batches, wait=0 if isinstance(error, RuntimeError) else 10):
                    raise DataError("; ".join(lines)) from error
                raise
            yield self.slots.take(batch, pin_memory=self.pinned) if self.slots else batch

    def close(self) -> None:
        """Ends the workers now; a loader that is only dropped may keep them, and their images, for a while."""
        batches, self._iterator = self._iterator, None
        if batches is not None and hasattr(batches, "_shutdown_workers"):
            batches._shutdown_workers()

    def _dead_workers(self, batches: Iterator, wait: float) -> list[str]:
        processes, lines = getattr(batches, "_workers", []), []
        multiprocessing.connection.wait([process.sentinel for process in processes], timeout=wait)
        for number, process in enumerate(processes):
            if process.exitcode is not None and process.exitcode != 0:
                place = self.dataset.file_of(number) or "between two images"
                lines.append(f"{place}: loader worker {number} died here ({_death(process.exitcode)})")
        return lines


def make_loader(dataset: ImageDataset, plan: BatchPlan, data: DataConfig, *, pin_memory: bool) -> DataLoader:
    """Batches of `Sample`; workers stay alive between epochs. Iterating it raises DataError where a worker dies."""
    most = min(plan.share, plan.num)
    workers, prefetch = loader_settings(data, batch_size=most, cuda=pin_memory)
    context = multiprocessing.get_context("fork") if workers and sys.platform == "linux" else None
    slots = None
    if workers:
        slots = ImageSlots(workers=workers, prefetch=prefetch, batch_size=most, image_size=largest_size(data))
    loader = ImageLoader(
        NotedDataset(dataset, workers),
        batch_sampler=plan,
        collate_fn=slots.put if slots else None,
        num_workers=workers,
        prefetch_factor=prefetch if workers else None,
        persistent_workers=workers > 0,
        pin_memory=pin_memory and not workers,
        worker_init_fn=_start_worker if workers else None,
        multiprocessing_context=context,
        generator=torch.Generator(),  # its own, so that reading data never moves the run's generators
    )
    loader.slots, loader.pinned = slots, pin_memory
    return loader


def loader_settings(data: DataConfig, *, batch_size: int, cuda: bool) -> tuple[int, int]:
    """Workers and the batches that each prepares ahead; data.workers=-1 chooses both from cores and memory.

    On a GPU every core of this process's share loads. On a CPU the network wants the cores, and one worker is
    many times faster than it.
    """
    if data.workers >= 0:
        return data.workers, data.prefetch
    ranks = rank_info().local_size
    cores, memory = usable_cores() // ranks, available_memory() // ranks // 4
    workers = min(_MOST_WORKERS, cores if cuda else 1)
    prefetch = max(data.prefetch, -(-_IMAGES_AHEAD // batch_size))
    batch_bytes = batch_size * math.prod(largest_size(data))
    # validation has as many workers again
    while workers > 1 and 2 * workers * (_WORKER_BYTES + prefetch * batch_bytes) > memory:
        workers -= 1
    while prefetch > 1 and 2 * workers * prefetch * batch_bytes > memory:
        prefetch -= 1
    return max(1, workers), prefetch


def _undisturbed_iterator(start) -> Iterator:
    """torch's iterator without its signal handler.

    That handler raises in the middle of whatever the training process does when a worker dies; without it the death is
    found where the next batch is fetched, and can be told with the file's name.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGCHLD"):
        return start()
    before = signal.getsignal(signal.SIGCHLD)
    # a worker is born with these signals held back, until it ignores them: one that comes in between would end it
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _not_for_workers())
    try:
        return start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGCHLD, before or signal.SIG_DFL)


def _death(exitcode: int) -> str:
    if exitcode >= 0:
        return f"exit code {exitcode}"
    hints = {"SIGKILL": "; most often no memory left: lower data.workers or data.cache_scale, or set data.cache=disk",
             "SIGBUS": "; the image cache was cut short: run tools/cache.py clear"}  # fmt: skip
    with contextlib.suppress(ValueError):
        name = signal.Signals(-exitcode).name
        return name + hints.get(name, "")
    return f"signal {-exitcode}"


def _not_for_workers() -> set[int]:
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")
    return {getattr(signal, name) for name in names if hasattr(signal, name)}


def _start_worker(_: int) -> None:
    cv2.setNumThreads(0)  # the workers themselves are the parallelism
    keep_freed_memory()
    # signals to all of a run's processes (Ctrl+C, torchrun, systemd, a scheduler) are for the training process alone,
    # which ends its workers when it has saved; workers whose training process is gone end by themselves
    for number in _not_for_workers():
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _not_for_workers())
    if hasattr(os, "setpgrp"):
        os.setpgrp()
