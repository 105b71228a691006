"""Norms and measurements out of YAML: the project's own table and a user's file, with the same words and checks.

A user's file has up to three sections, `measurements`, `samples` and `norms`; norms.yaml describes the latter two. A
measurement is `name`, `unit`, `source`, optionally `larger`, `smaller`, `note`, and one of
    corner: [S, N, A]                       angle at the middle point
    between: [[UIA, UIT], [N, S]]           unsigned angle of two directed lines
    turn: [[Po, Or], [Go, Me]]              signed angle, clockwise for a face that looks right
    length: [S, N]
    ahead: [A, [N, Pog]]                    distance of a point in front of a line from above to below
    along: [[B, A], [UMT+LMT, UPM+LPM]]     part of one line in the direction of another
    across: [[LIT, UIT], [UMT+LMT, UPM+LPM]]
    ratio: [[S, Go], [N, Me]]               percent
where UMT+LMT is the middle of two landmarks.
"""

from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

import yaml

from landmarks.measurements import BY_NAME, Measurement
from landmarks.measurements.constructs import Across, Ahead, Along, Between, Corner, Length, Ratio, Turn
from landmarks.norms.norms import EVIDENCE, KINDS, SEXES, Norm, Sample

# construct, its shape ("p" a point, "l" a line) and the units that it can have
_CONSTRUCTS = {
    "corner": (Corner, "ppp", ("deg",)), "between": (Between, "ll", ("deg",)), "turn": (Turn, "ll", ("deg",)),
    "length": (Length, "pp", ("mm",)), "ahead": (Ahead, "pl", ("mm",)), "along": (Along, "ll", ("mm",)),
    "across": (Across, "ll", ("mm",)), "ratio": (Ratio, "ll", ("%",)),
}  # fmt: skip
_NORM_KEYS = {field.name for field in fields(Norm)}
_SAMPLE_KEYS = {field.name for field in fields(Sample)} - {"name"}
_MEASUREMENT_KEYS = {"name", "unit", "source", "larger", "smaller", "note"}


class NormsError(ValueError):
    """A file of norms or measurements that cannot be used; the message says where and what to write."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Definitions:
    """Measurements and norms that one analysis may use."""

    measurements: dict[str, Measurement]
    norms: tuple[Norm, ...]

    @property
    def samples(self) -> dict[str, Sample]:
        return {norm.sample.name: norm.sample for norm in self.norms}


@cache
def standard() -> Definitions:
    """The project's measurements and norms."""
    return _read(Path(__file__).with_name("norms.yaml"), Definitions(measurements=dict(BY_NAME), norms=()))


def read_definitions(path: Path) -> Definitions:
    """The standard definitions with a user's own, which come first. Raises: NormsError."""
    return _read(path, standard())


def _read(path: Path, known: Definitions) -> Definitions:
    try:
        with path.open(encoding="utf-8") as file:
            content = yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise NormsError(f"{path}: cannot be read as YAML ({' '.join(str(error).split())[:160]})") from error
    where = str(path)
    content = _mapping(content, where, {"measurements", "samples", "norms"})
    measurements = dict(known.measurements)
    for number, row in enumerate(_list(content.get("measurements"), f"{where}: measurements"), start=1):
        made = _measurement(row, f"{where}: measurements {number}")
        if made.name in measurements:
            raise NormsError(f"{where}: measurements {number}: '{made.name}' exists already; choose another name")
        measurements[made.name] = made
    samples = dict(known.samples)
    for name, row in _mapping(content.get("samples") or {}, f"{where}: samples").items():
        samples[str(name)] = _sample(str(name), row, f"{where}: samples: {name}")
    norms = []
    for number, row in enumerate(_list(content.get("norms"), f"{where}: norms"), start=1):
        made = _norm(row, samples, measurements, f"{where}: norms {number}")
        if any((n.measurement, n.sample.name, n.when) == (made.measurement, made.sample.name, made.when) for n in norms):
            raise NormsError(f"{where}: norms {number}: {made.measurement} of {made.sample.name} is there twice; remove one")
        norms.append(made)
    return Definitions(measurements=measurements, norms=(*norms, *known.norms))


def _measurement(row: object, where: str) -> Measurement:
    row = _mapping(row, where, _MEASUREMENT_KEYS | _CONSTRUCTS.keys())
    kinds = [key for key in row if key in _CONSTRUCTS]
    if len(kinds) != 1:
        raise NormsError(f"{where}: found {', '.join(kinds) or 'no construct'}; write exactly one of {', '.join(_CONSTRUCTS)}")
    made, shape, units = _CONSTRUCTS[kinds[0]]
    unit, name, source = (_text(row, key, where) for key in ("unit", "name", "source"))
    if unit not in units:
        raise NormsError(f"{where}: unit: found '{unit}'; a {kinds[0]} has {' or '.join(units)}")
    parts = _list(row[kinds[0]], f"{where}: {kinds[0]}")
    good = len(parts) == len(shape) and all(
        _is_point(part) if form == "p" else _is_line(part) for part, form in zip(parts, shape, strict=True)
    )
    if not good:
        pattern = ", ".join("point" if form == "p" else "[point, point]" for form in shape)
        raise NormsError(f"{where}: {kinds[0]}: found {row[kinds[0]]}; write [{pattern}]")
    construct = made(*(part if form == "p" else tuple(part) for part, form in zip(parts, shape, strict=True)))
    words = {key: str(row.get(key, "")) for key in ("larger", "smaller", "note")}
    return Measurement(name=name, unit=unit, construct=construct, source=source, **words)


