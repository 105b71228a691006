"""Images that a run leaves out: the file that `data.exclude` names, held against the data set."""

from dataclasses import replace
from pathlib import Path

from landmarks.formats.csvfile import read_csv
from landmarks.formats.records import DataError, RecordSet
from landmarks.formats.table import read_table
from landmarks.radiograph import IMAGE_SUFFIXES, image_files


def read_exclusions(path: Path) -> dict[str, str]:
    """CSV `image,reason` -> reason by image id; an image's file name is as good as its id. Raises: DataError."""
    if not path.is_file():
        raise DataError(f"{path}: no such file; data.exclude is a CSV with the columns image,reason")
    rows = read_csv(path, ("image",), "the header is image,reason", comments=True, free_text=True)[1]
    return {_image_id(row["image"]): row.get("reason", "") for _, row in rows if row["image"]}


def _image_id(word: str) -> str:
    return Path(word).stem if Path(word).suffix.lower() in IMAGE_SUFFIXES else word


def without_excluded(found: RecordSet, path: Path, root: Path, data_format: str) -> RecordSet:
    """A split less the excluded images; the set's note tells of ids that no split has: a figure would not be cleaned of them.

    Raises: DataError where the file is broken.
    """
    excluded = read_exclusions(path).keys()
    strange = sorted(excluded - {record.image_id for record in found.records})
    if strange:
        known = _all_ids(root, data_format)
        strange = [image_id for image_id in strange if image_id not in known]
    kept = tuple(record for record in found.records if record.image_id not in excluded)
    if not strange:
        return replace(found, records=kept)
    some = ", ".join(strange[:3]) + (", ..." if len(strange) > 3 else "")
    line = f"data.exclude: {len(strange)} of {len(excluded)} ids are no images of this data set: {some}"
    return replace(found, records=kept, note="\n".join(filter(None, (found.note, line))))


def _all_ids(root: Path, data_format: str) -> set[str]:
    """Of all splits: an id may rightly belong to another one than the run's."""
    if data_format == "table":  # its images may lie anywhere
        return {record.image_id for record in read_table(root, split="all", val_fraction=0, seed=0).records}
    return {path.stem for path in image_files(root, below=True)}
