"""The template of a head: the mean shape of real landmarks, the curves of a skull around it, and the spline between heads.

In mm with Sella at the origin, x to the face's front, y down. The curves are written down once, around the mean shape; a
thin-plate spline carries them to other landmarks, and every curve that passes through a landmark of the template passes
through that landmark of the head.
"""

from functools import cache

import numpy as np

from landmarks.aariz_shape import aariz_shape
from landmarks.schema import AARIZ29

# Offsets from the bony point and their spread, in mm, for the two points that the statistics lack: judged by
# eye on two real images of the same source. Soft tissue is thin over Nasion and thick over the chin.
_SOFT_OFFSETS = {"N`": ("N", (6.8, 1.6), (1.1, 1.4)), "Pog`": ("Pog", (12.4, -1.0), (1.6, 1.6))}

# The template's curves. A word is a landmark's mean position.
CURVES = {
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
CLOSED = {"frontal_sinus", "petrous", "sphenoid_sinus", "maxilla", "maxillary_sinus", "fissure", "mandible",
           "airway", "tongue", "hyoid", "nasal_bone", "soft_palate", "turbinate"}  # fmt: skip

# Outlines of teeth in shares of their length (0 tip, 1 apex) and mm to the front of the axis.
INCISOR = [(0, 0.4), (0.1, 1.5), (0.25, 2.9), (0.36, 3.3), (0.44, 2.9), (0.7, 2.2), (0.9, 1.2), (1, 0),
            (0.9, -1.2), (0.7, -2.2), (0.44, -3.0), (0.34, -3.1), (0.22, -1.8), (0.1, -0.9), (0, -0.4)]  # fmt: skip
PREMOLAR = [(0, 0), (0.06, 2.0), (0.16, 3.4), (0.3, 3.2), (0.4, 2.5), (0.7, 1.9), (0.93, 1.0), (1, 0),
             (0.93, -1.0), (0.7, -1.9), (0.4, -2.5), (0.3, -3.2), (0.16, -3.4), (0.06, -2.0)]  # fmt: skip
MOLAR = [(0, 0), (0.05, 1.4), (0.14, 2.9), (0.28, 2.7), (0.4, 2.2), (0.7, 1.6), (0.95, 0.4), (0.93, -1.2),
          (0.7, -2.0), (0.5, -2.8), (0.7, -4.0), (0.93, -6.2), (0.97, -7.6), (0.7, -7.4), (0.4, -7.2), (0.28, -7.7),
          (0.14, -7.8), (0.04, -6.4), (0.01, -5.2), (0.08, -2.6)]  # fmt: skip


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


def smooth_curve(knots: np.ndarray, *, closed: bool = False, spacing_mm: float = 0.7) -> np.ndarray:
    """Dense points [n, 2] of the cubic spline through knots; closed curves end where they begin."""
    knots = np.vstack([knots, knots[:1]]) if closed else knots
    # Square roots of the chords (centripetal) keep the spline from looping where knots are close.
    chords = np.linalg.norm(np.diff(knots, axis=0), axis=1)
    at = np.concatenate([[0], np.cumsum(np.sqrt(chords))])
    counts = np.maximum(chords / spacing_mm, 1).astype(int)
    part = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(len(part)) - np.repeat(np.cumsum(counts) - counts, counts)
    width = np.diff(at)[:, None]
    steps = within * (width[:, 0] / counts)[part] + at[part]
    bend = _second_derivatives(width, knots, closed)
    after = (steps[:, None] - at[part, None]) / width[part]
    before = 1 - after
    curve = before * knots[part] + after * knots[part + 1]
    curve += ((before**3 - before) * bend[part] + (after**3 - after) * bend[part + 1]) * width[part] ** 2 / 6
    return np.vstack([curve, knots[-1:]])


def _second_derivatives(width: np.ndarray, knots: np.ndarray, closed: bool) -> np.ndarray:
    """Of the cubic spline at its knots [n, 2], `width` [n - 1, 1] apart: 0 at the ends, or alike where it is closed."""
    num = len(knots)
    slope = np.diff(knots, axis=0) / width
    matrix, right = np.eye(num), np.zeros_like(knots, dtype=float)
    i = np.arange(1, num - 1)
    matrix[i, i - 1], matrix[i, i], matrix[i, i + 1] = width[:-1, 0], 2 * (width[:-1, 0] + width[1:, 0]), width[1:, 0]
    right[1:-1] = 6 * (slope[1:] - slope[:-1])
    if closed:
        matrix[0, [0, 1, num - 2]] = 2 * (width[-1, 0] + width[0, 0]), width[0, 0], width[-1, 0]
        right[0] = 6 * (slope[0] - slope[-1])
        matrix[-1, 0] = -1
    return np.linalg.solve(matrix, right)


def thin_plate(at: np.ndarray, controls: np.ndarray) -> np.ndarray:
    """Rows [n, controls + 3] of the thin-plate spline's kernel r^2 log r and its affine part."""
    square = ((at[:, None] - controls[None]) ** 2).sum(-1)
    kernel = 0.5 * square * np.log(np.maximum(square, 1e-12))
    return np.hstack([kernel, np.ones((len(at), 1)), at])
