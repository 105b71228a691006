"""Analyses of films as files: a page, a PDF and a tracing each, and CSV and JSON of all."""

import csv
import json
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from landmarks.analyses.apply import AnalysisResult, analyse
from landmarks.analyses.pair_sheet import expected_growth, pair_html
from landmarks.analyses.pdf import find_chromium, print_pdf
from landmarks.analyses.sheet import Sheet, plain_rows, sheet_html
from landmarks.analyses.table import Analysis
from landmarks.norms import Definitions, Patient, standard
from landmarks.radiograph import ImageError, read_gray
from landmarks.superimposition import Superimposition
from landmarks.tracing import Tracing, tracing_svg
from landmarks.tracing.reading import StoredFilm
from landmarks.uncertainty import ErrorModel

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What is asked of every film."""

    analyses: tuple[Analysis, ...]
    definitions: Definitions
    prefer: tuple[str, ...]
    age: float | None
    sex: str | None
    errors: ErrorModel | None
    model: str


def write_analyses(films: Sequence[StoredFilm], wanted: Wanted, output: Path, *, pdf: bool) -> None:
    """A page a film, then analyses.csv and analyses.json."""
    if (output / "analyses.csv").exists():
        raise ValueError(f"{output / 'analyses.csv'}: exists already; choose another --output")
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
    return tuple(analyse(film, analysis, patient=patient, **options) for analysis in wanted.analyses)


def _page(film: StoredFilm, results: tuple[AnalysisResult, ...], patient: Patient, wanted: Wanted) -> str:
    coverage = wanted.errors.coverage if wanted.errors and film.tracing.radius_px is not None else None
    gray = _picture(film.image)
    return sheet_html(
        Sheet(film=film.tracing, results=results, patient=patient, gray=gray, model=wanted.model, coverage=coverage)
    )


def _picture(image: Path | None) -> np.ndarray | None:
    if image is None:
        return None
    try:
        return read_gray(image)
    except ImageError as error:
        log.warning("%s; the page shows the tracing alone", error)
        return None


def rescaled(film: Tracing, pixel_size: float | None, enlargement: float | None) -> Tracing:
    """The film at a pixel size and enlargement of the user's. Raises: ValueError."""
    if pixel_size is not None:
        if not 0.001 <= pixel_size <= 10:
            raise ValueError(f"--pixel-size: found {pixel_size:g}; write mm a pixel, e.g. 0.1")
        film = replace(film, pixel_size=(pixel_size, pixel_size), origin="given by the user")
    if enlargement is not None:
        if not 0.8 <= enlargement <= 2:
            raise ValueError(f"--enlargement: found {enlargement:g}; write a factor, e.g. 1.1")
        film = replace(film, enlargement=enlargement)
    return film


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


def write_superimposition(
    first: Tracing,
    found: Superimposition,
    ages: tuple[float | None, float | None],
    errors: ErrorModel | None,
    output: Path,
    *,
    pdf: bool,
) -> None:
    """superimposition.html and .pdf, movements.csv, changes.csv. Raises: ValueError where they are there already."""
    if (output / "movements.csv").exists():
        raise ValueError(f"{output / 'movements.csv'}: exists already; choose another --output")
    output.mkdir(parents=True, exist_ok=True)
    coverage = errors.coverage if errors and found.movements[0].forward_half is not None else None
    page = output / "superimposition.html"
    page.write_text(pair_html(first, found, standard().norms, ages, coverage), encoding="utf-8")
    _print(page, pdf=pdf)
    columns = ("forward", "down", "distance", "forward_half", "down_half", "distance_half")
    rows = [[movement.symbol, *(getattr(movement, column) for column in columns)] for movement in found.movements]
    _table(output / "movements.csv", ["symbol", *(f"{column}_mm" for column in columns)], rows)
    rows = []
    for change in found.changes:
        growth = expected_growth(standard().norms, change.measurement.name, ages)
        row = [change.measurement.name, change.measurement.unit, change.before, change.after, change.change]
        rows.append([*row, change.half_width, *(growth or (None, None))])
    header = ["measurement", "unit", "before", "after", "change", "half_width", "growth_by_norm", "sample"]
    _table(output / "changes.csv", header, rows)
    print("\n".join(movement.words(coverage) for movement in found.movements))
    print(f"laid over each other by {found.reference.title}: {page}")


def _print(page: Path, *, pdf: bool) -> None:
    if chromium := find_chromium() if pdf else None:
        print_pdf(page, page.with_suffix(".pdf"), chromium)
    elif pdf:
        log.warning("no Chromium found: HTML pages only, print them from a browser")


def _table(path: Path, header: list[str], rows: list[list]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(
            [["" if cell is None else f"{cell:.4f}" if isinstance(cell, float) else cell for cell in row] for row in rows]
        )
