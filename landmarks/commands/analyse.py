"""Analyse films: one printable page a film, with tracing, measurements, norms and what they say; CSV and JSON of all.

Examples:
    landmarks analyse found/predictions.json --output analyses
    landmarks analyse found/predictions.json --analysis steiner,wits --age 12 --sex f --output analyses
    landmarks analyse head.png --checkpoint runs/1024/checkpoints/best.pt --pixel-size 0.1 --output analyses

Analyses: steiner, downs, tweed, ricketts, mcnamara, jarabak, eastman, wits, vertical, soft_tissue. Without a Chromium on this
machine no PDF is made; the HTML page prints the same from any browser.
"""

import argparse
import csv
import json
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from landmarks.analyses import ANALYSES, AnalysisResult, analyse
from landmarks.analyses.pdf import find_chromium, print_pdf
from landmarks.analyses.sheet import MOST_ROWS, Sheet, plain_rows, sheet_html
from landmarks.norms import Definitions, Patient, read_definitions, standard
from landmarks.tracing import Tracing, tracing_svg
from landmarks.tracing.reading import StoredFilm, read_tracings
from landmarks.uncertainty import ErrorModel, read_error_model

log = logging.getLogger(__name__)
_SEXES = {"f": "women", "m": "men"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What the command line asks of every film."""

    analyses: tuple[str, ...]
    definitions: Definitions
    prefer: tuple[str, ...]
    age: float | None
    sex: str | None
    errors: ErrorModel | None
    model: str


def main(words: list[str] | None = None) -> int:
    args = _parser().parse_args(words)
    names = tuple(args.analysis.split(","))
    if unknown := [name for name in names if name not in ANALYSES]:
        raise ValueError(f"--analysis: found {unknown[0]!r}; write some of {','.join(ANALYSES)}")
    rows = sum(len(ANALYSES[name].items) + 2 for name in names)
    if rows > MOST_ROWS:
        raise ValueError(f"--analysis: {rows} rows do not fit on one side (at most {MOST_ROWS}); choose fewer analyses")
    definitions = read_definitions(args.own) if args.own else standard()
    prefer = tuple(args.norms.split(",")) if args.norms else ()
    if unknown := [name for name in prefer if name not in definitions.samples]:
        raise ValueError(f"--norms: found {unknown[0]!r}; write some of {','.join(definitions.samples)}")
    films = find_films(args.films, args.checkpoint, args.device)
    calibration = args.calibration or _beside(args.checkpoint)
    wanted = Wanted(
        analyses=names,
        definitions=definitions,
        prefer=prefer,
        age=args.age,
        sex=_SEXES.get(args.sex),
        errors=read_error_model(calibration) if calibration else None,
        model=args.checkpoint.name if args.checkpoint else "",
    )
    films = [replace(film, tracing=_rescaled(film.tracing, args.pixel_size, args.enlargement)) for film in films]
    write_analyses(films, wanted, args.output, pdf=not args.no_pdf)
    return 0


def _parser():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("films", type=Path, nargs="+", help="a predictions.json, or films to predict with --checkpoint")
    parser.add_argument("--output", type=Path, required=True, help="folder for the pages, analyses.csv and analyses.json")
    parser.add_argument("--analysis", default="steiner", metavar="NAMES", help="names joined by commas (default: steiner)")
    parser.add_argument("--norms", metavar="SAMPLES", help="samples whose norms come first, joined by commas")
    parser.add_argument("--own", type=Path, metavar="FILE", help="YAML with norms and measurements of your own")
    parser.add_argument("--age", type=float, help="years; adult where unknown")
    parser.add_argument("--sex", choices=tuple(_SEXES), help="f or m; norms by sex need it")
    parser.add_argument("--pixel-size", type=float, metavar="MM", help="mm a pixel, instead of what the film states")
    parser.add_argument("--enlargement", type=float, metavar="FACTOR", help="of lengths in the film, e.g. 1.1 for 10 %%")
    parser.add_argument("--checkpoint", type=Path, help="a .pt file of a run's checkpoints/, to predict films")
    parser.add_argument("--calibration", type=Path, help="calibration.json for intervals (default: beside the checkpoint)")
    parser.add_argument("--device", default="auto", help="where to predict (default: auto)")
    parser.add_argument("--no-pdf", action="store_true", help="HTML alone")
    return parser


def find_films(places: Sequence[Path], checkpoint: Path | None, device: str) -> list[StoredFilm]:
    """The films of predictions.json files, and films predicted now. Raises: ValueError."""
    films, images = [], []
    for place in places:
        if place.suffix == ".json":
            films += read_tracings(place)
        else:
            images.append(place)
    if images and checkpoint is None:
        raise ValueError(f"{images[0]}: a film needs --checkpoint to be predicted; or give a predictions.json")
    if images:
        from landmarks.evaluation.tracings import predict_tracings  # torch, only where films are predicted

        films += predict_tracings(images, checkpoint, device)
    names = [film.tracing.name for film in films]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"{twice}: two films have this name, so that their pages would; analyse them apart")
    return films


def write_analyses(films: Sequence[StoredFilm], wanted: Wanted, output: Path, *, pdf: bool) -> None:
    """A page a film, then analyses.csv and analyses.json."""
    if (output / "analyses.csv").exists():
        raise ValueError(f"{output / 'analyses.csv'}: is there already; name another --output")
    output.mkdir(parents=True, exist_ok=True)
    chromium = find_chromium() if pdf else None
    if pdf and chromium is None:
        log.warning("no Chromium found: HTML pages only, print them from a browser")
    rows, summaries = [], []
    for film in films:
        patient = Patient(age=film.age if wanted.age is None else wanted.age, sex=wanted.sex or film.sex)
        results = analyse_film(film.tracing, patient, wanted)
        page = output / f"{film.tracing.name}.html"
        page.write_text(_page(film, results, patient, wanted), encoding="utf-8")
        if film.tracing.known:
            planes = [line for result in results for line in result.analysis.plane_lines]
            (output / f"{film.tracing.name}.svg").write_text(tracing_svg(film.tracing, planes), encoding="utf-8")
        if chromium:
            print_pdf(page, page.with_suffix(".pdf"), chromium)
        rows += [row for result in results for row in plain_rows(result, film.tracing.name)]
        summaries.append({"film": film.tracing.name, "patient": patient.words(), "analyses": [_plain(r) for r in results]})
        print(f"{film.tracing.name}: " + " ".join(sentence for result in results for sentence in result.sentences))
    with (output / "analyses.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]) if rows else ["film"])
        writer.writeheader()
        writer.writerows({key: "" if value is None else value for key, value in row.items()} for row in rows)
    content = {"version": 1, "films": summaries, "readings": [{k: _finite(v) for k, v in row.items()} for row in rows]}
    (output / "analyses.json").write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    print(f"{len(films)} films: {output}")


def analyse_film(film: Tracing, patient: Patient, wanted: Wanted) -> tuple[AnalysisResult, ...]:
    options = {"definitions": wanted.definitions, "prefer": wanted.prefer, "errors": wanted.errors}
    return tuple(analyse(film, ANALYSES[name], patient=patient, **options) for name in wanted.analyses)


def _page(film: StoredFilm, results: tuple[AnalysisResult, ...], patient: Patient, wanted: Wanted) -> str:
    coverage = wanted.errors.coverage if wanted.errors and film.tracing.radius_px is not None else None
    gray = _picture(film.image)
    return sheet_html(
        Sheet(film=film.tracing, results=results, patient=patient, gray=gray, model=wanted.model, coverage=coverage)
    )


def _picture(image: Path | None) -> np.ndarray | None:
    from landmarks.images import ImageError, read_gray

    if image is None:
        return None
    try:
        return read_gray(image)
    except ImageError as error:
        log.warning("%s; the page shows the tracing alone", error)
        return None


def _rescaled(film: Tracing, pixel_size: float | None, enlargement: float | None) -> Tracing:
    if pixel_size is not None:
        if not 0.001 <= pixel_size <= 10:
            raise ValueError(f"--pixel-size: found {pixel_size:g}; write mm a pixel, e.g. 0.1")
        film = replace(film, pixel_size=(pixel_size, pixel_size), origin="given by the user")
    if enlargement is not None:
        if not 0.8 <= enlargement <= 2:
            raise ValueError(f"--enlargement: found {enlargement:g}; write a factor, e.g. 1.1")
        film = replace(film, enlargement=enlargement)
    return film


def _beside(checkpoint: Path | None) -> Path | None:
    found = checkpoint.parent / "calibration.json" if checkpoint else None
    return found if found and found.is_file() else None


def _plain(result: AnalysisResult) -> dict:
    classes = [{"title": c.title, "class": c.name, "open": c.open} for c in result.classes]
    return {
        "analysis": result.analysis.name,
        "classes": classes,
        "sentences": list(result.sentences),
        "missing": result.missing,
    }


def _finite(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return "infinite" if value > 0 else None
    return value
