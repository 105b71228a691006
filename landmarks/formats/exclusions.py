"""Images that a run leaves out: the file that `data.exclude` names."""

from collections.abc import Collection
from pathlib import Path, PurePosixPath

from landmarks.formats.csvfile import read_csv
from landmarks.formats.records import DataError
from landmarks.radiograph import IMAGE_SUFFIXES


def read_exclusions(path: Path, *, setting: str = "data.exclude") -> dict[str, str]:
    """CSV `image,reason` -> reason by image id; an image's file name or path is as good as its id.

    Args:
        setting: the setting that names the file.
    Raises: DataError.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; {setting} is a CSV with the columns image,reason")
    rows = read_csv(path, ("image",), "the header is image,reason", comments=True, free_text=True).rows
    return {_image_id(row["image"]): row.get("reason", "") for _, row in rows if row["image"]}


def _image_id(word: str) -> str:
    path = PurePosixPath(word.replace("\\", "/"))
    return path.with_suffix("").as_posix() if path.suffix.lower() in IMAGE_SUFFIXES else word


def unknown_ids(excluded: Collection[str], known: set[str], *, setting: str = "data.exclude") -> str:
    """A line about excluded ids that no split of the set has, so that it is not left out; empty if there are none."""
    unknown = sorted(set(excluded) - known)
    if not unknown:
        return ""
    some = ", ".join(unknown[:3]) + (", ..." if len(unknown) > 3 else "")
    return f"{setting}: {len(unknown)} of {len(excluded)} ids are no images of this data set: {some}"
