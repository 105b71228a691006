"""What one labelled cephalogram is, whatever format it came from."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from landmarks.metrics import known_mean
from landmarks.schema import LandmarkSet


class DataError(ValueError):
    """A data set that cannot be used; the message names the file, what is wrong and what to do."""


class NoSplitError(DataError):
    """A data set without the split that is asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One cephalogram. Points are float64 [K, 2] source px in the landmark set's order, NaN where not annotated."""

    image_id: str
    image_path: Path
    points_px: np.ndarray
    """The ground truth."""
    pixel_size: tuple[float, float] | None
    """(sx, sy) in mm, or None where unknown."""
    device: str
    split: str
    readers: dict[str, np.ndarray] = field(default_factory=dict)
    """Each reader's own points."""
    cvm_stage: int | None = None
    """Cervical vertebral maturation, 1 to 6."""
    cvm_readers: tuple[int, ...] = ()
    """Each reader's stage, where several read the film."""
    dataset: str = ""
    """The name of its data set, where several are used together."""
    weight: float = 1.0
    """How often an epoch uses the image."""

    @property
    def visible(self) -> np.ndarray:
        """bool [K]: which landmarks are annotated."""
        return np.isfinite(self.points_px).all(axis=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordSet:
    """The cephalograms of one split, with the landmarks that they name."""

    landmarks: LandmarkSet
    records: tuple[Record, ...]
    note: str = ""
    """Lines for the user on how the split was made, where the data set does not say it."""

    def select(self, symbols: tuple[str, ...]) -> "RecordSet":
        """The same images with these landmarks alone, in this order."""
        if symbols == self.landmarks.symbols:
            return self
        order = [self.landmarks.index(symbol) for symbol in symbols]
        landmarks = LandmarkSet(
            name=self.landmarks.name,
            symbols=symbols,
            titles=tuple(self.landmarks.title(symbol) for symbol in symbols),
            groups=self.landmarks.groups,
        )
        return replace(self, landmarks=landmarks, records=tuple(_pick(record, order) for record in self.records))


def _pick(record: Record, order: list[int]) -> Record:
    readers = {name: points[order] for name, points in record.readers.items()}
    return replace(record, points_px=record.points_px[order], readers=readers)


def ground_truth(readers: dict[str, np.ndarray], which: str, where: str) -> np.ndarray:
    """The truth [K, 2] out of the readers' points: mean, senior, junior, or official = ceil of the mean.

    A landmark that one reader left out takes the other's point.
    Raises: DataError where the reader that is asked for has no file.
    """
    if which in ("senior", "junior"):
        if which not in readers:
            raise DataError(f"{where}: no points of the {which} reader; set data.ground_truth=mean")
        return readers[which]
    mean = known_mean(np.stack(list(readers.values())), axis=0)
    return np.ceil(mean) if which == "official" else mean
