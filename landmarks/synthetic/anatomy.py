"""Heads to draw: shapes drawn from real statistics, and the curves of a skull that follow those shapes.

Everything is in mm with Sella at the origin, x to the face's front, y down. A template skull is written down
once, around the mean shape; a thin-plate spline carries its curves to each drawn shape, so that every curve
that passes through a landmark of the template passes through that landmark of the head.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.interpolate import CubicSpline

from landmarks.aariz_shape import aariz_shape
from landmarks.schema import AARIZ29

# Offsets from the bony point and their spread, in mm, for the two points that the statistics lack: judged by
# eye on two real images of the same source. Soft tissue is thin over Nasion and thick over the chin.
_SOFT_OFFSETS = {"N`": ("N", (6.8, 1.6), (1.1, 1.4)), "Pog`": ("Pog", (12.4, -1.0), (1.6, 1.6))}

# The template's curves. A word is a landmark's mean position.
_CURVES = {
    "profile": [(-14, -112), (10, -111), (32, -104), (50, -93), (63, -78), (71, -61), (75.8, -45), (77.8, -32),
                (77.6, -25), "N`", (78.8, -10), (87, 1.5), (96.5, 11), (103.5, 17), "Pn", (106.9, 26.2),
                (104, 30.4), (98.5, 32.4), (94.8, 33.6), "Sn", (93.4, 40.5), (94.8, 45.5), "Ls", (96, 55),
                (93, 58.6), (90, 59.6), (92.6, 61.4), "Li", (93.2, 71), (88.6, 76.5), (87.2, 81.5), (88.4, 86.5),
                "Pog`", (88.9, 96.5), (85.5, 103), (79, 107.6), (69, 110.6), (56, 112.6), (44, 114.5), (35, 119),
                (30, 128), (28, 145), (28, 175), (28, 230)],
    "nape": [(-68, 230), (-70, 170), (-74, 120), (-82, 82), (-96, 52), (-108, 22), (-113, -12), (-105, -52),
             (-82, -86), (-50, -106), (-14, -112)],
    "vault_outer": [(-20, 44), (-38, 45), (-58, 45), (-78, 42), (-94, 25), (-103, -8), (-97, -46), (-78, -78),
                    (-50, -97), (-15, -105), (15, -102), (38, -92), (54, -76), (64, -57), (69, -42), (71.6, -31),
                    (70.8, -25), "N"],
    "vault_inner": [(-24, 39), (-40, 39), (-60, 38), (-80, 32), (-93, 10), (-95, -14), (-89, -46), (-70, -74),
                    (-46, -90), (-14, -98), (13, -95), (33, -86), (47, -71.5), (56, -55), (59.5, -42), (60, -32),
                    (57, -25), (49, -16)],
    "frontal_sinus": [(66.5, -23), (63.5, -27), (62.5, -33), (64.5, -39), (67.2, -36), (68.4, -30), (68.2, -25)],
    "sella_base": [(-21, 43), (-17, 30), (-13, 15), (-10.4, 4), (-9.4, -2.5), (-8, -6.4), (-6, -6.6),
                   (-5.4, -3.6), (-5.7, 0), (-4.4, 3.6), (-1, 5.4), (2.8, 5), (5.4, 2.4), (6, -1.6), (4.6, -5),
                   (5.4, -7.6), (9, -7.8), (18, -8.6), (32, -11), (44, -14), (53, -19), (58, -25)],
    "orbit_roof": [(66, -30), (58, -30.5), (48, -28.5), (36, -23.5), (24, -16.5), (13, -10), (4, -7.4)],
    "base_lower": [(-20, 44), (-16, 39.5), "Ar", (-4, 28.8), (4, 24.4), (11, 21.6), (18, 20.8), (24, 19.6)],
    "greater_wing": [(38, -25), (35, -16), (31, -7), (29.6, 2), (31.4, 9)],
    "zygomatic_arch": [(-6, 18.6), (6, 17.6), (20, 18.4), (34, 19.4), (46, 17)],
    "soft_palate": ["PNS", (21, 43), (13, 49.6), (7.6, 59), (7.2, 66), (10, 67), (13.6, 60), (20, 51), (28, 45.6)],
    "turbinate": [(34, 30), (46, 25.6), (60, 25.4), (68, 28.4), (64, 31.6), (50, 32.6), (38, 34)],
    "frontal_floor": ["N", (65, -18.6), (61, -20.4), (58, -25)],
    "temporal_ridge": [(-46, 13), (-36, 5), (-26, 3.6), (-17, 8), (-9.4, 12)],
    "petrous": [(-50, 12), (-40, 4), (-28, 3), (-17, 9), (-8, 15), (2, 18), (-3, 24), (-12, 31), (-18, 41),
                (-27, 47), (-36, 43), (-46, 34), (-52, 22)],
    "sphenoid_sinus": [(7, 7), (3, 11), (6, 17), (14, 20), (23, 17), (29, 8), (28, -3), (20, -5.6), (10.5, -4.4),
                       (8.6, 2)],
    "orbit": [(65, -22), (57, -22), (52, -14), (50.4, -4), (51.8, 4.4), (54.6, 9), "Or", (62, 9.2), (65.4, 5),
              (67.4, -1)],
    "zygoma": [(52, 10), (49, 17), (46.6, 26), (47, 33), (50.4, 37.4), (54.6, 33), (58.6, 24), (62.6, 16)],
    "nasal_bone": ["N", (72.6, -14), (77.8, -6), (83, 1), (86.8, 6.4), (84, 5.4), (78.4, -0.6), (72.4, -8), (68, -15)],
    "aperture": [(69, -12), (69.6, 0), (70, 11), (71.4, 20.5), (74.6, 27.6), (78, 31.2), "ANS", (79, 34.3), "A",
                 (77.3, 41.4), (79, 45), (81.6, 48.6), (82.9, 51)],
    "palate_floor": ["ANS", (74, 33.2), (64, 34.2), (52, 36), (40, 38.6), "PNS"],
    "palate_roof": ["PNS", (33, 43.4), (44, 42.4), (56, 42.6), (65, 45.6), (71, 50), (74.4, 54)],
    "maxilla": ["ANS", (78.4, 34.6), "A", (79, 45), (82.6, 51), (74, 55), (64, 54), (54, 54), (43, 53.6), (34, 51),
                (29, 46), "PNS", (40, 38.6), (52, 36), (66, 34)],
    "maxillary_sinus": [(36, 14), (50, 13), (57, 16), (61.4, 24), (60, 31), (50, 34.6), (40, 36.6), (33.6, 34),
                        (32.6, 24)],
    "fissure": [(27.6, 38.4), (24.6, 29), (25, 19), (28.6, 12.6), (33, 14.6), (33.4, 23), (30.4, 32)],
    "mandible": [(26.6, 30.4), (21.6, 36.6), (13, 40.4), (5, 37.4), (-1.4, 31), (-4, 26.4), (-6, 23.2), "Co",
                 (-12.2, 23.8), (-13.6, 28.2), "Ar", (-8.3, 41), (-5.6, 47.4), "R", (-2, 60.6), (-0.6, 68.4),
                 (1, 74.2), "Go", (9.4, 81.4), (18, 84.4), (31, 88.6), (46, 94), (58, 97.8), (66, 99.7), "Me",
                 "Gn", "Pog", (76.2, 86), "B", (74.8, 74.4), (76.4, 70), (75.8, 68), (69, 69.6), (58, 71.2),
                 (46, 71.4), (36, 69), (31, 61.6), (29.4, 50), (30.4, 38), (29.2, 31.4)],
    "symphysis_inner": [(66.6, 70), (65, 78), (63, 86), (62.6, 92.6), (65.4, 96.2), (69.8, 97.2), (73.2, 95),
                        (74.4, 91), (73.2, 85.6), (71.6, 79.4), (72.4, 74.6)],
    "canal": [(12, 52), (16, 62), (24, 75), (36, 84), (48, 87.6), (58, 86.6)],
    "oblique_line": [(31, 60), (34, 68), (42, 75), (52, 79)],
    "airway": [(18, 19), (6, 31), (0, 45), (-5, 62), (-6, 84), (-10, 112), (-12, 150), (0, 150), (2, 118), (8, 96),
               (8, 76), (16, 58), (25, 47), (25, 38), (24, 26)],
    "tongue": [(20, 66), (24, 55), (36, 48), (52, 47), (64, 51), (70, 58), (66, 68), (50, 74), (30, 76)],
    "hyoid": [(-10, 93), (0, 95.6), (9, 96.6), (15, 96), (17.6, 99), (16, 105.4), (12.6, 105), (11, 100.4), (0, 98.2)],
    "spine": [(-20.5, 50), (-23.5, 60), (-26.6, 75), (-29, 92), (-32, 110), (-37, 130), (-44, 150), (-52, 170)],
}  # fmt: skip
_CLOSED = {"frontal_sinus", "petrous", "sphenoid_sinus", "maxilla", "maxillary_sinus", "fissure", "mandible",
           "airway", "tongue", "hyoid", "nasal_bone", "soft_palate", "turbinate"}  # fmt: skip

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


@cache
def shape_statistics() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean [29, 2], modes [M, 29, 2] and residual [29, 2] in mm: the real ones, with the two soft-tissue points added."""
    known = aariz_shape()
    rows = [AARIZ29.index(s) for s in known.symbols]
    mean, modes, residual = np.zeros((29, 2)), np.zeros((len(known.modes), 29, 2)), np.zeros((29, 2))
    mean[rows], modes[:, rows], residual[rows] = known.mean, known.modes, known.residual
    for symbol, (bone, offset, offset_sd) in _SOFT_OFFSETS.items():
        soft, bone = AARIZ29.index(symbol), AARIZ29.index(bone)
        mean[soft], modes[:, soft], residual[soft] = mean[bone] + offset, modes[:, bone], offset_sd
    return mean, modes, residual


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


