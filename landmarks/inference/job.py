"""A folder of predictions: each film is stored as soon as it is done, so that an interrupted job resumes and several share it.

unfinished/job.json         what all its films have in common
unfinished/<film>.json      one film, written last of what belongs to it
overlays/<film>.png
<format>/                   once every film is done: the films with their points as a data set, where one is asked for
predictions.csv, .json      once every film is done; `unfinished` is then removed
"""

import csv
import hashlib
import json
import logging
import math
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np

from landmarks.draw import overlay, write_picture
from landmarks.filelock import exclusive
from landmarks.inference.films import Film
from landmarks.inference.reading import FilmReader, FilmResult
from landmarks.inference.sets import write_predicted
from landmarks.radiograph import ImageError, film_id
from landmarks.wholefile import put_in_place

log = logging.getLogger(__name__)

_DONE = "unfinished.done"
_COLUMNS = ("image", "symbol", "x", "y", "peak", "inferred")


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What to predict, and where to."""

    films: tuple[Film, ...]
    output: Path
    settings: dict
    """What the results depend on beside the films: a resumed job must have the same."""
    as_it_is: bool = False
    save: tuple[str, ...] = ()
    """Formats in which the films are written with their points as well."""
    key: bytes | None = None
    """Key of the pseudonyms that DICOM films get; None: films keep their names."""

    @property
    def folder(self) -> Path:
        return self.output / "unfinished"

    def part(self, film: Film) -> Path:
        """Where a film's result is kept; a file that changed since has another place."""
        path, name = Path(film.path), PurePath(film.name)
        try:
            stat = path.stat()
            state = f"{stat.st_size} {stat.st_mtime_ns}"
        except OSError:
            state = "missing"
        return (
            self.folder
            / f"{hashlib.sha256(f'{path.absolute()} {name} {state}'.encode(errors='surrogateescape')).hexdigest()}.json"
        )


def open_job(job: Job) -> int:
    """Begins or resumes a job. Returns: how many of its films are done. Raises: ValueError where it cannot go here."""
    shutil.rmtree(job.output / _DONE, ignore_errors=True)  # of a process that was killed at its very end
    for name in ("predictions.csv", "predictions.json"):
        if (job.output / name).exists() and not job.folder.exists():
            raise ValueError(f"{job.output / name}: exists already; choose another --output")
    job.folder.mkdir(parents=True, exist_ok=True)
    path, wanted = job.folder / "job.json", json.loads(json.dumps(job.settings))
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        _write(path, json.dumps(wanted))
        return 0
    if different := [key for key in wanted if found.get(key) != wanted[key]]:
        raise ValueError(
            f"{job.output}: begun with another {', '.join(different)}; name another --output, or remove the folder"
        )
    return sum(_is_read(job.part(film)) for film in job.films)


def predict_share(job: Job, reader: FilmReader, rank: int, size: int) -> Iterator[str]:
    """Predicts this process's share of the films that are not done. Yields: a line to tell of each, "" where there is none."""
    for film in job.films[rank::size]:
        path, name, part = Path(film.path), PurePath(film.name), job.part(film)
        if _is_read(part):  # what could not be read is tried again
            yield ""
            continue
        try:
            result = reader.read(path, as_it_is=job.as_it_is)
        except ImageError as error:
            _write(part, json.dumps({"error": str(error)}))
            yield str(error)
            continue
        name = _shown_name(job, name, result)
        picture = job.output / "overlays" / name.with_name(f"{name.name}.png")
        picture.parent.mkdir(parents=True, exist_ok=True)
        title = f"{result.stage.stage} {max(result.stage.probabilities):.2f}" if result.stage else ""
        write_picture(picture, overlay(result.film.gray, result.points_px, symbols=result.symbols, title=title))
        _write(part, json.dumps(_plain(path, name, result, job), allow_nan=False))
        told = [line for line in result.warnings if not line.startswith("pixel size:")]
        yield f"{path}: {'; '.join(told)}" if told else ""


