"""Python values as JSON knows them, and files of them."""

import json
import math
from dataclasses import fields, is_dataclass
from pathlib import Path

import numpy as np

from landmarks.wholefile import put_in_place


def plain(value):
    """Dataclasses as objects, arrays as lists, NaN as null, infinity as the word "infinite"."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(part) for part in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "infinite"
    return value


def number(value: float | str | None) -> float:
    """A number that `plain` made ready for JSON."""
    return math.nan if value is None else math.inf if value == "infinite" else float(value)


def json_text(content: dict) -> str:
    return json.dumps(plain(content), allow_nan=False)


def write_json(path: Path, content) -> None:
    """A dict or a dataclass; the file is the old or the new one, never half of it."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(plain(content), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    put_in_place(part, path)
