"""Writes a data set again with smaller images, in the same layout, so that errors in mm stay comparable."""

import json
import logging
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
from tqdm import tqdm

from landmarks.data.resources import usable_cores
from landmarks.filelock import exclusive
from landmarks.formats.manifest import MANIFEST_NAME, Resized, image_name
from landmarks.formats.reading import format_named, survey_dataset
from landmarks.formats.records import DataError
from landmarks.formats.survey import Film, Survey
from landmarks.geometry import resize_map
from landmarks.radiograph import ImageError, read_gray
from landmarks.wholefile import put_in_place

log = logging.getLogger(__name__)

_LOG_NAME = "prepared.unfinished.jsonl"
_LOGGED = {"image", "state", "file", "source_size", "size"}
_LOCK_NAME = ".prepare.lock"
_COPIED = (".png", ".jpg", ".jpeg")


def prepare(root: Path, data_format: str, output: Path, *, long_side: int, jpeg: int | None) -> dict[str, Resized]:
    """Writes the data set below `root` to `output`, every image gray and at most `long_side` px long.

    Points, pixel sizes and the CSV are scaled with it (half-pixel convention). Images that are small enough are copied.
    An interrupted call is resumed by calling it again.

    Args:
        jpeg: quality of JPEG files, 1 to 100; None writes PNG, which loses nothing.
    Returns: sizes by image name.
    Raises: DataError; nothing below `root` is ever written.
    """
    root, output = Path(root), Path(output)
    settings = {"format": data_format, "long_side": long_side, "jpeg": jpeg, "source": root.name}
    _check_places(root, output, long_side, jpeg)
    survey = _sound_survey(root, data_format)
    output.mkdir(parents=True, exist_ok=True)
    with exclusive(output / _LOCK_NAME, lambda: log.info(f"waiting for another process that writes {output}")):
        if (output / MANIFEST_NAME).exists():
            raise DataError(f"{output}: already holds a prepared data set; choose a new folder or remove it")
        logged = _resume(output, settings)
        images, files = _write_images(survey, output, logged, long_side, jpeg)
        # images that have left the original since they were written, or are of another format there
        for file in {entry["file"] for entry in logged} - set(files.values()):
            (output / file).unlink()
        films = [_prepared(film, output, image_name(root, film.path), images, files) for film in survey.films]
        format_named(data_format).write(replace(survey, root=output, films=films), output)
        _copy_terms(root, output)
        _write_manifest(output, settings, images)
        (output / _LOG_NAME).unlink()
    return images


def _check_places(root: Path, output: Path, long_side: int, jpeg: int | None) -> None:
    inner, outer = output.resolve(), root.resolve()
    if inner == outer or outer in inner.parents or inner in outer.parents:
        raise DataError(f"{output}: lies in {root} or holds it; choose a folder apart, the original is never changed")
    if long_side < 32:
        raise DataError(f"--long-side {long_side}: too small; write pixels, e.g. 1280")
    if jpeg is not None and not 1 <= jpeg <= 100:
        raise DataError(f"--jpeg {jpeg}: write a quality from 1 to 100, e.g. 95")
    if (root / MANIFEST_NAME).exists():
        raise DataError(f"{root}: is a prepared copy itself; prepare the original, so that errors stay comparable")
    if output.exists() and not output.is_dir():
        raise DataError(f"{output}: is a file; name a folder")
    begun = any((output / name).exists() for name in (MANIFEST_NAME, _LOG_NAME, _LOCK_NAME))
    if output.exists() and not begun and any(output.iterdir()):
        raise DataError(f"{output}: not empty; name a new folder")


def _sound_survey(root: Path, data_format: str) -> Survey:
    """The films of all splits. Raises: DataError with what is wrong with the data set before anything is written."""
    survey = survey_dataset(data_format, root)
    survey.stop_at_first("all")
    # the copy has each image at the same place below its own folder: one from elsewhere would be written over
    for film in survey.films:
        if not _is_below(film.path, root):
            raise DataError(f"{film.path}: lies outside {root}; to prepare it, put it or a link to it there")
    return survey


def _prepared(film: Film, output: Path, name: str, images: dict[str, Resized], files: dict[str, str]) -> Film:
    """The film of the copy: its image there, points and pixel size in the copy's pixels."""
    resized = images[name]
    readers = {reader: resized.to_copy(points_px) for reader, points_px in film.readers.items()}
    x, y = resized.pixel_factors
    pixel_size = film.pixel_size and (film.pixel_size[0] * x, film.pixel_size[1] * y)
    return replace(film, path=output / files[name], readers=readers, pixel_size=pixel_size, size=resized.size, resized=resized)


def _copy_terms(root: Path, output: Path) -> None:
    """What the set's authors say of it and of its use stays with the copy."""
    for path in root.iterdir():
        if path.is_file() and path.name.lower().startswith(("readme", "license", "licence")):
            shutil.copyfile(path, output / path.name)


