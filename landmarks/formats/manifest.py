"""prepared.json: how large each image of a prepared (smaller) data set was before; tools/prepare_data.py writes it."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from landmarks.formats.records import DataError
from landmarks.geometry import apply_map, invert, resize_map

MANIFEST_NAME = "prepared.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Resized:
    """One image before and after; sizes are (height, width)."""

    source_size: tuple[int, int]
    size: tuple[int, int]

    @property
    def pixel_factors(self) -> tuple[float, float]:
        """(x, y): source pixels that one pixel of the copy is wide and high."""
        return self.source_size[1] / self.size[1], self.source_size[0] / self.size[0]

    @property
    def pixel_factor(self) -> float:
        """What a pixel size that is one number is multiplied by: the geometric mean of both axes."""
        return math.sqrt(math.prod(self.pixel_factors))

    @property
    def stretch(self) -> tuple[float, float]:
        """(x, y): what is left of the factors beside that one number; whole pixels round each side a little."""
        x, y = self.pixel_factors
        return x / self.pixel_factor, y / self.pixel_factor

    def to_copy(self, points_px: np.ndarray) -> np.ndarray:
        """Source px -> px of the copy."""
        return apply_map(resize_map(self.source_size, self.size), points_px)

    def to_source(self, points_px: np.ndarray) -> np.ndarray:
        """Px of the copy -> source px."""
        return apply_map(invert(resize_map(self.source_size, self.size)), points_px)


class Manifest:
    """The images of a prepared data set; of any other data set an empty one, whose images are their own source."""

    def __init__(self, root: Path) -> None:
        """Raises: DataError where prepared.json is broken."""
        self._root, self._images = root, None
        path = root / MANIFEST_NAME
        if not path.is_file():
            return
        try:
            images = json.loads(path.read_text(encoding="utf-8"))["images"]
            self._images = {
                name: Resized(source_size=_size(entry["source_size"]), size=_size(entry["size"]))
                for name, entry in images.items()
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{path}: broken ({type(error).__name__}: {error}); prepare the data set again") from error

    def of(self, image_path: Path) -> Resized | None:
        """Sizes of one image, None where the data set is not a prepared one. Raises: DataError on a stranger."""
        if self._images is None:
            return None
        name = image_name(self._root, image_path)
        if name not in self._images:
            raise DataError(f"{image_path}: not in {MANIFEST_NAME}; a prepared data set takes no further images")
        return self._images[name]


def _size(sides: list) -> tuple[int, int]:
    height, width = sides
    if not (height > 0 and width > 0):
        raise ValueError(f"an image of {height} x {width} px")
    return height, width


def image_name(root: Path, image_path: Path) -> str:
    """Path below the root without suffix: the copy's images may have another one."""
    return image_path.relative_to(root).with_suffix("").as_posix()
