"""Writes a data set of one format in another one: images copied, points and what the target can hold of the rest."""

from dataclasses import replace
from pathlib import Path
from types import ModuleType

from landmarks.formats.reading import format_named, survey_dataset
from landmarks.formats.records import DataError
from landmarks.formats.survey import Survey
from landmarks.formats.writing import write_set


def convert(root: Path, source: str, output: Path, target: str, *, names: str = "") -> list[str]:
    """Writes the data set `root` of the format `source` to the new folder `output` in the format `target`.

    Args:
        names: YAML file or ready table that maps landmark names to symbols, see `landmarks.formats.names`.
    Returns: lines that say what the target cannot hold.
    Raises: DataError before anything is written, or with nothing left behind.

    Example:
        convert(Path("export"), "coco", Path("data/mine"), "table", names="usual")
    """
    if not hasattr(format_named(target), "write"):
        raise DataError(f"{target}: is a format that is only read; choose another one to write")
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise DataError(f"{output}: already exists; name a new folder")
    inner, outer = output.resolve(), root.resolve()
    if inner == outer or outer in inner.parents:
        raise DataError(f"{output}: lies in {root}; choose a folder apart, the original is never changed")
    module = format_named(source)
    survey = _readable(survey_dataset(source, root, names=names), module)
    if source != target:  # what a format keeps of its own, another one does not understand
        survey = replace(survey, films=[replace(film, extra={}) for film in survey.films])
    pixels = module.film_pixels(survey) if hasattr(module, "film_pixels") else None
    return write_set(survey, output, target, pixels=pixels)


def _readable(survey: Survey, module: ModuleType) -> Survey:
    """The survey without the finding that its films lie in one file, which is read here. Raises: DataError on any other."""
    if hasattr(module, "film_pixels"):
        survey = replace(survey, findings=[f for f in survey.findings if f.kind != module.STACKED])
    survey.stop_at_first("all")
    return survey
