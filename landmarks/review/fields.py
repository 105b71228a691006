"""The fields of a case: which there are, what each may hold, and the state that follows from them."""

import datetime
import math
import re

from landmarks.schema import AARIZ29, ISBI19

STATES = ("new", "doubtful", "corrected", "signed")
SYMBOLS = tuple(dict.fromkeys((*AARIZ29.symbols, *ISBI19.symbols)))
# A film from a scanner has at most a few ten thousand pixels a side; points may lie a little outside.
_FAR_PX = 1e6
MAX_NOTE = 20_000
MAX_NAME = 200
BY_USER, BY_RULER = "given by the user", "a ruler of two points"
STAGES = ("CS1", "CS2", "CS3", "CS4", "CS5", "CS6")


class FieldError(ValueError):
    """A change that a case cannot take; the message names the field and says what to send."""


def check_change(field: str, value: object, *, known: frozenset[str] = frozenset()) -> object:
    """A change by hand as it may be stored.

    Args:
        known: symbols beside the built-in ones that this case's model places.
    Raises: FieldError.
    """
    kind, _, symbol = field.partition("/")
    if kind == "point":
        if symbol not in SYMBOLS and symbol not in known:
            raise FieldError(f"{field[:40]}: unknown landmark")
        return None if value is None else _point(field, value)
    if field not in CHECKS:
        raise FieldError(f"{field[:40]}: no such field")
    return None if value is None else CHECKS[field](field, value)


def check_number(field: str, value: object, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or not low <= value <= high:
        raise FieldError(f"{field}: found {str(value)[:40]!r}; send a number from {low:g} to {high:g}")
    return float(value)


def clean_text(field: str, value: object, longest: int) -> str:
    if not isinstance(value, str) or len(value) > longest:
        raise FieldError(f"{field}: send a text of at most {longest} characters")
    # control characters but line ends and tabs have no business in a note, nor has half of a surrogate pair
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]", "", value)


def _point(field: str, value: object) -> dict:
    if not isinstance(value, dict):
        raise FieldError(f"{field}: send x, y, visible and by")
    x, y = (check_number(field, value.get(axis), -_FAR_PX, _FAR_PX) for axis in ("x", "y"))
    by = value.get("by")
    if by not in ("hand", "model", "shape") or not isinstance(value.get("visible"), bool):
        raise FieldError(f"{field}: send visible as true or false, and by as hand, model or shape")
    return {"x": x, "y": y, "visible": value["visible"], "by": by}


def _scale(field: str, value: object) -> dict:
    if not isinstance(value, dict):
        raise FieldError(f"{field}: send sx, sy and origin")
    sx, sy = (check_number(field, value.get(axis), 0.005, 5.0) for axis in ("sx", "sy"))
    if value.get("origin") not in (BY_USER, BY_RULER):
        raise FieldError(f"{field}: send the origin '{BY_USER}' or '{BY_RULER}'")
    scale = {"sx": sx, "sy": sy, "origin": value["origin"]}
    if value["origin"] == BY_RULER:
        ends = value.get("ends")
        if not isinstance(ends, list) or len(ends) != 4:
            raise FieldError(f"{field}: send the ends of a ruler, x1, y1, x2, y2")
        scale["ends"] = [check_number(field, end, -_FAR_PX, _FAR_PX) for end in ends]
        scale["mm"] = check_number(field, value.get("mm"), 0.1, 1000)
    return scale


def _date(field: str, value: object) -> str:
    try:
        return datetime.date.fromisoformat(clean_text(field, value, 10)).isoformat()
    except ValueError as error:
        raise FieldError(f"{field}: write a date as 2026-01-31") from error


def _choice(field: str, value: object, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise FieldError(f"{field}: send one of {', '.join(choices)}")
    return value


def _signature(field: str, value: object) -> dict:
    if not isinstance(value, dict):
        raise FieldError(f"{field}: send who")
    who = clean_text(field, value.get("who"), MAX_NAME).strip()
    if not who:
        raise FieldError(f"{field}: whoever signs gives a name")
    return {"who": who}


CHECKS = {
    "scale": _scale,
    "note": lambda field, value: clean_text(field, value, MAX_NOTE),
    "patient": lambda field, value: clean_text(field, value, MAX_NAME).strip(),
    "date": _date,
    "age": lambda field, value: check_number(field, value, 0, 120),
    "sex": lambda field, value: _choice(field, value, ("f", "m")),
    "stage": lambda field, value: _choice(field, value, STAGES),
    "signed": _signature,
}


def case_state(values: dict[str, object]) -> tuple[str, float | None]:
    """(state, doubt) of a case: doubt is the share of its landmarks that are doubtful, corrected ones no longer."""
    points = {field[6:]: value for field, value in values.items() if field.startswith("point/") and value}
    auto = {field[5:]: value for field, value in values.items() if field.startswith("auto/") and value}
    doubtful = [symbol for symbol, found in auto.items() if found.get("doubtful") and not by_hand(points.get(symbol))]
    doubt = len(doubtful) / len(auto) if auto else None
    if values.get("signed"):
        return "signed", doubt
    if any(by_hand(point) for point in points.values()) or any(symbol not in points for symbol in auto):
        return "corrected", doubt
    return ("doubtful" if doubtful else "new"), doubt


def by_hand(point: dict | None) -> bool:
    return bool(point) and point["by"] == "hand"
