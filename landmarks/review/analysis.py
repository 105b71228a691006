"""Measurements and analyses for the page: what the table, the planes and the words beside a film hold."""

import math

import numpy as np

from landmarks.analyses import ANALYSES, PLANES, Analysis, Reading
from landmarks.analyses import analyse as analyse_film
from landmarks.measurements import MEASUREMENTS
from landmarks.norms import Norm, Patient, standard
from landmarks.schema import AARIZ29
from landmarks.sella_nasion import judge_sn
from landmarks.tracing import Tracing, outlines
from landmarks.uncertainty import ErrorModel

_ALL = Analysis(
    name="all",
    title="All",
    items=tuple((row.name, row.name) for row in MEASUREMENTS),
    samples=(),
    planes=("S-N", "Frankfort", "palatal", "Go-Me"),
)
_OFFERED = {**ANALYSES, _ALL.name: _ALL}
_SEXES = {"f": "women", "m": "men"}


def titles() -> dict[str, str]:
    """Full name of each landmark."""
    return dict(zip(AARIZ29.symbols, AARIZ29.titles, strict=True))


def catalogue() -> list[dict]:
    """The analyses that the page offers, each with its landmarks and the planes to draw."""
    measurements = standard().measurements
    offered = []
    for analysis in _OFFERED.values():
        used = [symbol for name, _ in analysis.items for symbol in measurements[name].landmarks]
        offered.append(
            {
                "name": analysis.name,
                "title": analysis.title,
                "tab": analysis.title.split(" and ")[0].removesuffix(" proportions"),
                "note": analysis.note,
                "landmarks": list(dict.fromkeys(used)),
                "planes": [list(PLANES[name]) for name in analysis.planes],
            }
        )
    return offered


def make_tracing(
    points: dict[str, tuple[float, float]],
    scale: tuple[float, float] | None,
    origin: str,
    radii: dict[str, float | None] | None,
) -> Tracing:
    """Points (x, y) in source px by symbol -> the type that analyses take; a radius of None is unknown, 0 is by hand."""
    radius_px = None
    if radii is not None:
        radius_px = np.array([math.inf if radii.get(symbol) is None else radii[symbol] for symbol in points])
    return Tracing(
        name="",
        symbols=tuple(points),
        points_px=np.array(list(points.values()), dtype=float).reshape(-1, 2),
        radius_px=radius_px,
        corrected=frozenset(symbol for symbol, radius in (radii or {}).items() if radius == 0),
        pixel_size=scale,
        origin=origin if scale else "unknown",
    )


def analyse(
    film: Tracing,
    *,
    name: str,
    age: float | None,
    sex: str | None,
    coverage: float | None,
    live: bool = False,
    drawn: bool = True,
) -> dict:
    """One film's table. Without `coverage` there are no intervals; `live`, while a point is dragged, only what follows
    it; `drawn` asks for the outlines as well."""
    analysis = _OFFERED.get(name) or ANALYSES["steiner"]
    if not film.symbols:
        return {"rows": [], "words": [], "missing": {}, "scale": scale_words(film), "outlines": []}
    errors = None if coverage is None else ErrorModel(symbols=film.symbols, coverage=coverage)
    found = analyse_film(film, analysis, patient=Patient(age=age, sex=_SEXES.get(sex)), errors=errors)
    readings = [reading for reading in found.readings if reading.value is not None and math.isfinite(reading.value)]
    rows = [_moved(reading) if live else _moved(reading) | _row(reading) for reading in readings]
    return {"rows": rows, "words": list(found.sentences), "missing": found.missing, "scale": scale_words(film),
            "outlines": _drawn(film) if drawn else None}  # fmt: skip


def _drawn(film: Tracing) -> list[dict]:
    """Anatomical outlines in source px, to a tenth of a pixel."""
    made, _ = outlines(film)
    return [{"points": outline.points_px.round(1).tolist(), "dashed": outline.dashed} for outline in made]


def _moved(reading: Reading) -> dict:
    """What changes while a point is dragged."""
    return {
        "name": reading.measurement.name,
        "value": reading.value,
        "deviation": reading.deviation,
        "standing": reading.standing,
        "open": reading.open,
        "meaning": {"above": reading.measurement.larger, "below": reading.measurement.smaller}.get(reading.standing, ""),
    }


def _row(reading: Reading) -> dict:
    row, half = reading.measurement, reading.half_width
    return {
        "label": reading.label,
        "unit": reading.unit,
        "half": half if half is not None and math.isfinite(half) else None,
        "landmarks": list(row.landmarks),
        "lines": [list(line) for line in row.construct.lines],
        "source": row.source,
        "norm": None if reading.norm is None else _norm(reading.norm),
        "note": reading.note,
    }


def _norm(norm: Norm) -> dict:
    low, high = norm.limits() or (math.nan, math.nan)
    known = math.isfinite(low) and math.isfinite(high)
    return {
        "words": norm.words(),
        "sample": f"{norm.sample.title}: {norm.sample.words()}; {norm.source} ({norm.evidence.replace('_', ' ')})",
        "low": low if known else None,
        "high": high if known else None,
    }


def scale_words(film: Tracing) -> dict:
    """What the length of Sella-Nasion says of the pixel size."""
    if not film.has_lengths or not {"S", "N"} <= set(film.known):
        return {"judgement": "unknown", "sn_mm": None}
    length = float(np.linalg.norm((film["N"] - film["S"]) * film.sizes))
    return {"judgement": judge_sn(length, 1), "sn_mm": length}
