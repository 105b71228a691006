"""An analysis of one film: values, norms, deviations, intervals, classes, and what they say in words."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from landmarks.analyses.table import Analysis
from landmarks.analyses.wording import UNITS, class_sentence, norm_sentence
from landmarks.measurements import OTHER_LANDMARKS, Measurement, measure
from landmarks.norms import Definitions, Norm, Patient, choose, standard
from landmarks.tracing import Tracing
from landmarks.uncertainty import ErrorModel, measure_with_intervals


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """One measurement of one film beside its norm."""

    measurement: Measurement
    label: str
    """The author's name for it."""
    value: float | None
    half_width: float | None
    """Of the interval value ± half width; None where unknown, infinite where a landmark's radius is."""
    norm: Norm | None
    """At the patient's age, for films of this enlargement."""
    deviation: float | None
    """Standard deviations off; None for norms that have none."""
    standing: str
    """below, inside, above; "" where that cannot be said."""
    open: bool
    """Whether the interval reaches over a limit of the norm."""
    note: str
    """Why there is no value or norm, or what limits it."""

    @property
    def unit(self) -> str:
        return UNITS[self.measurement.unit]


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassReading:
    """A class by the borders of one measurement."""

    title: str
    name: str
    sentence: str
    open: bool
    """Whether the interval crosses a border."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AnalysisResult:
    """An analysis of one film."""

    analysis: Analysis
    readings: tuple[Reading, ...]
    classes: tuple[ClassReading, ...]
    sentences: tuple[str, ...]
    """The summary: classes first, then what stands out, each with its rule."""
    missing: dict[str, str]
    """Label of a measurement that cannot be made -> the landmarks that it lacks."""


def analyse(
    film: Tracing,
    analysis: Analysis,
    *,
    patient: Patient | None = None,
    definitions: Definitions | None = None,
    prefer: Sequence[str] = (),
    errors: ErrorModel | None = None,
) -> AnalysisResult:
    """Measures a film and sets it beside norms.

    Args:
        prefer: samples whose norms count before the analysis's own.
        errors: how the errors of landmarks are distributed; with the film's radii it gives intervals.

    Example:
        result = analyse(film, ANALYSES["steiner"], patient=Patient(age=12, sex="women"))
        print("\\n".join(result.sentences))
    """
    patient, definitions = patient or Patient(), definitions or standard()
    wanted = [name for name, _ in analysis.items]
    wanted += [classes.measurement for classes in analysis.classes]
    wanted += [norm.when[0] for norm in definitions.norms if norm.when and norm.measurement in wanted]
    rows = [definitions.measurements[name] for name in dict.fromkeys(wanted)]
    values, half = _measured(film, [row for row in rows if set(row.landmarks) <= set(film.known)], errors)
    order = (*prefer, *analysis.samples)
    readings = tuple(
        _reading(film, definitions.measurements[name], label, values, half, patient, definitions.norms, order)
        for name, label in analysis.items
    )
    classes = tuple(_class(made, values, half) for made in analysis.classes if made.measurement in values)
    missing = {
        label: " ".join(s for s in definitions.measurements[name].landmarks if s not in film.known)
        for name, label in analysis.items
        if not set(definitions.measurements[name].landmarks) <= set(film.known)
    }
    missing |= {name: OTHER_LANDMARKS[name] for name in analysis.needs}
    sentences = tuple(made.sentence for made in classes) + _summary(readings, {made.measurement for made in analysis.classes})
    return AnalysisResult(analysis=analysis, readings=readings, classes=classes, sentences=sentences, missing=missing)


def _measured(
    film: Tracing, rows: list[Measurement], errors: ErrorModel | None
) -> tuple[dict[str, float], dict[str, float | None]]:
    """Values and half widths by name; lengths without a scale are left out."""
    if not film.has_lengths:
        rows = [row for row in rows if row.unit != "mm"]
    if not rows:
        return {}, {}
    # a pixel size of unknown origin still says how oblong pixels are
    sizes, looks = film.aspect[None], np.array([film.looks])
    needed = {symbol for row in rows for symbol in row.landmarks}
    kept = [k for k, symbol in enumerate(film.symbols) if symbol in needed]
    symbols = tuple(film.symbols[k] for k in kept)
    points = film.points_px[None, kept]
    if errors is None or film.radius_px is None:
        values, half = measure(points, symbols, sizes, looks=looks, rows=rows)[0], np.full(len(rows), np.nan)
    else:
        both = measure_with_intervals(points, symbols, sizes, film.radius_px[None, kept], errors, rows, looks=looks)
        values, half = both[0][0], both[1][0]
    names = [row.name for row in rows]
    return dict(zip(names, values.tolist(), strict=True)), {
        name: None if math.isnan(h) else h for name, h in zip(names, half.tolist(), strict=True)
    }


def _reading(
    film: Tracing,
    row: Measurement,
    label: str,
    values: dict[str, float],
    half: dict[str, float | None],
    patient: Patient,
    norms: Sequence[Norm],
    prefer: Sequence[str],
) -> Reading:
    value = values.get(row.name)
    chosen = choose(norms, row.name, patient, prefer=prefer, values=values)
    norm, notes = chosen.norm, [chosen.reason]
    if norm is not None and row.unit == "mm":
        norm, why = _on_this_film(norm, film)
        notes.append(why)
    if value is None:
        lacking = [s for s in row.landmarks if s not in film.known]
        notes = [f"needs {' '.join(lacking)}" if lacking else "needs a pixel size"]
        return Reading(measurement=row, label=label, value=None, half_width=None, norm=norm, deviation=None, standing="",
                       open=False, note=notes[0])  # fmt: skip
    width = half.get(row.name)
    standing = norm.standing(value) if norm else ""
    reaches = bool(standing) and width is not None and norm.standing(value - width) != norm.standing(value + width)
    return Reading(
        measurement=row,
        label=label,
        value=value,
        half_width=width,
        norm=norm,
        deviation=norm.deviation(value) if norm else None,
        standing=standing,
        open=reaches,
        note="; ".join(filter(None, [*notes, row.note])),
    )


def _on_this_film(norm: Norm, film: Tracing) -> tuple[Norm | None, str]:
    """The norm of a length in this film's millimetres, or why there is none."""
    if not film.has_lengths:
        return None, "no norm without a pixel size of known origin"
    if film.factor is None:
        return None, "no norm: enlargement of the film unknown"
    if norm.sample.enlargement is None:
        return norm, ""
    factor = film.factor / norm.sample.enlargement
    return norm.scaled(factor), f"norm times {factor:.3f} for enlargement"


def _class(classes, values: dict[str, float], half: dict[str, float | None]) -> ClassReading:
    value, width = values[classes.measurement], half.get(classes.measurement)
    index = int(classes.assign(np.array([value]))[0])
    crosses = width is not None and bool(classes.uncertain(np.array([value]), np.array([width]))[0])
    name = classes.names[index] if index >= 0 else "unknown"
    return ClassReading(
        title=classes.title, name=name, sentence=class_sentence(classes, value, width, index, crosses), open=crosses
    )


def _summary(readings: Sequence[Reading], classed: set[str]) -> tuple[str, ...]:
    """What stands out; measurements that a class has spoken of are left out."""
    judged = [r for r in readings if r.standing]
    out = [r for r in judged if r.standing != "inside" and r.measurement.name not in classed]
    targets = [r for r in readings if r.norm and r.norm.when and r.norm.kind == "target" and r.value is not None]
    sentences = [norm_sentence(r) for r in (*targets, *out)]
    inside = sum(r.standing == "inside" for r in judged)
    if judged:
        sentences.append(
            f"{inside} of {len(judged)} measurements that a norm can judge lie inside it (1 SD, range or tolerance)."
        )
    return tuple(sentences)
