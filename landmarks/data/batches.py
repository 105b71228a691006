"""The order of images: which of them make which batch, on which rank."""

from collections.abc import Iterator

import numpy as np


class BatchPlan:
    """Which (epoch, index) pairs make which batch: a new order every epoch by (seed, epoch), or the given order.

    `start` batches are left out at the front, so that a resumed epoch continues where it stopped. Of several ranks each
    takes its share of every batch; a rank that gets nothing of a short last batch gets a filler, ~index.

    Raises: ValueError where a batch is smaller than the number of ranks.
    """

    def __init__(self, num: int, batch_size: int, *, seed: int, shuffle: bool, rank: int = 0, ranks: int = 1) -> None:
        if batch_size < ranks:
            raise ValueError(
                f"train.batch_size: {batch_size} images cannot be shared by {ranks} processes; write {ranks} or more"
            )
        self.num, self.batch_size, self.seed, self.shuffle = num, batch_size, seed, shuffle
        self.rank, self.ranks = rank, ranks
        self.epoch, self.start = 0, 0

    def __len__(self) -> int:
        return -(-self.num // self.batch_size)

    @property
    def share(self) -> int:
        """Images that one rank gets of a batch, at most."""
        return -(-self.batch_size // self.ranks)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        order = np.arange(self.num)
        if self.shuffle:
            order = np.random.default_rng([self.seed, self.epoch, 0xDA7A]).permutation(self.num)
        for first in range(self.start * self.batch_size, self.num, self.batch_size):
            batch = order[first : first + self.batch_size]
            share = batch[self.rank :: self.ranks]
            yield [(self.epoch, int(i)) for i in (share if len(share) else ~batch[:1])]
