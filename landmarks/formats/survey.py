"""What a scan finds in a data set: every film with its points, and everything that is wrong."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from landmarks.formats.manifest import Manifest, Resized
from landmarks.formats.records import DataError, ground_truth
from landmarks.schema import LandmarkSet

TRUTH = "truth"
"""Name of the only reader where a format does not name its readers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that is wrong, or looks wrong."""

    kind: str
    text: str
    """One line for a person, with the image's id in it."""
    images: tuple[str, ...] = ()
    """Ids of the images that are flagged; none where a device or the whole set is."""
    symbols: tuple[str, ...] = ()
    error: str = ""
    """The line that stops a strict reader: file, what is wrong, what to do; empty where the finding does not block."""
    split: str = ""
    """The split that the finding blocks; empty: all of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Film:
    """One image file with what the annotation files say of it."""

    image_id: str
    path: Path
    split: str = "all"
    device: str = "unknown"
    patient: str = ""
    """Whose head it is, where the set says it: films of one patient belong into one split."""
    pixel_size: tuple[float, float] | None = None
    """(sx, sy) in mm, or None where unknown."""
    readers: dict[str, np.ndarray] = field(default_factory=dict)
    """Points float64 [K, 2] in source px by reader, NaN where there is none."""
    cvm_stage: int | None = None
    cvm_readers: tuple[int, ...] = ()
    """Each reader's stage, where several read the film."""
    size: tuple[int, int] | None = None
    """(height, width), None where the annotations do not say it and nobody has read the image."""
    resized: Resized | None = None
    """Sizes before and after, where the film belongs to a prepared copy."""
    extra: dict[str, str] = field(default_factory=dict)
    """What else the set says of the film; only the same format writes it back."""


@dataclass(kw_only=True, slots=True)
class Survey:
    """Everything below `root`. A scan fills it."""

    root: Path
    landmarks: LandmarkSet
    films: list[Film] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    splits: tuple[str, ...] = ()
    """Splits that the layout or the set names; empty where it names none, and every film is in 'all'."""
    holds_out_valid: bool = False
    """Whether the layout has no 'valid' of its own and every run holds it out of 'train'."""
    truths: tuple[str, ...] = ()
    """Rules for the ground truth out of several readers; empty where the format holds one point a landmark."""
    notes: list[str] = field(default_factory=list)
    """Lines for the user on how the files were understood."""

    def add(self, kind: str, text: str, *images: str, symbols: tuple[str, ...] = (), error: str = "", split: str = "") -> None:
        found = Finding(kind=kind, text=text, images=images, symbols=symbols, error=error, split=split)
        self.findings.append(found)

    def stop_at_first(self, split: str) -> None:
        """Raises: DataError with the first finding that blocks a split, or 'all' splits that have films."""
        present = {film.split for film in self.films} if split == "all" else {split}
        for finding in self.findings:
            if finding.error and finding.split in ("", *present):
                raise DataError(finding.error)

    def missing_points(self, image_id: str, symbols: tuple[str, ...], reader: str = TRUTH) -> None:
        if symbols:
            line = f"{image_id}: no {', '.join(symbols)}{in_file_of(reader)}"
            self.add("missing point", line, image_id, symbols=symbols)

    def unset_points(self, image_id: str, symbols: tuple[str, ...], reader: str = TRUTH) -> None:
        if symbols:
            line = f"{image_id}: {', '.join(symbols)} at (-1, -1){in_file_of(reader)}"
            self.add("point (-1, -1)", line, image_id, symbols=symbols)

    def match(
        self,
        images: dict[str, Path],
        files: dict[str, Path],
        split: str,
        what: str,
        *,
        blocks: tuple[bool, bool] = (True, True),
    ) -> None:
        """Names images without a file of points and files without an image; `blocks`: whether the one and the other block."""
        lone = sorted(images.keys() - files.keys())
        for name in lone:
            error = f"{images[name]}: image without {what}{_and_more(lone)}; add the file or remove the image"
            error = error if blocks[0] else ""
            self.add("annotation missing", f"{name}: no {what} ({split})", name, error=error, split=split)
        lone = sorted(files.keys() - images.keys())
        for name in lone:
            error = f"{files[name]}: {what} without image{_and_more(lone)}; add the image or remove the file"
            error = error if blocks[1] else ""
            self.add("image missing", f"{name}: {what}, but no image in {split}", name, error=error, split=split)

    def sizes_before(self, manifest: Manifest, path: Path, image_id: str) -> Resized | None:
        """Sizes of an image of a prepared copy. An image that is new there is a finding."""
        try:
            return manifest.of(path)
        except DataError as error:
            self.add("not in manifest", str(error), image_id, error=str(error))
            return None


def in_file_of(reader: str) -> str:
    return "" if reader == TRUTH else f" in the {reader} reader's file"


def mean_points(film: Film) -> np.ndarray:
    """The mean of a film's readers, for formats that hold one point a landmark."""
    return ground_truth(film.readers, "mean", str(film.path))


def one_pixel_size(film: Film, format_name: str) -> float | None:
    """The pixel size in mm for formats that hold one number an image; None where it is unknown.

    Raises: DataError where the pixels are no squares, other than by the rounding of a prepared copy to whole pixels.
    """
    if film.pixel_size is None:
        return None
    stretch = film.resized.stretch if film.resized else (1.0, 1.0)
    x, y = (size / part for size, part in zip(film.pixel_size, stretch, strict=True))
    if abs(x - y) > 1e-6 * x:
        raise DataError(f"{film.path}: pixels of {x:g} x {y:g} mm; {format_name} holds one pixel size an image")
    return x


def _and_more(names: list[str]) -> str:
    return f" (and {len(names) - 1} more)" if len(names) > 1 else ""