def smooth_curve(knots: np.ndarray, *, closed: bool = False, spacing_mm: float = 0.7) -> np.ndarray:
    """Dense points [n, 2] of the cubic spline through knots; closed curves end where they begin."""
    knots = np.vstack([knots, knots[:1]]) if closed else knots
    # Square roots of the chords (centripetal) keep the spline from looping where knots are close.
    chords = np.linalg.norm(np.diff(knots, axis=0), axis=1)
    at = np.concatenate([[0], np.cumsum(np.sqrt(chords))])
    spline = CubicSpline(at, knots, bc_type="periodic" if closed else "natural")
    counts = np.maximum(chords / spacing_mm, 1).astype(int)
    steps = [np.linspace(at[i], at[i + 1], count, endpoint=False) for i, count in enumerate(counts)]
    return spline(np.concatenate([*steps, at[-1:]]))


def _controls(points_mm: np.ndarray) -> np.ndarray:
    """The spline's control points [24, 2]: landmarks, but of each tooth only a point near its neck.

    Cusps of opposite teeth are a millimetre apart and would fold the plane; teeth are drawn by themselves.
    """
    p = dict(zip(AARIZ29.symbols, points_mm, strict=True))
    teeth = {"LPM", "LIT", "LMT", "UPM", "UIA", "UIT", "UMT", "LIA"}
    necks = [0.6 * p["UIT"] + 0.4 * p["UIA"], 0.6 * p["LIT"] + 0.4 * p["LIA"],
             (p["UMT"] + p["UPM"] + p["LMT"] + p["LPM"]) / 4]  # fmt: skip
    return np.array([p[s] for s in AARIZ29.symbols if s not in teeth] + necks)


