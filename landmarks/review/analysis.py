"""Measurements and analyses for the page: what the table, the tracing and the words beside a film hold."""

import math

import numpy as np

from landmarks.measurements import MEASUREMENTS, available, measure, measurement_radii
from landmarks.schema import AARIZ29
from landmarks.sella_nasion import judge_sn

_ALL = ("All",)


def titles() -> dict[str, str]:
    """Full name of each landmark."""
    return dict(zip(AARIZ29.symbols, AARIZ29.titles, strict=True))


def catalogue() -> list[dict]:
    """The analyses that the page offers, each with its rows and the planes to draw."""
    return [{"name": "all", "title": "All", "rows": [row.name for row in MEASUREMENTS], "planes": [["S", "N"], ["Po", "Or"]]}]


def analyse(points: dict[str, tuple[float, float]], scale: tuple[float, float] | None, *, name: str, age: float | None,
            sex: str | None, radii: dict[str, float] | None) -> dict:  # fmt: skip
    """One film's table.

    Args:
        points: (x, y) in source px by symbol.
        scale: mm per px (sx, sy), None where unknown: no lengths then.
        radii: error radius in source px by symbol; None leaves the intervals out (quick, while a point is dragged).
    """
    symbols = tuple(points)
    points_px = np.array([[points[symbol] for symbol in symbols]], dtype=float).reshape(1, -1, 2)
    pixel_size = np.array([scale or (np.nan, np.nan)])
    rows = available(symbols)
    values = measure(points_px, symbols, pixel_size)[0] if symbols else np.zeros(0)
    half = np.full(len(rows), np.nan)
    if radii is not None and symbols:
        radius_px = np.array([[radii.get(symbol) or np.inf for symbol in symbols]])
        half = measurement_radii(points_px, symbols, pixel_size, radius_px)[0]
    listed = []
    for row, value, width in zip(rows, values, half, strict=True):
        if not math.isfinite(value):
            continue
        listed.append({"name": row.name, "unit": row.unit, "value": float(value),
                       "half": float(width) if math.isfinite(width) else None, "landmarks": list(row.landmarks),
                       "lines": [], "source": row.source, "norm": _norm(row, float(value)), "meaning": row.sign})  # fmt: skip
    return {"rows": listed, "words": [], "scale": scale_words(points, scale)}


def _norm(row, value: float) -> dict | None:
    if row.norm is None:
        return None
    mean, sd = row.norm
    return {"low": mean - sd, "high": mean + sd, "mean": mean, "sd": sd, "deviation": (value - mean) / sd, "sample": row.source}


def scale_words(points: dict, scale: tuple[float, float] | None) -> dict:
    """What the length of Sella-Nasion says of the pixel size."""
    if scale is None or not {"S", "N"} <= set(points):
        return {"judgement": "unknown", "sn_mm": None}
    length = math.hypot(*((points["N"][axis] - points["S"][axis]) * scale[axis] for axis in range(2)))
    return {"judgement": judge_sn(length, 1), "sn_mm": length}
