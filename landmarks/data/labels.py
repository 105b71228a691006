"""Labels against their images: points that lie outside, and a hash by which two runs know that they saw the same."""

import contextlib
import hashlib

import numpy as np

from landmarks.data.cache import ImageStore
from landmarks.formats.records import DataError, Record, RecordSet
from landmarks.geometry import inside
from landmarks.radiograph import ImageError


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
