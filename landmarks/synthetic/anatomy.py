"""Heads to draw: shapes drawn from real statistics, and the curves of a skull that follow those shapes.

Everything is in mm with Sella at the origin, x to the face's front, y down. A template skull is written down
once, around the mean shape; a thin-plate spline carries its curves to each drawn shape, so that every curve
that passes through a landmark of the template passes through that landmark of the head.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from landmarks.schema import AARIZ29
from landmarks.template import CLOSED, CURVES, shape_statistics, smooth_curve, thin_plate

# Far points that hold the spline where no landmark is; each head moves them at random (cranial size, neck).
_ANCHORS_MM = np.array([(-14, -108), (45, -95), (-105, -15), (-75, 60), (25, 170), (-65, 170), (-30, 100)], float)


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """One drawn head, in mm with Sella at the origin."""

    points_mm: np.ndarray
    """[29, 2] landmarks in the order of AARIZ29."""
    curves: dict[str, np.ndarray]
    """[n, 2] dense polylines by structure; the landmarks lie on them."""
    cvm_stage: int
    """Cervical vertebral maturation stage, 1 to 6."""

    def __getitem__(self, symbol: str) -> np.ndarray:
        return self.points_mm[AARIZ29.index(symbol)]


def sample_head(rng: np.random.Generator) -> Head:
    """A random plausible head with a small rotation and change of scale."""
    mean, modes, residual = shape_statistics()
    for _ in range(1000):
        # Clipped, so that no face is beyond what the 255 real ones support.
        coefficients = rng.standard_normal(len(modes)).clip(-2.5, 2.5)
        points_mm = mean + np.tensordot(coefficients, modes, 1)
        points_mm = points_mm + residual * rng.standard_normal((29, 2)).clip(-2.5, 2.5)
        if is_plausible(points_mm):
            break
    else:
        raise AssertionError("no plausible shape in 1000 draws")
    angle, scale = np.deg2rad(rng.uniform(-4, 4)), rng.normal(1, 0.015)
    turn = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    # The first mode is the face's height, so the older are the larger.
    stage = int(np.clip(np.round(3.5 + 1.1 * coefficients[0] + rng.normal(0, 1.1)), 1, 6))
    points_mm = points_mm @ turn
    return Head(points_mm=points_mm, curves=_warp_template(points_mm, rng), cvm_stage=stage)


def is_plausible(points_mm: np.ndarray) -> bool:
    """Whether landmarks lie in their anatomical order.

    The statistics' upper incisor tip spreads over 10.6 mm, twice its apex, which suggests misplaced readings,
    and independent residuals can swap neighbours. Such shapes cannot be drawn with every point on the structure
    that it names. About 1 draw in 20 passes, so sd differ from the statistics (UIT's is 0.6 of it).
    """
    p = dict(zip(AARIZ29.symbols, points_mm, strict=True))

    def between(first: str, second: str, low: tuple[float, float], high: tuple[float, float]) -> bool:
        step = p[second] - p[first]
        return bool((step >= low).all() and (step <= high).all())

    chin, back = p["Gn"] - p["Pog"], p["Me"] - p["Gn"]
    turn = (chin[0] * back[1] - chin[1] * back[0]) / np.linalg.norm(chin) / np.linalg.norm(back)
    return (
        between("LIT", "UIT", (-2.5, -4), (9, 6)) and between("UIA", "UIT", (4, 16), (22, 29))
        and between("LIA", "LIT", (1, -29), (20, -16)) and between("UPM", "LPM", (-3, -1), (4, 3.5))
        and between("UMT", "UPM", (5.5, -4), (11, 4)) and between("LMT", "LPM", (5.5, -4), (11, 4))
        and between("A", "ANS", (1.5, -9), (9, -3)) and between("A", "UIA", (-12, -5), (-2.5, 9))
        and between("Pog", "Gn", (-4, 2.5), (2, 9)) and between("Gn", "Me", (-9, 0.6), (-2, 5))
        and 0.25 < turn < 0.93 and between("B", "Pog", (-2, 8), (9, 20))
        and between("LIA", "B", (2.5, -9), (12, 7)) and between("Co", "Ar", (-6, 8.5), (3, 18))
        and between("Po", "Co", (6, -6), (20, 5)) and between("Ar", "R", (0, 11), (16, 30))
        and between("R", "Go", (0, 14), (18, 36)) and between("Sn", "Ls", (-3, 9), (10, 20))
        and between("Ls", "Li", (-9, 10), (5, 22)) and between("Sn", "Pn", (8, -20), (20, -8))
        and between("ANS", "Sn", (7, -3), (20, 9)) and between("N", "N`", (3, -6), (12, 8))
    )  # fmt: skip


def _controls(points_mm: np.ndarray) -> np.ndarray:
    """The spline's control points [24, 2]: landmarks, but of each tooth only a point near its neck.

    Cusps of opposite teeth are a millimetre apart and would fold the plane; teeth are drawn by themselves.
    """
    p = dict(zip(AARIZ29.symbols, points_mm, strict=True))
    teeth = {"LPM", "LIT", "LMT", "UPM", "UIA", "UIT", "UMT", "LIA"}
    necks = [0.6 * p["UIT"] + 0.4 * p["UIA"], 0.6 * p["LIT"] + 0.4 * p["LIA"],
             (p["UMT"] + p["UPM"] + p["LMT"] + p["LPM"]) / 4]  # fmt: skip
    return np.array([p[s] for s in AARIZ29.symbols if s not in teeth] + necks)


@cache
def _template() -> tuple[dict[str, slice], np.ndarray, np.ndarray]:
    """Where each curve's points are, the spline's rows for them, and the inverse of the spline's system."""
    mean = shape_statistics()[0]
    places, dense, count = {}, [], 0
    for name, knots in CURVES.items():
        knots = np.array([mean[AARIZ29.index(k)] if isinstance(k, str) else k for k in knots], float)
        curve = smooth_curve(knots, closed=name in CLOSED)
        places[name], count = slice(count, count + len(curve)), count + len(curve)
        dense.append(curve)
    controls = np.vstack([_controls(mean), _ANCHORS_MM])
    rows = thin_plate(controls, controls)
    system = np.zeros((len(controls) + 3, len(controls) + 3))
    system[: len(controls)], system[len(controls) :, : len(controls)] = rows, rows[:, len(controls) :].T
    return places, thin_plate(np.vstack(dense), controls), np.linalg.inv(system)


def _warp_template(points_mm: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The template's curves carried to a shape; anchors follow its best similarity, with a random change."""
    source, target = _controls(shape_statistics()[0]), _controls(points_mm)
    a, b = source - source.mean(0), target - target.mean(0)
    # The least-squares similarity in the plane is one complex number.
    za, zb = a @ [1, 1j], b @ [1, 1j]
    factor = (np.conj(za) @ zb) / (np.conj(za) @ za)
    moved = ((_ANCHORS_MM - source.mean(0)) @ [1, 1j]) * factor
    anchors = np.stack([moved.real, moved.imag], 1) + target.mean(0)
    anchors = anchors * rng.normal(1, 0.03, (1, 2)) + rng.normal(0, (2.5, 2.5), anchors.shape)
    # The neck bends independently of the face.
    anchors[4:] += np.array([(0.6, 0), (1, 0), (0.45, 0)]) * rng.normal(0, 7)
    places, rows, inverse = _template()
    goal = np.vstack([target, anchors, np.zeros((3, 2))])
    dense = rows @ (inverse @ goal)
    return {name: dense[place] for name, place in places.items()}
