"""Several processes under torchrun: which one this is, and the few things that they tell each other.

One process alone needs none of it: every function then returns what it was given.
"""

import logging
import os
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import NamedTuple

import torch
from torch import distributed, nn

log = logging.getLogger(__name__)

EVERY_RANK = {"every_rank": True}
"""`log.warning(line, extra=EVERY_RANK)`: a line that only this rank knows; other lines are written by rank 0 alone."""

# Numbers in one message of gradients: large enough for the line's full speed, 32 MiB beside the gradients.
_MESSAGE_SIZE = 2**23


class RankInfo(NamedTuple):
    """This process among all of a run."""

    rank: int = 0
    """Number over all machines; rank 0 writes files and log lines."""
    size: int = 1
    local_rank: int = 0
    """Number on this machine, which is also its GPU."""
    local_size: int = 1
    """How many share this machine's memory and cores."""


def rank_info() -> RankInfo:
    """Rank of this process as torchrun gives it; a single process without torchrun. Raises: ValueError on other words."""
    names = {"rank": "RANK", "size": "WORLD_SIZE", "local_rank": "LOCAL_RANK", "local_size": "LOCAL_WORLD_SIZE"}
    for name in names.values():
        if not os.environ.get(name, "0").isdecimal():
            raise ValueError(f"environment variable {name}: found {os.environ[name]!r}; unset it, or start with torchrun")
    return RankInfo(**{field: int(os.environ[name]) for field, name in names.items() if name in os.environ})


def join(device_type: str) -> RankInfo:
    """Meets the other processes: nccl between GPUs, gloo between processors and on Windows, which has no nccl."""
    here = rank_info()
    if here.size > 1 and not distributed.is_initialized():
        if missing := [name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if name not in os.environ]:
            raise ValueError(f"WORLD_SIZE is {here.size} without {', '.join(missing)}; unset it, or start with torchrun")
        # a rank that died ends the others after this long, not after torch's 10 to 30 minutes
        limit = timedelta(seconds=float(os.environ.get("LANDMARKS_TIMEOUT", "600")))
        nccl = device_type == "cuda" and distributed.is_nccl_available()
        # what lies in the processor's memory travels by gloo, so that it need not wait for the device
        backend = "cpu:gloo,cuda:nccl" if nccl else "gloo"
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


def sum_gradients(model: nn.Module) -> None:
    """Every gradient becomes the sum of the ranks' gradients.

    Once a window, when all its passes are through, instead of torch's DDP, which sends them off during the last backward
    pass: a rank that runs out of memory there could not take the window back, and DDP's first window adds up in another
    order than the later ones, so that a resumed run would not be the same bit for bit.
    """
    if not distributed.is_initialized():
        return
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    while gradients:
        message, size = [], 0
        while gradients and (not message or size + gradients[-1].numel() <= _MESSAGE_SIZE):
            message.append(gradients.pop())
            size += message[-1].numel()
        flat = sum_over_ranks(torch.cat([gradient.flatten() for gradient in message]))
        parts = flat.split([gradient.numel() for gradient in message])
        torch._foreach_copy_(message, [part.view_as(g) for part, g in zip(parts, message, strict=True)])


def on_all_ranks(good: bool) -> bool:
    """Whether it is so on every rank; the device is not waited for."""
    return bool(least_of_ranks(int(good)))


def least_of_ranks(value: int) -> int:
    """The smallest of the ranks' values, on every rank."""
    box = torch.tensor(value)
    if distributed.is_initialized():
        distributed.all_reduce(box, distributed.ReduceOp.MIN)
    return int(box)


def from_rank_0(make: Callable):
    """What `make` returns on rank 0, on every rank; what a user caused there is raised on all."""
    if not distributed.is_initialized():
        return make()
    box = [None, None]
    if rank_info().rank == 0:
        try:
            box[0] = make()
        except (ValueError, OSError) as error:
            box[1] = error
    distributed.broadcast_object_list(box, src=0)
    if box[1] is not None:
        raise box[1]
    return box[0]


def share_from_rank_0(tensors: Iterable[torch.Tensor]) -> None:
    """Rank 0's values, in place, on every rank."""
    if distributed.is_initialized():
        for tensor in tensors:
            distributed.broadcast(tensor, src=0)


def merge_rows(rows: torch.Tensor) -> torch.Tensor:
    """float64 [N, ...] with NaN in the rows that other ranks filled -> all rows on every rank."""
    if not distributed.is_initialized():
        return rows
    known = torch.isfinite(rows)
    total, count = sum_over_ranks(torch.stack([torch.where(known, rows, 0.0), known.double()]))
    return torch.where(count > 0, total, torch.nan)
