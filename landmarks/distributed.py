"""Several processes under torchrun: which one this is, and the few things that they tell each other.

One process alone needs none of it: every function then returns what it was given.
"""

import os
from datetime import timedelta
from typing import NamedTuple

import torch
from torch import distributed, nn


class Place(NamedTuple):
    """This process among all of a run."""

    rank: int = 0
    """Number over all machines; rank 0 writes and speaks."""
    size: int = 1
    local_rank: int = 0
    """Number on this machine, which is also its GPU."""
    local_size: int = 1
    """How many share this machine's memory and cores."""


def place() -> Place:
    """Where torchrun put this process; alone without torchrun."""
    names = {"rank": "RANK", "size": "WORLD_SIZE", "local_rank": "LOCAL_RANK", "local_size": "LOCAL_WORLD_SIZE"}
    return Place(**{field: int(os.environ[name]) for field, name in names.items() if name in os.environ})


def join(device_type: str) -> Place:
    """Meets the other processes: nccl on CUDA, gloo on the CPU and on Windows, which has no nccl."""
    here = place()
    if here.size > 1 and not distributed.is_initialized():
        # a rank that died ends the others after this long, not after torch's 10 to 30 minutes
        limit = timedelta(seconds=float(os.environ.get("LANDMARKS_TIMEOUT", "600")))
        backend = "nccl" if device_type == "cuda" and distributed.is_nccl_available() else "gloo"
        distributed.init_process_group(backend, timeout=limit)
    return here


def leave() -> None:
    if distributed.is_initialized():
        distributed.destroy_process_group()


def sum_over_ranks(values: torch.Tensor) -> torch.Tensor:
    """The same sum, in place, on every rank."""
    if distributed.is_initialized():
        distributed.all_reduce(values)
    return values


def least_of_ranks(value: int) -> int:
    """The smallest of the ranks' values, on every rank."""
    if not distributed.is_initialized():
        return value
    values = [value] * distributed.get_world_size()
    distributed.all_gather_object(values, value)
    return min(values)


def from_rank_0(value):
    """A picklable value of rank 0, on every rank."""
    if not distributed.is_initialized():
        return value
    box = [value]
    distributed.broadcast_object_list(box, src=0)
    return box[0]


def share_buffers(model: nn.Module) -> None:
    """BatchNorm's running statistics of rank 0 on every rank, so that all validate the same network."""
    if distributed.is_initialized():
        for buffer in model.buffers():
            distributed.broadcast(buffer, src=0)


def merge_rows(rows: torch.Tensor) -> torch.Tensor:
    """float64 [N, ...] with NaN in the rows that other ranks filled -> all rows on every rank."""
    if not distributed.is_initialized():
        return rows
    device = torch.device("cuda", torch.cuda.current_device()) if distributed.get_backend() == "nccl" else torch.device("cpu")
    known = torch.isfinite(rows)
    stacked = torch.stack([torch.where(known, rows, 0.0), known.double()]).to(device)
    total, count = sum_over_ranks(stacked).cpu()
    return torch.where(count > 0, total, torch.nan)
