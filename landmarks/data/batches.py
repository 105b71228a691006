"""The order of images: which of them make which batch, of which input size, on which rank."""

from collections.abc import Iterator, Sequence

import numpy as np

from landmarks.config import DataConfig

# An epoch's second copy of an image is augmented as a later epoch's first one, which no run reaches.
_COPY = 1 << 24


def training_sizes(data: DataConfig) -> tuple[tuple[int, int], ...]:
    """The input sizes (height, width) of training: `image_size`, or one for each of `data.scales`.

    Example:
        >>> training_sizes(DataConfig(image_size=(416, 352), scales=(0.8, 1.0)))
        ((320, 288), (416, 352))
    """
    height, width = data.image_size
    return tuple((_by_32(scale * height), _by_32(scale * width)) for scale in data.scales) or (data.image_size,)


def _by_32(side: float) -> int:
    return max(1, round(side / 32)) * 32


def largest_size(data: DataConfig) -> tuple[int, int]:
    """The largest input (height, width) that training or validation has."""
    sizes = (data.image_size, *training_sizes(data))
    return max(height for height, _ in sizes), max(width for _, width in sizes)


class BatchPlan:
    """Which (epoch, index) pairs make which batch: a new order every epoch by (seed, epoch), or the given order.

    Where there are several input sizes, keys are (epoch, index, number of the size): one size a window of `accumulate`
    batches, drawn by (seed, epoch, window), so that all ranks and a resumed run have the same.

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
        num_sizes: int = 1,
        accumulate: int = 1,
    ) -> None:
        if batch_size < ranks:
            raise ValueError(
                f"train.batch_size: {batch_size} images cannot be shared by {ranks} processes; write {ranks} or more"
            )
        self._weights = np.ones(images) if weights is None else np.asarray(weights, dtype=float)
        self.batch_size, self.seed, self.shuffle = batch_size, seed, shuffle
        self.rank, self.ranks = rank, ranks
        self._num_sizes, self._accumulate = num_sizes, accumulate
        self.epoch, self.start = 0, 0
        self.num = len(self._uses(0)[0])
        """Images that an epoch uses, each as often as it is used."""

    def __len__(self) -> int:
        return -(-self.num // self.batch_size)

    @property
    def share(self) -> int:
        """Images that one rank gets of a batch, at most."""
        return -(-self.batch_size // self.ranks)

    def __iter__(self) -> Iterator[list[tuple[int, ...]]]:
        indices, copies = self._uses(self.epoch)
        order = np.arange(self.num)
        if self.shuffle:
            order = np.random.default_rng([self.seed, self.epoch, 0xDA7A]).permutation(self.num)
        for number in range(self.start, len(self)):
            batch = order[number * self.batch_size : (number + 1) * self.batch_size]
            share = batch[self.rank :: self.ranks]
            keys = [self._key(indices[i], copies[i]) for i in share] or [self._key(~indices[batch[0]], 0)]
            yield [(*key, *self._size(number)) for key in keys]

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

    def _size(self, number: int) -> tuple[int, ...]:
        """The number of a batch's input size, where there are several."""
        if self._num_sizes == 1:
            return ()
        rng = np.random.default_rng([self.seed, self.epoch, number // self._accumulate, 0x512E])
        return (int(rng.integers(self._num_sizes)),)
