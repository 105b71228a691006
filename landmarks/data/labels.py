"""Labels against their images: points that lie outside, and a hash by which two runs know that they saw the same."""

import hashlib
from dataclasses import replace

import numpy as np

from landmarks.config import DataConfig
from landmarks.data.sizes import image_sizes
from landmarks.formats.records import DataError, Record, RecordSet
from landmarks.geometry import inside


def fingerprint(records: RecordSet) -> str:
    """Hash of the images' names, points and stages: two runs with the same one saw the same labels."""
    digest = hashlib.sha256(",".join(records.landmarks.symbols).encode())
    for record in records.records:
        digest.update(f"{record.image_id}|{record.pixel_size}".encode("utf-8", "surrogateescape"))
        digest.update(np.nan_to_num(record.points_px, nan=-1).tobytes())
        digest.update(repr((record.cvm_stage, record.cvm_readers)).encode())
    return digest.hexdigest()[:16]


def settle_outside(found: RecordSet, data: DataConfig) -> RecordSet:
    """Points outside their image, for which `data.outside` says what happens; images that cannot be read are left alone.

    Raises: DataError naming the first such landmark, unless it is dropped or its image is skipped (`data.on_error`).
    """
    symbols, kept, dropped = found.landmarks.symbols, [], []
    sizes = image_sizes([record.image_path for record in found.records], data)
    for record, size in zip(found.records, sizes, strict=True):
        line = point_outside(record, size, symbols) if size else ""
        if line and data.outside == "drop":
            record = _without_outside(record, size)
            dropped.append(record.image_id)
        elif line and data.on_error == "stop":
            raise DataError(line)
        kept.append(record)
    some = ", ".join(dropped[:3]) + (", ..." if len(dropped) > 3 else "")
    line = f"data.outside: points outside their image are left out in {len(dropped)} images: {some}" if dropped else ""
    return replace(found, records=tuple(kept), note="\n".join(filter(None, (found.note, line))))


def point_outside(record: Record, source_size: tuple[int, int], symbols: tuple[str, ...]) -> str:
    """A line about the first landmark outside its image; empty where all lie inside."""
    outside = record.visible & ~inside(record.points_px, source_size)
    if not outside.any():
        return ""
    x, y = record.points_px[int(outside.argmax())]
    return (
        f"{record.image_path}: landmark {symbols[int(outside.argmax())]} at ({x:g}, {y:g}) lies outside the image "
        f"({source_size[1]} x {source_size[0]} px); correct the point, write data.outside=drop to leave such points out, "
        "or list the image in data.exclude"
    )


def _without_outside(record: Record, size: tuple[int, int]) -> Record:
    def cut(points_px: np.ndarray) -> np.ndarray:
        return np.where(inside(points_px, size)[:, None], points_px, np.nan)

    readers = {reader: cut(points_px) for reader, points_px in record.readers.items()}
    return replace(record, points_px=cut(record.points_px), readers=readers)
