"""From settings to samples: the records of a split, each image warped and augmented to uint8 and points; their order."""

import contextlib
import logging
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from landmarks.config import AugmentConfig, DataConfig
from landmarks.data.augment import Appearance, random_map
from landmarks.data.batches import largest_size, training_sizes
from landmarks.data.cache import ImageStore, open_store
from landmarks.data.labels import point_outside
from landmarks.data.sets import read_split
from landmarks.data.targets import PointTargets, Targets
from landmarks.formats.records import RecordSet
from landmarks.geometry import compose, invert, resize_map
from landmarks.images import warp
from landmarks.radiograph import ImageError
from landmarks.synthetic.folder import make_missing_set

log = logging.getLogger(__name__)

# Images that are tried in place of one that cannot be read.
_MOST_NEIGHBOURS = 10


class Sample(NamedTuple):
    """One image as the device gets it; a batch has the same fields with a leading B."""

    image: torch.Tensor
    """uint8 [1, H, W]."""
    target: NamedTuple
    """Small tensors that the task's loss needs."""
    to_source: torch.Tensor
    """float64 [2, 3], map input px -> source px."""
    index: int
    """Position in the record set; -1 for a filler that counts for nothing."""
    error: str
    """Why the image could not be read; empty where it could."""


def part_of(batch, chosen):
    """The chosen images (a slice) of a batch, or of one of its fields."""
    if hasattr(batch, "_fields"):
        return type(batch)(*(part_of(values, chosen) for values in batch))
    return batch[chosen]


class CephalogramDataset(Dataset):
    """Samples by (epoch, index): the pair seeds the augmentation, so the number of workers changes nothing.

    A third number of a key chooses among `input_sizes`; without it the first counts.
    """

    def __init__(
        self,
        records: RecordSet,
        store: ImageStore,
        *input_sizes: tuple[int, int],
        targets: Targets,
        augment: AugmentConfig | None,
        seed: int,
    ) -> None:
        self._records, self.store, self._input_sizes = records.records, store, input_sizes
        self._targets, self._augment, self._seed = targets, augment, seed
        self._appearance = Appearance(augment) if augment else None
        self._symbols = records.landmarks.symbols

    def __len__(self) -> int:
        return len(self._records)

    def path(self, index: int) -> Path:
        return self._records[index].image_path

    def __getitem__(self, key: tuple[int, ...]) -> Sample:
        epoch, index, *number = key
        if index < 0:  # a rank that has no image of a short batch
            return self[(epoch, ~index, *number)]._replace(target=self._targets.empty(), index=-1, error="")
        input_size = self._input_sizes[number[0] if number else 0]
        try:
            return self._sample(epoch, index, input_size)
        except ImageError as error:
            neighbour = self._stand_in(epoch, index, input_size)
            return neighbour._replace(target=self._targets.empty(), index=index, error=str(error))

    def _sample(self, epoch: int, index: int, input_size: tuple[int, int]) -> Sample:
        record = self._records[index]
        image, source_size = self.store.image(index)
        if line := point_outside(record, source_size, self._symbols):
            raise ImageError(line)
        to_input = self._targets.input_map(record, source_size, input_size)
        rng = np.random.default_rng([self._seed, epoch, index])
        if self._augment:
            to_input = compose(random_map(self._augment, input_size, rng), to_input)
        shrunk_to_source = invert(resize_map(source_size, image.shape))
        # the copy is read along its rows; a warp would fetch the cache's pages across them, which takes longer
        pixels = warp(image.copy(), compose(to_input, shrunk_to_source), input_size)
        if self._appearance:
            pixels = self._appearance(pixels, int(rng.integers(1 << 31)))
        return Sample(
            image=torch.from_numpy(pixels[None]),
            target=self._targets.target(record, to_input, input_size),
            to_source=torch.from_numpy(invert(to_input)),
            index=index,
            error="",
        )

    def _stand_in(self, epoch: int, index: int, input_size: tuple[int, int]) -> Sample:
        """A neighbour in place of an image that cannot be read: black would shift BatchNorm's statistics."""
        for step in range(1, min(len(self), _MOST_NEIGHBOURS)):
            with contextlib.suppress(ImageError):
                return self._sample(epoch, (index + step) % len(self), input_size)
        black = torch.zeros(1, *input_size, dtype=torch.uint8)
        return Sample(black, self._targets.empty(), torch.eye(2, 3, dtype=torch.float64), index, "")


def open_samples(
    records: RecordSet,
    data: DataConfig,
    targets: Targets,
    *,
    augment: AugmentConfig | None,
    seed: int,
    store: ImageStore | None = None,
) -> CephalogramDataset:
    """The samples of these records, decoded once where there is a cache, every file checked. Raises: DataError.

    Args:
        augment: None gives every image as it is, in `data.image_size`; else in the training sizes.
        store: their images in a large enough size, where they are open already.
    """
    sizes = training_sizes(data) if augment else (data.image_size,)
    store = store or open_store(records.records, replace(data, image_size=largest_size(data)) if augment else data)
    return CephalogramDataset(records, store, *sizes, targets=targets, augment=augment, seed=seed)


def open_dataset(
    data: DataConfig, split: str, *, augment: AugmentConfig | None, seed: int
) -> tuple[RecordSet, CephalogramDataset]:
    """Records and samples of one split with its landmarks as targets; a missing synthetic set is made first.

    Raises: DataError.
    """
    make_missing_set(data)
    records = read_split(data, split, seed=seed)
    if records.note:
        log.info(records.note)
    targets = PointTargets(np.ones(len(records.landmarks), dtype=np.float32))
    return records, open_samples(records, data, targets, augment=augment, seed=seed)
