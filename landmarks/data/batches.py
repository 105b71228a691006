"""The order of images: which of them make which batch, on which rank."""

from collections.abc import Iterator, Sequence

import numpy as np

# An epoch's second copy of an image is augmented as a later epoch's first one, which no run reaches.
_COPY = 1 << 24


class BatchPlan:
    """Which (epoch, index) pairs make which batch: a new order every epoch by (seed, epoch), or the given order.

    `start` batches are left out at the front, so that a resumed epoch continues where it stopped. Of several ranks each
    takes its share of every batch; a rank that gets nothing of a short last batch gets a filler, ~index.

    Args:
        images: how many there are.
        weights: how often an epoch uses each image; 1 where absent. Of a part, such as 0.5, other images every epoch.
    Raises: ValueError where a batch is smaller than the number of ranks.
    """

    def __init__(
        self,
        images: int,
        batch_size: int,
        *,
        seed: int,
        shuffle: bool,
        weights: Sequence[float] | None = None,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        if batch_size < ranks:
            raise ValueError(
                f"train.batch_size: {batch_size} images cannot be shared by {ranks} processes; write {ranks} or more"
            )
        self._weights = np.ones(images) if weights is None else np.asarray(weights, dtype=float)
        self.batch_size, self.seed, self.shuffle = batch_size, seed, shuffle
        self.rank, self.ranks = rank, ranks
        self.epoch, self.start = 0, 0
        self.num = len(self._uses(0)[0])
        """Images that an epoch uses, each as often as it is used."""

    def __len__(self) -> int:
        return -(-self.num // self.batch_size)

    @property
    def share(self) -> int:
        """Images that one rank gets of a batch, at most."""
        return -(-self.batch_size // self.ranks)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        indices, copies = self._uses(self.epoch)
        order = np.arange(self.num)
        if self.shuffle:
            order = np.random.default_rng([self.seed, self.epoch, 0xDA7A]).permutation(self.num)
        for first in range(self.start * self.batch_size, self.num, self.batch_size):
            batch = order[first : first + self.batch_size]
            share = batch[self.rank :: self.ranks]
            yield [self._key(indices[i], copies[i]) for i in share] or [self._key(~indices[batch[0]], 0)]

    def _key(self, index: int, copy: int) -> tuple[int, int]:
        return self.epoch + _COPY * int(copy), int(index)

    def _uses(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Index of each image as often as the epoch uses it, and which of its copies that is; as many in every epoch."""
        whole = np.floor(self._weights).astype(int)
        part = self._weights - whole
        indices = [np.repeat(np.arange(len(whole)), whole)]
        copies = [np.arange(whole.sum()) - np.repeat(np.cumsum(whole) - whole, whole)]
        for number, fraction in enumerate(np.unique(part[part > 0])):
            images = np.flatnonzero(part == fraction)
            chosen = np.random.default_rng([self.seed, epoch, 0x5E7, number]).permutation(images)
            chosen = np.sort(chosen[: max(1, round(fraction * len(images)))])
            indices.append(chosen)
            copies.append(whole[chosen])
        return np.concatenate(indices), np.concatenate(copies)