def _sample(name: str, row: object, where: str) -> Sample:
    row = _mapping(row, where, _SAMPLE_KEYS)
    if row.get("sex", "both") not in SEXES:
        raise NormsError(f"{where}: sex: found '{row['sex']}'; write {', '.join(SEXES)}, or leave it out")
    age = row.get("age")
    if age is not None and not (
        isinstance(age, list) and len(age) == 2 and all(_is_number(a) for a in age) and age[0] <= age[1]
    ):
        raise NormsError(f"{where}: age: found {age}; write [from, to] in years")
    for key in ("num", "enlargement"):
        if key in row and not (_is_number(row[key]) and row[key] > 0):
            raise NormsError(f"{where}: {key}: found {row[key]}; write a number above 0")
    return Sample(
        name=name,
        title=_text(row, "title", where),
        who=_text(row, "who", where),
        num=row.get("num"),
        age=None if age is None else (float(age[0]), float(age[1])),
        sex=row.get("sex"),
        origin=row.get("origin"),
        enlargement=row.get("enlargement"),
    )


def _norm(row: object, samples: dict[str, Sample], measurements: dict[str, Measurement], where: str) -> Norm:
    row = _mapping(row, where, _NORM_KEYS)
    for key, choices in (("kind", KINDS), ("evidence", EVIDENCE), ("sample", samples), ("measurement", measurements)):
        if row.get(key) not in choices:
            raise NormsError(f"{where}: {key}: found {row.get(key)!r}; write one of {', '.join(choices)}")
    numbers = {key: row[key] for key in ("mean", "sd", "low", "high", "tolerance", "growth", "growth_from") if key in row}
    for key, value in numbers.items():
        if not _is_number(value):
            raise NormsError(f"{where}: {key}: found {value!r}; write a number")
    when = row.get("when")
    if when is not None:
        if not (isinstance(when, list) and len(when) == 3 and when[0] in measurements and all(_is_number(v) for v in when[1:])):
            raise NormsError(f"{where}: when: found {when}; write [measurement, from, to]")
        when = (when[0], float(when[1]), float(when[2]))
    if problem := _incomplete(row["kind"], numbers):
        raise NormsError(f"{where}: {problem}")
    made = {key: float(value) for key, value in numbers.items()}
    sample, words = samples[row["sample"]], {key: row[key] for key in ("measurement", "kind", "evidence")}
    return Norm(sample=sample, when=when, source=_text(row, "source", where), **words, **made)


def _incomplete(kind: str, numbers: dict[str, float]) -> str:
    """What a norm of this kind lacks or has too much; "" where all is well."""
    if kind == "range":
        if "low" not in numbers and "high" not in numbers:
            return "a range needs low or high"
        if numbers.get("low", -1e9) >= numbers.get("high", 1e9):
            return f"low {numbers['low']} is not below high {numbers['high']}"
        return "a range has no sd" if "sd" in numbers else ""
    if "mean" not in numbers:
        return f"kind {kind} needs mean"
    if kind == "mean_sd":
        return "" if numbers.get("sd", 0) > 0 else "kind mean_sd needs an sd above 0"
    return "a target has no sd; write tolerance, or kind: mean_sd" if "sd" in numbers else ""


def _mapping(value: object, where: str, keys: set | None = None) -> dict:
    if not isinstance(value, dict):
        raise NormsError(f"{where}: found {type(value).__name__}; write `key: value` lines")
    for key in value:
        if keys is not None and key not in keys:
            raise NormsError(f"{where}: unknown key '{key}'; write one of {', '.join(sorted(keys))}")
    return value


def _list(value: object, where: str) -> list:
    if value is None:
        return []
    if not isinstance(value, list):
        raise NormsError(f"{where}: found {type(value).__name__}; write a list")
    return value


def _text(row: dict, key: str, where: str) -> str:
    if not isinstance(row.get(key), str) or not row[key].strip():
        raise NormsError(f"{where}: {key}: found {row.get(key)!r}; write a text")
    return row[key]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value and abs(value) < 1e6


def _is_point(value: object) -> bool:
    return isinstance(value, str) and bool(value) and value.count("+") <= 1 and all(value.split("+"))


def _is_line(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(_is_point(point) for point in value) and value[0] != value[1]