def _is_below(path: Path, folder: Path) -> bool:
    """By its words: a link below the folder may lead anywhere."""
    return path.is_relative_to(folder) and ".." not in path.relative_to(folder).parts


def _resume(output: Path, settings: dict) -> list[dict]:
    """The log's entries of images that an interrupted run has written. Raises: DataError where it had other settings."""
    log_path = output / _LOG_NAME
    lines = log_path.read_text(encoding="utf-8", errors="replace").splitlines() if log_path.is_file() else []
    begun, *entries = [_parsed(line) for line in lines or [""]]
    if begun is None:  # new, or killed when it had written nothing yet
        log_path.write_text(json.dumps(settings) + "\n", encoding="utf-8")
        return []
    if begun != settings:
        raise DataError(f"{output}: begun with other settings ({lines[0]}); choose a new folder")
    with log_path.open("a", encoding="utf-8") as file:
        file.write("\n")  # so that the line that was being written when the run was killed does not spoil the next one
    logged = [entry for entry in entries if entry and entry.keys() >= _LOGGED]
    logged = [e for e in logged if _is_below(output / e["file"], output) and (output / e["file"]).is_file()]
    log.info(f"resuming: {len({entry['image'] for entry in logged})} images are already there")
    return logged


def _parsed(line: str) -> dict | None:
    try:
        entry = json.loads(line)
    except json.JSONDecodeError:
        return None
    return entry if isinstance(entry, dict) else None


def _write_images(
    survey: Survey, output: Path, logged: list[dict], long_side: int, jpeg: int | None
) -> tuple[dict[str, Resized], dict[str, str]]:
    """Sizes, and files below the output, by image name."""
    done, writing = {entry["image"]: entry for entry in logged}, threading.Lock()

    def one(path: Path) -> dict:
        name, stat = image_name(survey.root, path), path.stat()
        state = [stat.st_size, stat.st_mtime_ns]
        if name in done and done[name]["state"] == state:
            return done[name]
        entry = {"image": name, "state": state} | _write_image(path, output, name, long_side, jpeg)
        with writing:  # by the thread that wrote the image, so that an interruption loses none that is finished
            log_file.write(json.dumps(entry) + "\n")
            log_file.flush()
        return entry

    entries, broken = [], []
    with (output / _LOG_NAME).open("a", encoding="utf-8") as log_file, ThreadPoolExecutor(usable_cores()) as pool:
        waiting = [pool.submit(one, film.path) for film in survey.films]
        try:
            for future in tqdm(waiting, desc="prepare", unit="img", mininterval=1):
                try:
                    entries.append(future.result())
                except ImageError as error:
                    broken.append(str(error))
        finally:
            for future in waiting:
                future.cancel()
    if broken:
        more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
        raise DataError(f"{broken[0]}{more}; nothing is lost: the same command resumes from here")
    sizes = {e["image"]: Resized(source_size=tuple(e["source_size"]), size=tuple(e["size"])) for e in entries}
    return sizes, {e["image"]: e["file"] for e in entries}


def _write_image(path: Path, output: Path, name: str, long_side: int, jpeg: int | None) -> dict:
    image = read_gray(path)
    scale = min(1.0, long_side / max(image.shape))
    size = tuple(max(1, round(side * scale)) for side in image.shape)
    copied = scale == 1 and path.suffix.lower() in _COPIED
    suffix = path.suffix if copied else ".png" if jpeg is None else ".jpg"
    target = output / (name + suffix)
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.parent.resolve().is_relative_to(output.resolve()):
        raise DataError(f"{target.parent}: leads out of {output}; choose a new folder")
    unfinished = target.with_name(f".{target.name}.unfinished")
    if copied:
        shutil.copyfile(path, unfinished)
    else:
        small = image if size == image.shape else cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)
        options = [] if jpeg is None else [cv2.IMWRITE_JPEG_QUALITY, jpeg]
        unfinished.write_bytes(cv2.imencode(suffix, small, options)[1].tobytes())
    put_in_place(unfinished, target)
    return {"file": name + suffix, "source_size": list(image.shape), "size": list(size)}


def _write_manifest(output: Path, settings: dict, images: dict[str, Resized]) -> None:
    """Last of all, and under its name only when it is whole: its presence says that the copy is complete."""
    entries = {
        name: {
            "source_size": list(resized.source_size),
            "size": list(resized.size),
            "from_source": resize_map(resized.source_size, resized.size).tolist(),
        }
        for name, resized in images.items()
    }
    note = "sizes are (height, width); from_source maps source px (x, y, 1) to px of this copy, pixel centres at whole numbers"
    unfinished = output / f".{MANIFEST_NAME}.unfinished"
    unfinished.write_text(json.dumps({"note": note, **settings, "images": entries}, indent=1) + "\n", encoding="utf-8")
    put_in_place(unfinished, output / MANIFEST_NAME)