def _thin_plate(at: np.ndarray, controls: np.ndarray) -> np.ndarray:
    """Rows [n, controls + 3] of the thin-plate spline's kernel r^2 log r and its affine part."""
    square = ((at[:, None] - controls[None]) ** 2).sum(-1)
    kernel = 0.5 * square * np.log(np.maximum(square, 1e-12))
    return np.hstack([kernel, np.ones((len(at), 1)), at])


@cache
def _template() -> tuple[dict[str, slice], np.ndarray, np.ndarray]:
    """Where each curve's points are, the spline's rows for them, and the inverse of the spline's system."""
    mean = shape_statistics()[0]
    places, dense, count = {}, [], 0
    for name, knots in _CURVES.items():
        knots = np.array([mean[AARIZ29.index(k)] if isinstance(k, str) else k for k in knots], float)
        curve = smooth_curve(knots, closed=name in _CLOSED)
        places[name], count = slice(count, count + len(curve)), count + len(curve)
        dense.append(curve)
    controls = np.vstack([_controls(mean), _ANCHORS_MM])
    rows = _thin_plate(controls, controls)
    system = np.zeros((len(controls) + 3, len(controls) + 3))
    system[: len(controls)], system[len(controls) :, : len(controls)] = rows, rows[:, len(controls) :].T
    return places, _thin_plate(np.vstack(dense), controls), np.linalg.inv(system)


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