def finish(job: Job) -> dict[str, int] | None:
    """predictions.csv and predictions.json once every film is done. Returns: counts, or None where films are left to others.

    Whoever finds the last film done writes; the others find it written.
    """
    with exclusive(job.output / "unfinished.lock", lambda: None):
        if not job.folder.is_dir():
            return None
        parts = [job.part(film) for film in job.films]
        if not all(part.is_file() for part in parts):
            return None
        films = [json.loads(part.read_text(encoding="utf-8")) for part in parts]
        read = [film for film in films if "error" not in film]
        paths = [film.path for film, content in zip(job.films, films, strict=True) if "error" not in content]
        write_predicted(list(zip(paths, read, strict=True)), job.output, job.save)
        _write_csv(job.output / "predictions.csv", read)
        _write(job.output / "predictions.json", json.dumps({"version": 1, "films": read}, indent=1) + "\n")
        done = job.folder.with_name(_DONE)
        put_in_place(job.folder, done)
        shutil.rmtree(done, ignore_errors=True)
        recognised = sum(film["is_cephalogram"] for film in read)
        return {"films": len(films), "read": len(read), "recognised": recognised}


def _is_read(part: Path) -> bool:
    return part.is_file() and "error" not in json.loads(part.read_text(encoding="utf-8"))


def _shown_name(job: Job, name: PurePath, result: FilmResult) -> PurePath:
    """DICOM films are often named after the patient: their results are not."""
    if job.key is None or result.film.kind != "DICOM":
        return name
    return PurePath(f"film_{film_id(result.film.identity or str(name), job.key)}")


def _plain(path: Path, name: PurePath, result: FilmResult, job: Job) -> dict:
    """A film of predictions.json; `landmarks.tracing.reading` says what its readers expect."""
    symbols, size = result.symbols, result.pixel_size
    hidden = job.key is not None and result.film.kind == "DICOM"
    known = np.isfinite(result.points_px).all(axis=1)
    points = {s: [round(float(x), 2), round(float(y), 2)] if ok else None
              for s, (x, y), ok in zip(symbols, result.points_px, known, strict=True)}  # fmt: skip
    content = {
        "image": str(name) if hidden else str(path.absolute()),
        "path": str(name) if hidden else str(path),
        "name": name.as_posix(),
        "height": result.film.gray.shape[0],
        "width": result.film.gray.shape[1],
        "points": points,
        "peak": {s: round(float(p), 3) for s, p in zip(symbols, result.peaks, strict=True)},
        "inferred": [s for s, deviation in zip(symbols, result.reading.found.inferred_px[0], strict=True) if deviation > 0],
        "pixel_size": list(size.mm) if size.mm else None,
        "pixel_size_origin": size.origin,
        "view": str(result.reading.view),
        "is_cephalogram": bool(result.reading.is_cephalogram),
        "plausibility": round(result.reading.plausibility, 3),
        "device": result.film.device,
        "warnings": list(result.warnings),
        "measurements": {
            name: {"value": _number(value, 2), "half_width": _number(half, 2), "unit": unit}
            for name, (value, half, unit) in result.measurements.items()
        },
    }
    if result.radius_px is not None:
        content["radius_px"] = {s: _number(r, 2) for s, r in zip(symbols, result.radius_px, strict=True)}
    if result.stage is not None:
        content["cvm"] = result.stage.to_dict()
    if result.film.age is not None:
        content["age"] = result.film.age
    if result.sex is not None:
        content["sex"] = result.sex
    return content


def _number(value: float, digits: int) -> float | str | None:
    value = float(value)
    return "infinite" if math.isinf(value) else None if math.isnan(value) else round(value, digits)


def _write_csv(path: Path, films: Sequence[dict]) -> None:
    with_radius = any("radius_px" in film for film in films)
    unfinished = path.with_name(f"{path.name}.part")
    # a name that is not UTF-8 is written with its bytes as escapes
    with unfinished.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        rows = csv.writer(file)
        rows.writerow([*_COLUMNS, *(["radius_px"] if with_radius else [])])
        for film in films:
            for symbol, point in film["points"].items():
                if point is not None:
                    radius = film.get("radius_px", {}).get(symbol)
                    more = [int(symbol in film["inferred"]), *(["" if radius is None else radius] if with_radius else [])]
                    rows.writerow([film["path"], symbol, *(f"{v:.2f}" for v in point), f"{film['peak'][symbol]:.3f}", *more])
    put_in_place(unfinished, path)


def _write(path: Path, text: str) -> None:
    """Whole or not at all, also where several processes write the same."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_text(text, encoding="utf-8")
    put_in_place(unfinished, path)
