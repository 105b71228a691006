"""The page of one film: picture with tracing, words, and the tables of its analyses, on one A4 side. No script, no network."""

import base64
from dataclasses import dataclass
from html import escape

import cv2
import numpy as np

from landmarks import __version__
from landmarks.analyses.apply import AnalysisResult, Reading
from landmarks.norms import Patient
from landmarks.sella_nasion import SN_NORM_RANGE_MM, judge_sn
from landmarks.tracing import ON_FILM, ON_PAPER, SCALE_ORIGINS, Tracing, tracing_group

# Rows of all tables that one side holds beside a small picture.
MOST_ROWS = 40
_PICTURE_PX = 1000
# mm of one side's height for picture, words and tables; of a table's row; of the largest picture; of a line of words.
_SIDE_MM, _ROW_MM, _PICTURE_MM, _LINE_MM = 246.0, 4.15, 118.0, 4.1
# mm a character of the words, and how small their letters may become.
_LETTER_MM, _SMALLEST = 1.56, 0.72
# Characters that a line of a table's remarks holds.
_NOTE_LETTERS = 44
STYLE = """
@page { size: A4; margin: 0; }
* { box-sizing: border-box; }
html { background: #e8ebee; }
body { margin: 0 auto; width: 210mm; height: 296.5mm; padding: 9mm 11mm 8mm; background: #fff; color: #111; overflow: hidden;
  font: 8.6pt/1.32 "Liberation Sans", Arial, Helvetica, sans-serif; display: flex; flex-direction: column; }
h1 { font-size: 14pt; margin: 0; }
header { display: flex; justify-content: space-between; align-items: baseline; border-bottom: .4mm solid #111;
  padding-bottom: 1mm; margin-bottom: 2mm; }
.banner { border: .5mm solid #111; padding: 1.2mm 2mm; margin-bottom: 2mm; font-weight: bold; }
.top { display: flex; gap: 5mm; }
.picture { flex: 0 0 auto; } .picture svg { display: block; border: .2mm solid #999; }
.words { flex: 1; min-width: 0; overflow: hidden; } .words p { margin: 0 0 .12em; }
.words .h2 { font-weight: bold; font-size: 1.12em; margin: .35em 0 .15em; }
.words .li { padding-left: .9em; text-indent: -.75em; } .words .li::before { content: "• "; }
.tables { flex: 1; min-height: 0; margin-top: 2mm; font-size: 8.1pt; }
table { table-layout: fixed; width: 100%; border-collapse: collapse; margin-bottom: 1.6mm; font-variant-numeric: tabular-nums; }
td, th { padding: 0 1.4mm; border-bottom: .15mm solid #bbb; text-align: right; white-space: nowrap; }
th { font-weight: normal; color: #444; border-bottom: .3mm solid #111; }
td:first-child, th:first-child { text-align: left; padding-left: 0; }
td.note, th.note { text-align: left; color: #333; white-space: normal; font-size: .86em; line-height: 1.05; }
td.bar { padding: 0 1mm; } td.bar svg { display: block; }
tr.out td:first-child, tr.out td:nth-child(2) { font-weight: bold; }
footer { border-top: .3mm solid #111; padding-top: 1mm; font-size: .8em; line-height: 1.25; color: #222; }
@media screen { body { margin: 6mm auto; box-shadow: 0 0 4mm #999; } }
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """What the page of one film shows."""

    film: Tracing
    results: tuple[AnalysisResult, ...]
    patient: Patient
    gray: np.ndarray | None = None
    """uint8 [H, W] of the film; a tracing on white where left out."""
    model: str = ""
    """Which model placed the points."""
    coverage: float | None = None
    """Of the intervals."""


def sheet_html(sheet: Sheet) -> str:
    """A self-contained page that prints on one A4 side. Raises: ValueError where the tables are too long for one.

    Example:
        Path("film.html").write_text(sheet_html(Sheet(film=film, results=(result,), patient=Patient())))
    """
    rows = sum(len(result.readings) + 2 for result in sheet.results)
    if rows > MOST_ROWS:
        raise ValueError(f"{rows} rows do not fit on one side (at most {MOST_ROWS}); choose fewer analyses")
    film = sheet.film
    warning = scale_warning(film)
    notes = [_note(reading) for result in sheet.results for reading in result.readings]
    wrapped = sum(len(note) // _NOTE_LETTERS for note in notes)
    room = _SIDE_MM - _ROW_MM * (rows + 0.4 * wrapped) - (11 if warning else 0)
    picture, width = _picture(sheet, min(room, _PICTURE_MM))
    titles = ", ".join(result.analysis.title for result in sheet.results)
    parts = [
        "<!DOCTYPE html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(film.name)}</title><style>{STYLE}</style></head><body>',
        f"<header><h1>{escape(film.name)}</h1><span>{escape(titles)}</span></header>",
        f'<div class="banner">{escape(warning)}</div>' if warning else "",
        f'<div class="top"><div class="picture">{picture}</div>{_words(sheet, 183 - width, room)}</div>',
        '<div class="tables">' + "".join(_table(result) for result in sheet.results) + "</div>",
        f"<footer>{_footer(sheet)}</footer></body></html>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def scale_warning(film: Tracing) -> str:
    """What stands at the top: no scale, one at the detector, or one that anatomy contradicts; "" where all is well."""
    if film.pixel_size is None or not film.has_lengths:
        return "The pixel size of this film is unknown: angles and ratios only, no lengths."
    if {"S", "N"} <= set(film.known):
        length = float(np.hypot(*((film["N"] - film["S"]) * film.aspect)))
        verdict = judge_sn(length, 1)
        if verdict in ("doubtful", "impossible"):
            usual = f"{SN_NORM_RANGE_MM[0]:g} to {SN_NORM_RANGE_MM[1]:g} mm are usual in adults"
            end = (
                "cannot be right: do not use the lengths"
                if verdict == "impossible"
                else "may be wrong: check it before using lengths"
            )
            return f"S-N measures {length:.1f} mm, where {usual}. The pixel size {end}."
    if film.factor is None:
        return "The pixel size holds at the detector: lengths are enlarged by an unknown factor and have no norm."
    return ""


def _picture(sheet: Sheet, height_mm: float) -> tuple[str, float]:
    """The film with its tracing, and how wide it is in print, mm."""
    film = sheet.film
    planes = [line for result in sheet.results for line in result.analysis.plane_lines]
    group = tracing_group(film, list(dict.fromkeys(planes)), style=ON_FILM if sheet.gray is not None else ON_PAPER, in_mm=True)
    known = film.points_px[np.isfinite(film.points_px).all(axis=1)]
    if not len(known):
        return "", 0.0
    margin = 0.14 * float(np.ptp(known, axis=0).max()) + 1
    low, high = known.min(axis=0) - margin, known.max(axis=0) + margin
    image = ""
    if sheet.gray is not None:
        limit = np.array(sheet.gray.shape[::-1])
        low, high = np.clip(np.floor(low), 0, limit - 1).astype(int), np.clip(np.ceil(high), 1, limit).astype(int)
        image = _image(sheet.gray[low[1] : high[1], low[0] : high[0]], low - 0.5, film.aspect)
        low, high = low - 0.5, high - 0.5
    (x, y), (w, h) = low * film.aspect, (high - low) * film.aspect
    width_mm = min(height_mm * w / h, 106.0)
    box = f'width="{width_mm:.1f}mm" height="{width_mm * h / w:.1f}mm" viewBox="{x:.2f} {y:.2f} {w:.2f} {h:.2f}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {box}>{image}{group}</svg>', width_mm


def _image(gray: np.ndarray, corner: np.ndarray, aspect: np.ndarray) -> str:
    """The cut-out film as a JPEG inside the SVG; `corner` is where its top-left pixel begins, source px."""
    height, width = gray.shape
    scale = min(1.0, _PICTURE_PX / max(height, width))
    small = cv2.resize(gray, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA)
    data = base64.b64encode(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 82])[1].tobytes()).decode()
    (x, y), (sx, sy) = corner * aspect, aspect
    place = f'x="{x:.2f}" y="{y:.2f}" width="{width * sx:.2f}" height="{height * sy:.2f}"'
    return f'<image {place} preserveAspectRatio="none" href="data:image/jpeg;base64,{data}"/>'


def _words(sheet: Sheet, width_mm: float, height_mm: float) -> str:
    """The column of words, made to fit: smaller letters first, then fewer sentences an analysis."""
    for most in range(14, 0, -1):
        lines = _sentences(sheet, most)
        per_line = width_mm / _LETTER_MM
        needed = sum(np.ceil((len(words) + 3) / per_line) + (0.3 if kind == "li" else 0.4) for kind, words in lines) * _LINE_MM
        scale = min(1.0, float(np.sqrt(height_mm / needed)))
        if scale >= _SMALLEST:
            break
    # paragraphs, headings and list items; an item's bullet is its own, so that no list has to be closed
    body = "".join(f'<p class="{kind}">{escape(words)}</p>' for kind, words in lines)
    return f'<div class="words" style="font-size:{8.6 * scale:.2f}pt">{body}</div>'


def _sentences(sheet: Sheet, most: int) -> list[tuple[str, str]]:
    film, said = sheet.film, set()
    lines = [("p", f"{sheet.patient.words().capitalize()}.")]
    if film.pixel_size is not None:
        sx, sy = film.pixel_size
        given = f"; enlargement {100 * (film.enlargement - 1):.0f} % given" if film.enlargement else ""
        lines.append(("p", f"Pixel size {sx:.4g} × {sy:.4g} mm, {SCALE_ORIGINS[film.origin]}{given}."))
    if film.looks < 0:
        lines.append(("p", "The face looks left; values are as for a face that looks right."))
    for result in sheet.results:
        lines.append(("h2", result.analysis.title))
        fresh = [sentence for sentence in result.sentences if sentence not in said]
        said |= set(fresh)
        shown = fresh if len(fresh) <= most else fresh[:most]
        lines += [("li", sentence) for sentence in shown]
        if len(fresh) > len(shown):
            lines.append(("li", f"{len(fresh) - len(shown)} more: see the table."))
        lacking = [label for label in result.missing if label not in result.analysis.needs]
        lacking += [f"{label} (needs {result.missing[label]})" for label in result.analysis.needs]
        if lacking:
            lines.append(("li", f"Landmarks are missing for {'; '.join(lacking)}."))
    return lines


def _table(result: AnalysisResult) -> str:
    head = f"<tr><th>{escape(result.analysis.title)}</th><th>value</th><th>interval</th><th>norm</th><th>off</th>"
    head += '<th>−3 to 3</th><th class="note">sample, remarks</th></tr>'
    widths = "".join(f'<col style="width:{share}%">' for share in (22, 8.5, 9, 10.5, 8, 15, 27))
    return f"<table><colgroup>{widths}</colgroup>{head}{''.join(_row(reading) for reading in result.readings)}</table>"


def _row(reading: Reading) -> str:
    unit, norm = reading.unit, reading.norm
    value = "–" if reading.value is None else f"{reading.value:.1f}{unit}"
    interval = ""
    if reading.half_width is not None and reading.value is not None:
        wide = "not bounded" if np.isinf(reading.half_width) else f"± {reading.half_width:.1f}"
        interval = wide + (" *" if reading.open else "")
    out = ' class="out"' if reading.standing in ("below", "above") else ""
    cells = [reading.label, value, interval, norm.words() if norm else "–", off_words(reading)]
    return (
        f"<tr{out}>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        + f'<td class="bar">{_bar(reading)}</td><td class="note">{escape(_note(reading))}</td></tr>'
    )  # fmt: skip


def _note(reading: Reading) -> str:
    norm = reading.norm
    sample = norm.sample.title + (" (unverified)" if norm.evidence == "unverified" else "") if norm else ""
    return "; ".join(filter(None, [sample, reading.note]))


def off_words(reading: Reading) -> str:
    """How far a value is off its norm: in SD, inside or outside a range, or the plain difference from a target."""
    if reading.value is None or reading.norm is None:
        return ""
    if reading.deviation is not None:
        return f"{reading.deviation:+.1f} SD"
    return reading.standing if reading.norm.kind == "range" else f"{reading.value - reading.norm.mean:+.1f}"


def _bar(reading: Reading) -> str:
    """Deviation bar: the inside shaded; where the norm has limits, half their distance is one unit of -3 to 3."""
    limits = reading.norm.limits() if reading.norm else None
    if limits is None or reading.value is None or not np.isfinite(limits).all():
        return ""
    middle, unit = sum(limits) / 2, (limits[1] - limits[0]) / 2
    at = float(np.clip((reading.value - middle) / unit, -3.2, 3.2))
    parts = ['<svg width="26mm" height="2.6mm" viewBox="-3.5 -1 7 2" preserveAspectRatio="none">',
             '<rect x="-1" y="-.8" width="2" height="1.6" fill="#d4d8dc"/>',
             '<path d="M-3.4 0H3.4M0 -.8V.8" stroke="#666" stroke-width=".08"/>']  # fmt: skip
    if reading.half_width is not None and np.isfinite(reading.half_width):
        ends = np.clip([(reading.value + sign * reading.half_width - middle) / unit for sign in (-1, 1)], -3.4, 3.4)
        parts.append(f'<path d="M{ends[0]:.2f} 0H{ends[1]:.2f}" stroke="#111" stroke-width=".3"/>')
    return "".join([*parts, f'<rect x="{at - 0.13:.2f}" y="-.75" width=".26" height="1.5" fill="#111"/></svg>'])


def _footer(sheet: Sheet) -> str:
    film, samples = sheet.film, {}
    for result in sheet.results:
        samples |= {r.norm.sample.title: r.norm.sample.words() for r in result.readings if r.norm}
    parts = ["Norms: " + "; ".join(f"{title}: {words}" for title, words in samples.items()) + "."] if samples else []
    if sheet.coverage is not None:
        parts.append(f"Intervals hold with {100 * sheet.coverage:g} %; * the interval crosses a limit of the norm.")
    by_hand = (
        f"placed or moved by hand (squares): {' '.join(sorted(film.corrected))}" if film.corrected else "none moved by hand"
    )
    parts.append(f"Points: {sheet.model or 'model not stated'}; {by_hand}. Dashed outlines are guessed from far landmarks.")
    parts.append(f"landmarks {__version__}. Not a medical device: a reading aid for research, to be checked by a professional.")
    return " ".join(escape(part) for part in parts)


def plain_rows(result: AnalysisResult, name: str) -> list[dict]:
    """One row a measurement of a film, for CSV and JSON."""
    rows = []
    for reading in result.readings:
        norm, half = reading.norm, reading.half_width
        row = {"film": name, "analysis": result.analysis.name, "measurement": reading.measurement.name}
        row |= {"label": reading.label, "value": reading.value, "unit": reading.measurement.unit, "half_width": half}
        row |= {"norm": norm.words() if norm else "", "kind": norm.kind if norm else ""}
        row |= {"sample": norm.sample.name if norm else "", "evidence": norm.evidence if norm else ""}
        row |= {"source": norm.source if norm else "", "deviation_sd": reading.deviation, "standing": reading.standing}
        rows.append(row | {"open": reading.open, "note": reading.note})
    return rows
