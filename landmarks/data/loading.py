"""From settings to samples: the records of a split, each image warped and augmented to uint8 and points; their order."""

import contextlib
import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from landmarks.config import AugmentConfig, DataConfig
from landmarks.data.augment import Appearance, random_map
from landmarks.data.cache import ImageStore, open_store
from landmarks.formats.reading import read_dataset
from landmarks.formats.records import DataError, Record, RecordSet
from landmarks.geometry import apply_map, compose, inside, invert, letterbox_map, resize_map
from landmarks.images import warp
from landmarks.radiograph import ImageError
from landmarks.synthetic.folder import dataset_root, make_missing_set

log = logging.getLogger(__name__)


class Sample(NamedTuple):
    """One image as the device gets it; a batch has the same fields with a leading B."""

    image: torch.Tensor
    """uint8 [1, H, W]."""
    points_in: torch.Tensor
    """float32 [K, 2], input px; 0 where invisible."""
    visible: torch.Tensor
    """bool [K]: annotated and inside the input."""
    to_source: torch.Tensor
    """float64 [2, 3], map input px -> source px."""
    index: int
    """Position in the record set."""
    error: str
    """Why the image could not be read; empty where it could."""


def read_split(data: DataConfig, split: str, *, seed: int) -> RecordSet:
    """The records of one split, less the excluded ones, with the landmarks that `data.landmarks` names.

    Raises: DataError naming what is missing or wrong.
    """
    return read_dataset(
        data.format,
        dataset_root(data),
        split=split,
        ground_truth=data.ground_truth,
        val_fraction=data.val_fraction,
        seed=seed,
        hold_out=data.val_split == "valid",  # a run that validates on another split needs no film of 'train' for it
        exclude=data.exclude,
        landmarks=data.landmarks,
    )


def fingerprint(records: RecordSet) -> str:
    """Hash of the images' names and points: two runs with the same one saw the same labels."""
    digest = hashlib.sha256(",".join(records.landmarks.symbols).encode())
    for record in records.records:
        digest.update(f"{record.image_id}|{record.pixel_size}".encode())
        digest.update(np.nan_to_num(record.points_px, nan=-1).tobytes())
    return digest.hexdigest()[:16]


def point_outside(record: Record, source_size: tuple[int, int], symbols: tuple[str, ...]) -> str:
    """A line about the first landmark outside its image; empty where all lie inside."""
    outside = record.visible & ~inside(record.points_px, source_size)
    if not outside.any():
        return ""
    x, y = record.points_px[int(outside.argmax())]
    return (
        f"{record.image_path}: landmark {symbols[int(outside.argmax())]} at ({x:g}, {y:g}) lies outside the image "
        f"({source_size[1]} x {source_size[0]} px); mend the point or list the image in data.exclude"
    )


def check_points_inside(records: RecordSet, store: ImageStore) -> None:
    """Raises: DataError naming the first landmark that lies outside its image."""
    for i, record in enumerate(records.records):
        with contextlib.suppress(ImageError):
            if line := point_outside(record, store.image(i)[1], records.landmarks.symbols):
                raise DataError(line)


class CephalogramDataset(Dataset):
    """Samples by (epoch, index): the pair seeds the augmentation, so the number of workers changes nothing."""

    def __init__(
        self, records: RecordSet, store: ImageStore, input_size: tuple[int, int], *, augment: AugmentConfig | None, seed: int
    ) -> None:
        self._records, self._store, self._input_size = records.records, store, input_size
        self._augment, self._seed = augment, seed
        self._appearance = Appearance(augment) if augment else None
        self._symbols = records.landmarks.symbols

    def __len__(self) -> int:
        return len(self._records)

    def path(self, index: int) -> Path:
        return self._records[index].image_path

    def __getitem__(self, key: tuple[int, int]) -> Sample:
        epoch, index = key
        if index < 0:
            return self._filler(self[(epoch, ~index)])
        record = self._records[index]
        try:
            image, source_size = self._store.image(index)
        except ImageError as error:
            return self._unreadable(index, str(error))
        if line := point_outside(record, source_size, self._symbols):
            return self._unreadable(index, line)
        to_input = letterbox_map(source_size, self._input_size)
        rng = np.random.default_rng([self._seed, epoch, index])
        if self._augment:
            to_input = compose(random_map(self._augment, self._input_size, rng), to_input)
        shrunk_to_source = invert(resize_map(source_size, image.shape))
        # the copy is read along its rows; a warp would fetch the cache's pages across them, which takes longer
        pixels = warp(image.copy(), compose(to_input, shrunk_to_source), self._input_size)
        if self._appearance:
            pixels = self._appearance(pixels, int(rng.integers(1 << 31)))
        points_in = apply_map(to_input, record.points_px)
        visible = inside(points_in, self._input_size)
        return Sample(
            image=torch.from_numpy(pixels[None]),
            points_in=torch.from_numpy(np.where(visible[:, None], points_in, 0).astype(np.float32)),
            visible=torch.from_numpy(visible),
            to_source=torch.from_numpy(invert(to_input)),
            index=index,
            error="",
        )

    def _filler(self, sample: Sample) -> Sample:
        """A sample that counts for nothing, for a rank that has no image of a short batch."""
        return sample._replace(visible=torch.zeros_like(sample.visible), index=-1, error="")

    def _unreadable(self, index: int, error: str) -> Sample:
        return Sample(
            image=torch.zeros(1, *self._input_size, dtype=torch.uint8),
            points_in=torch.zeros(len(self._symbols), 2),
            visible=torch.zeros(len(self._symbols), dtype=torch.bool),
            to_source=torch.eye(2, 3, dtype=torch.float64),
            index=index,
            error=error,
        )


class BatchPlan:
    """Which (epoch, index) pairs make which batch: a new order every epoch by (seed, epoch), or the given order.

    `start` batches are left out at the front, so that a resumed epoch goes on where it stopped. Of several ranks each
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


def open_dataset(
    data: DataConfig, split: str, *, augment: AugmentConfig | None, seed: int
) -> tuple[RecordSet, CephalogramDataset]:
    """Records and samples of one split, every file checked; a missing synthetic set is made first. Raises: DataError."""
    make_missing_set(data)
    records = read_split(data, split, seed=seed)
    if records.note:
        log.info(records.note)
    store = open_store(records.records, data)
    if data.cache != "none":
        check_points_inside(records, store)
    return records, CephalogramDataset(records, store, data.image_size, augment=augment, seed=seed)
