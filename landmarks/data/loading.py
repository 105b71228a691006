"""From settings to samples: the records of a split, each image warped and augmented to uint8 and points; their order."""

import contextlib
import logging
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from landmarks.config import AugmentConfig, DataConfig
from landmarks.data.augment import Appearance, random_map
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
    """Samples by (epoch, index): the pair seeds the augmentation, so the number of workers changes nothing."""

    def __init__(
        self,
        records: RecordSet,
        store: ImageStore,
        input_size: tuple[int, int],
        *,
        targets: Targets,
        augment: AugmentConfig | None,
        seed: int,
    ) -> None:
        self._records, self._store, self._input_size = records.records, store, input_size
        self._targets, self._augment, self._seed = targets, augment, seed
        self._appearance = Appearance(augment) if augment else None
        self._symbols = records.landmarks.symbols

    def __len__(self) -> int:
        return len(self._records)

    def path(self, index: int) -> Path:
        return self._records[index].image_path

    def __getitem__(self, key: tuple[int, int]) -> Sample:
        epoch, index = key
        if index < 0:  # a rank that has no image of a short batch
            return self[(epoch, ~index)]._replace(target=self._targets.empty(), index=-1, error="")
        try:
            return self._sample(epoch, index)
        except ImageError as error:
            return self._stand_in(epoch, index)._replace(target=self._targets.empty(), index=index, error=str(error))

    def _sample(self, epoch: int, index: int) -> Sample:
        record = self._records[index]
        image, source_size = self._store.image(index)
        if line := point_outside(record, source_size, self._symbols):
            raise ImageError(line)
        to_input = self._targets.input_map(record, source_size, self._input_size)
        rng = np.random.default_rng([self._seed, epoch, index])
        if self._augment:
            to_input = compose(random_map(self._augment, self._input_size, rng), to_input)
        shrunk_to_source = invert(resize_map(source_size, image.shape))
        # the copy is read along its rows; a warp would fetch the cache's pages across them, which takes longer
        pixels = warp(image.copy(), compose(to_input, shrunk_to_source), self._input_size)
        if self._appearance:
            pixels = self._appearance(pixels, int(rng.integers(1 << 31)))
        return Sample(
            image=torch.from_numpy(pixels[None]),
            target=self._targets.target(record, to_input, self._input_size),
            to_source=torch.from_numpy(invert(to_input)),
            index=index,
            error="",
        )

    def _stand_in(self, epoch: int, index: int) -> Sample:
        """A neighbour in place of an image that cannot be read: black would shift BatchNorm's statistics."""
        for step in range(1, min(len(self), _MOST_NEIGHBOURS)):
            with contextlib.suppress(ImageError):
                return self._sample(epoch, (index + step) % len(self))
        black = torch.zeros(1, *self._input_size, dtype=torch.uint8)
        return Sample(black, self._targets.empty(), torch.eye(2, 3, dtype=torch.float64), index, "")


def open_samples(
    records: RecordSet, data: DataConfig, targets: Targets, *, augment: AugmentConfig | None, seed: int
) -> CephalogramDataset:
    """The samples of these records, decoded once where there is a cache, every file checked. Raises: DataError."""
    store = open_store(records.records, data)
    return CephalogramDataset(records, store, data.image_size, targets=targets, augment=augment, seed=seed)


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
