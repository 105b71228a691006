"""The page of two films laid over each other: both tracings, movements, changes of measurements; one A4 side."""

from collections.abc import Sequence
from html import escape

import numpy as np

from landmarks import __version__
from landmarks.analyses.sheet import STYLE
from landmarks.analyses.wording import UNITS
from landmarks.norms import Norm
from landmarks.superimposition import Change, Movement, Superimposition
from landmarks.tracing import Style, Tracing, outlines, tracing_group

_BEFORE = Style(outline="#111111", plane="#111111", point="#111111", corrected="#111111", halo="#ffffff")
_AFTER = Style(outline="#c0392b", plane="#c0392b", point="#c0392b", corrected="#c0392b", halo="#ffffff")
_PICTURE_MM = 104.0
# Measurements that a page has room for; the CSV has all.
_SHOWN = (
    "SNA", "SNB", "ANB", "Wits", "Facial angle", "A to N-Pog", "FMA", "SN-GoGn", "PP-MP", "Jarabak ratio", "Co-A", "Co-Gn",
    "ANS-Me", "U1-SN", "U1-PP", "IMPA", "Interincisal", "Overjet", "Overbite", "Ls to E-line", "Li to E-line", "S-N",
)  # fmt: skip


def expected_growth(
    norms: Sequence[Norm], measurement: str, ages: tuple[float | None, float | None]
) -> tuple[float, str] | None:
    """How much a measurement changes between two ages by a norm with growth, and whose; None without one or an age."""
    if ages[0] is None or ages[1] is None:
        return None
    norm = next((n for n in norms if n.measurement == measurement and n.growth), None)
    return None if norm is None else (norm.at_age(ages[1]).mean - norm.at_age(ages[0]).mean, norm.sample.title)


def pair_html(
    first: Tracing,
    found: Superimposition,
    norms: Sequence[Norm],
    ages: tuple[float | None, float | None],
    coverage: float | None,
) -> str:
    """A self-contained page that prints on one A4 side."""
    second = found.second_in_first_px.name
    when = " and ".join(f"age {age:g}" if age is not None else "age unknown" for age in ages)
    words = f"Black: {first.name}. Red, dashed: {second}. Laid over each other by {found.reference.title}; forward is along "
    words += f"{found.axis} of {first.name}; {when}."
    if coverage is not None:
        words += f" Intervals hold with {100 * coverage:g} %; bold: zero lies outside."
    movements = [m for m in found.movements if m.symbol not in ("R",)]
    half = (len(movements) + 1) // 2
    tables = "".join(_movement_table(part) for part in (movements[:half], movements[half:]))
    shown = [change for change in found.changes if change.measurement.name in _SHOWN]
    return "\n".join([
        "<!DOCTYPE html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>Superimposition</title><style>{STYLE}</style></head><body>',
        f"<header><h1>{escape(first.name)} → {escape(second)}</h1><span>Superimposition</span></header>",
        f'<div class="top"><div class="picture">{_picture(first, found)}</div><div class="words"><p>{escape(words)}</p>'
        f"{_change_table(shown, norms, ages)}</div></div>",
        f'<div class="tables" style="display:flex;gap:6mm;align-items:flex-start">{tables}</div>',
        f"<footer>landmarks {__version__}. Not a medical device: a reading aid for research, to be checked by a professional. "
        "All measurements are in changes.csv.</footer></body></html>",
    ]) + "\n"  # fmt: skip


def _picture(first: Tracing, found: Superimposition) -> str:
    points = [curve.points_px for film in (first, found.second_in_first_px) for curve in outlines(film)[0]]
    points += [film.points_px[np.isfinite(film.points_px).all(axis=1)] for film in (first, found.second_in_first_px)]
    everything = np.vstack(points) * first.aspect
    margin = 0.05 * float(np.ptp(everything, axis=0).max())
    (x, y), (w, h) = everything.min(axis=0) - margin, np.ptp(everything, axis=0) + 2 * margin
    width = min(_PICTURE_MM, 118.0 * w / h)
    before = tracing_group(first, style=_BEFORE, in_mm=True, labels=True, radii=False)
    after = tracing_group(found.second_in_first_px, style=_AFTER, in_mm=True, labels=False, radii=False, dashed=True)
    box = f'width="{width:.1f}mm" height="{width * h / w:.1f}mm" viewBox="{x:.2f} {y:.2f} {w:.2f} {h:.2f}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {box}>{before}{after}</svg>'


def _movement_table(movements: Sequence[Movement]) -> str:
    rows = "".join(
        f"<tr><td>{escape(m.symbol)}</td>{_cell(m.forward, m.forward_half)}{_cell(m.down, m.down_half)}"
        f"<td>{m.distance:.1f}</td></tr>"
        for m in movements
    )
    return f"<table><tr><th>mm</th><th>forward</th><th>down</th><th>distance</th></tr>{rows}</table>"


def _cell(value: float, half: float | None) -> str:
    if half is None:
        return f"<td>{value:+.1f}</td>"
    inner = f"{value:+.1f} ± {half:.1f}"
    return f"<td><b>{inner}</b></td>" if abs(value) > half else f"<td>{inner}</td>"


def _change_table(changes: Sequence[Change], norms: Sequence[Norm], ages: tuple[float | None, float | None]) -> str:
    rows = []
    for change in changes:
        growth = expected_growth(norms, change.measurement.name, ages)
        unit = UNITS[change.measurement.unit]
        expected = f"{growth[0]:+.1f} {growth[1]}" if growth else ""
        cells = f"<td>{change.before:.1f}{unit}</td><td>{change.after:.1f}{unit}</td>{_cell(change.change, change.half_width)}"
        rows.append(f"<tr><td>{escape(change.measurement.name)}</td>{cells}<td>{escape(expected)}</td></tr>")
    head = "<tr><th></th><th>before</th><th>after</th><th>change</th><th>growth by norm</th></tr>"
    return f'<table style="table-layout:auto;font-size:7.2pt">{head}{"".join(rows)}</table>'
