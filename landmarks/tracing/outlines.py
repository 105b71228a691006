"""Anatomical outlines of a film from its landmarks alone: the template's curves, carried over by a thin-plate spline."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from landmarks.schema import AARIZ29
from landmarks.template import CLOSED, CURVES, INCISOR, MOLAR, shape_statistics, smooth_curve, thin_plate
from landmarks.tracing.points import Tracing

_SOFT = ("N`", "Pn", "Sn", "Ls", "Li", "Pog`")
_TEETH = ("LPM", "LIT", "LMT", "UPM", "UIA", "UIT", "UMT", "LIA")
# Curves that a tracing shows, with the landmarks that can vouch for them.
_DRAWN = dict.fromkeys(("sella_base", "nasal_bone", "orbit", "maxilla", "mandible", "symphysis_inner", "vault_outer"), ())
_DRAWN["profile"] = _SOFT
# mm of the template: up to here from a known landmark a curve is drawn in full, and up to there dashed, then not at all.
_SURE_MM, _GUESSED_MM = 17.0, 38.0
# Far points, mm of the template, that follow the landmarks' best similarity and hold the spline where no landmark is.
_ANCHORS_MM = np.array([(-14, -108), (45, -95), (-105, -15), (-75, 60), (25, 170), (-65, 170), (-30, 100)], float)
_ENOUGH = 5
_MOLAR_MM = 20.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Outline:
    """One curve [n, 2] in source px; dashed where it is far from every landmark that could pin it."""

    name: str
    points_px: np.ndarray
    dashed: bool


@lru_cache(maxsize=32)
def _carrier(symbols: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray, list[tuple[str, slice, bool]]]:
    """For a set of known landmarks: their template points, the weights that carry them to curve points, the curve pieces."""
    mean = dict(zip(AARIZ29.symbols, shape_statistics()[0], strict=True))
    source = np.array([mean[s] for s in symbols])
    controls = np.vstack([source, _ANCHORS_MM])
    rows = thin_plate(controls, controls)
    system = np.zeros((len(controls) + 3,) * 2)
    system[: len(controls)], system[len(controls) :, : len(controls)] = rows, rows[:, len(controls) :].T
    dense, pieces, count = [], [], 0
    for name, vouchers in _DRAWN.items():
        knots = np.array([mean[k] if isinstance(k, str) else k for k in CURVES[name]], float)
        curve = smooth_curve(knots, closed=name in CLOSED)
        pins = np.array([mean[s] for s in symbols if (s in vouchers if vouchers else s not in _SOFT)])
        far = np.full(len(curve), np.inf)
        if len(pins):
            far = np.linalg.norm(curve[:, None] - pins[None], axis=-1).min(axis=1)
        for start, stop, dashed in _runs(np.where(far <= _SURE_MM, 0, np.where(far <= _GUESSED_MM, 1, 2))):
            part = curve[max(0, start - 1) : stop]
            pieces.append((name, slice(count, count + len(part)), dashed))
            dense.append(part)
            count += len(part)
    weights = thin_plate(np.vstack(dense), controls) @ np.linalg.inv(system)[:, : len(controls)] if dense else np.zeros((0, 1))
    return source, weights, pieces


def _runs(kind: np.ndarray) -> list[tuple[int, int, bool]]:
    """Stretches (start, stop, dashed) of kind 0 and 1, at least three points long; 2 is left out."""
    edges = [0, *(np.flatnonzero(np.diff(kind)) + 1).tolist(), len(kind)]
    return [(a, b, bool(kind[a])) for a, b in pairwise(edges) if kind[a] < 2 and b - a >= 3]


def outlines(film: Tracing) -> tuple[tuple[Outline, ...], float]:
    """The outlines that a film's landmarks pin down, and how many units of the square-pixel frame make a millimetre.

    Empty, and 0, under five landmarks. Without a pixel size the size follows from the template (heads are of one size).
    """
    used = tuple(s for s in film.known if s in AARIZ29.symbols and s not in _TEETH)
    if len(used) < _ENOUGH:
        return (), 0.0
    side = np.array((-1.0, 1.0) if film.looks < 0 else (1.0, 1.0))
    to_px = side / film.aspect
    target = np.array([film[s] for s in used]) * film.aspect * side
    source, weights, pieces = _carrier(used)
    factor, shift = _similarity(source, target)
    anchors = _as_points(factor * (_ANCHORS_MM @ (1, 1j)) + shift)
    dense = weights @ np.vstack([target, anchors])
    made = [Outline(name=name, points_px=dense[at] * to_px, dashed=dashed) for name, at, dashed in pieces]
    teeth = _teeth({s: film[s] * film.aspect * side for s in film.known}, abs(factor))
    made += [Outline(name=name, points_px=tooth * to_px, dashed=False) for name, tooth in teeth]
    return tuple(made), float(abs(factor))


def _similarity(source: np.ndarray, target: np.ndarray) -> tuple[complex, complex]:
    """Factor and shift, complex, of the least-squares similarity of the plane."""
    a, b = source @ (1, 1j), target @ (1, 1j)
    factor = np.vdot(a - a.mean(), b - b.mean()) / np.vdot(a - a.mean(), a - a.mean())
    return factor, b.mean() - factor * a.mean()


def _as_points(values: np.ndarray) -> np.ndarray:
    return np.stack([values.real, values.imag], axis=-1)


def _teeth(p: dict[str, np.ndarray], per_mm: float) -> list[tuple[str, np.ndarray]]:
    """Incisors by tip and apex, first molars by their cusp and the row's direction."""
    made = [(f"{arch}1", _tooth(INCISOR, p[f"{arch}IT"], p[f"{arch}IA"], per_mm))
            for arch in "UL" if {f"{arch}IT", f"{arch}IA"} <= p.keys()]  # fmt: skip
    for arch in "UL":
        if {f"{arch}MT", f"{arch}PM"} <= p.keys():
            front = p[f"{arch}IT"] if f"{arch}IT" in p else p[f"{arch}PM"]
            ahead = (front - p[f"{arch}MT"]) / np.linalg.norm(front - p[f"{arch}MT"])
            root = np.array([ahead[1], -ahead[0]]) * (1 if arch == "U" else -1)
            made.append((f"{arch}6", _tooth(MOLAR, p[f"{arch}MT"], p[f"{arch}MT"] + _MOLAR_MM * per_mm * root, per_mm)))
    return made


def _tooth(outline: list, tip: np.ndarray, apex: np.ndarray, per_mm: float) -> np.ndarray:
    axis = apex - tip
    ahead = np.array([-axis[1], axis[0]]) / np.linalg.norm(axis)
    ahead = per_mm * (ahead if ahead[0] > 0 else -ahead)
    shape = np.array(outline)
    return smooth_curve(tip + shape[:, :1] * axis + shape[:, 1:] * ahead, closed=True, spacing_mm=0.8 * per_mm)
