"""The tissues of a drawn head as attenuations that add up along the ray."""

import cv2
import numpy as np

from landmarks.synthetic.anatomy import Head
from landmarks.template import INCISOR, MOLAR, PREMOLAR, smooth_curve

_SHIFT = 4  # cv2 draws at 1/16 px
_COARSE = 4  # soft shapes are drawn on a grid this much coarser: their blur costs 16 times less there


class Film:
    """Sum of attenuations [H, W] in float32; shapes are given in mm from Sella."""

    def __init__(self, size: tuple[int, int], pixel_mm: float, sella_mm: np.ndarray) -> None:
        coarse = tuple(max(s // _COARSE, 1) for s in size)
        self.size, self.pixel_mm, self.sella_mm = size, pixel_mm, sella_mm
        self._layers = (np.zeros(size, np.float32), np.zeros(coarse, np.float32))

    def to_px(self, points_mm: np.ndarray) -> np.ndarray:
        """Points [n, 2] in mm from Sella to points_px; pixel (0, 0) is centred half a pixel inside the corner."""
        return (points_mm + self.sella_mm) / self.pixel_mm - 0.5

    def fill(self, outline_mm: np.ndarray, density: float, *, soft_mm: float = 0.0) -> None:
        """Add a filled shape, its edge blurred by a Gaussian of `soft_mm`."""
        self._add(outline_mm, density, soft_mm, width_mm=None)

    def line(self, curve_mm: np.ndarray, density: float, *, width_mm: float = 0.8, soft_mm: float = 0.25) -> None:
        """Add a curve of the given width."""
        self._add(curve_mm, density, soft_mm, width_mm=width_mm)

    def attenuation(self) -> np.ndarray:
        fine, coarse = self._layers
        return fine + cv2.resize(coarse, fine.shape[::-1], interpolation=cv2.INTER_CUBIC)

    def _add(self, curve_mm: np.ndarray, density: float, soft_mm: float, *, width_mm: float | None) -> None:
        is_coarse = soft_mm > 2.5 * self.pixel_mm and width_mm is None
        layer = self._layers[is_coarse]
        scale = np.array(layer.shape[::-1]) / self.size[::-1]
        points = (self.to_px(curve_mm) + 0.5) * scale - 0.5
        sigma = soft_mm / self.pixel_mm * scale[1]
        thick = 0.0 if width_mm is None else width_mm / self.pixel_mm
        reach = int(3 * sigma + thick + 2)
        low = np.maximum(np.floor(points.min(0)).astype(int) - reach, 0)
        high = np.minimum(np.ceil(points.max(0)).astype(int) + reach + 1, layer.shape[::-1])
        if (high <= low).any():
            return
        mask = np.zeros((high - low)[::-1], np.uint8)
        corners = np.round((points - low) * (1 << _SHIFT)).astype(np.int32)[None]
        if width_mm is None:
            cv2.fillPoly(mask, corners, 255, cv2.LINE_AA, _SHIFT)
        else:
            cv2.polylines(mask, corners, False, 255, max(round(thick), 1), cv2.LINE_AA, _SHIFT)
            density *= min(thick / max(round(thick), 1), 1.5)  # widths are whole pixels: keep the line's mass
        if sigma > 0.3:
            mask = cv2.GaussianBlur(mask, (0, 0), sigma)
        layer[low[1] : high[1], low[0] : high[0]] += mask * np.float32(density / 255)


def draw_head(film: Film, head: Head, rng: np.random.Generator) -> None:
    """Add all tissues; each group's strength varies, so that some structures are faint in some images."""
    _draw_soft_tissue(film, head, rng)
    _draw_spine(film, head, rng)
    _draw_cranium(film, head, rng)
    _draw_temporal_bone(film, head, rng)
    _draw_midface(film, head, rng)
    _draw_mandible(film, head, rng)
    _draw_teeth(film, head, rng)


def _outlined(film: Film, curve: np.ndarray, inside: float, edge: float, *, width_mm: float = 0.8) -> None:
    film.fill(curve, inside, soft_mm=0.25)
    film.line(curve, edge, width_mm=width_mm)


def ellipse(centre: np.ndarray, radii: tuple[float, float], turn: float = 0.0) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, 33)
    x, y = radii[0] * np.cos(angle), radii[1] * np.sin(angle)
    return centre + np.stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)], 1)


def _other_side(curve: np.ndarray, about: np.ndarray, rng: np.random.Generator, share: float = 0.03) -> np.ndarray:
    """The head's far half: a little larger or smaller on the film, because it is nearer to or farther from it."""
    return about + (curve - about) * (1 + rng.normal(0, share)) + rng.normal(0, 0.5, 2)


def _draw_soft_tissue(film: Film, head: Head, rng: np.random.Generator) -> None:
    body = np.vstack([head.curves["profile"], head.curves["nape"]])
    film.fill(body, 0.26)
    centre = np.array([-10.0, 25.0])
    # Thickness grows inwards from the skin.
    for shrink, density, soft_mm in ((0.95, 0.08, 2.5), (0.88, 0.12, 6.0), (0.7, 0.08, 12.0)):
        film.fill(centre + shrink * (body - centre), density, soft_mm=soft_mm)
    film.line(head.curves["profile"], rng.uniform(0.02, 0.08), width_mm=1.2, soft_mm=0.5)
    film.fill(head.curves["airway"], rng.uniform(-0.3, -0.15), soft_mm=1.2)
    film.fill(head.curves["soft_palate"], 0.16, soft_mm=0.6)
    film.fill(head.curves["tongue"], 0.12, soft_mm=2.5)
    nostril = head["Sn"] * 0.5 + head["Pn"] * 0.5 + (-6.5, 0.5)
    film.fill(ellipse(nostril, (4.6, 2.2), -0.3), -0.1, soft_mm=0.9)
    ala = smooth_curve(nostril + np.array([(-3, -9), (-7, -5), (-8, 0), (-5, 3.4), (0, 3.6)]))
    film.line(ala, 0.06, width_mm=1.6, soft_mm=0.6)
    _outlined(film, head.curves["hyoid"], 0.14, 0.16, width_mm=0.7)


def _draw_cranium(film: Film, head: Head, rng: np.random.Generator) -> None:
    c, k = head.curves, rng.uniform(0.7, 1.2)
    cranium = np.vstack([c["vault_outer"], c["frontal_floor"], c["sella_base"][::-1]])
    film.fill(cranium, 0.32, soft_mm=0.8)
    film.fill(np.array([0, -20]) + 0.8 * (cranium - (0, -20)), -0.08, soft_mm=10)
    film.fill(np.vstack([c["vault_outer"], c["vault_inner"][::-1]]), 0.14 * k, soft_mm=0.8)
    film.line(c["vault_outer"], 0.18 * k, width_mm=1.0, soft_mm=0.35)
    film.line(c["vault_inner"], 0.22 * k, width_mm=1.6, soft_mm=0.8)
    _outlined(film, c["frontal_sinus"], -0.2, 0.12)
    # The body of the sphenoid with its sinus, and the clivus.
    body = np.vstack([c["sella_base"][: int(0.68 * len(c["sella_base"]))], c["base_lower"][::-1]])
    film.fill(body, 0.18, soft_mm=0.8)
    _outlined(film, c["sphenoid_sinus"], -0.2, 0.12 * k)
    film.line(c["sella_base"], 0.3 * k, width_mm=0.9)
    film.line(c["base_lower"], 0.3 * k, width_mm=1.0, soft_mm=0.4)
    for side in range(2):
        for name in ("orbit_roof", "greater_wing"):
            film.line(c[name] + rng.normal(0, (0.7, 1.4)), (0.2 - 0.06 * side) * k, width_mm=1.2, soft_mm=0.5)
    for _ in range(3):  # grooves of the meningeal vessels
        start = rng.uniform((-60, -70), (30, -30))
        groove = smooth_curve(np.cumsum(np.vstack([start, rng.normal((-3, -9), 4, (4, 2))]), 0))
        film.line(groove, -0.04, width_mm=1.2, soft_mm=0.5)


def _draw_temporal_bone(film: Film, head: Head, rng: np.random.Generator) -> None:
    c, k = head.curves, rng.uniform(0.8, 1.25)
    film.fill(c["petrous"], 0.16 * k, soft_mm=4.0)
    film.fill(ellipse(head["Po"] + (-14, 4), (17, 15)), 0.1 * k, soft_mm=5.0)
    for _ in range(130):  # mastoid air cells
        at = head["Po"] + rng.normal((-13, 2), (9, 9))
        radii = tuple(rng.uniform(0.5, 2.2, 2))
        film.fill(ellipse(at, radii, rng.uniform(0, 3)), -0.13 * k, soft_mm=0.4)
        film.line(ellipse(at, radii), 0.1 * k, width_mm=0.6, soft_mm=0.3)
    for _ in range(3):
        film.line(c["temporal_ridge"] + rng.normal(0, 1.5, 2), 0.1 * k, width_mm=1.4, soft_mm=0.6)
    film.line(c["zygomatic_arch"], 0.09 * k, width_mm=4.0, soft_mm=0.8)


def _draw_midface(film: Film, head: Head, rng: np.random.Generator) -> None:
    c, k = head.curves, rng.uniform(0.65, 1.15)
    face = np.vstack([c["orbit_roof"], c["fissure"][::3], c["palate_roof"], c["aperture"][::-1]])
    film.fill(face, 0.18, soft_mm=2.5)
    film.fill(c["maxilla"], 0.26, soft_mm=0.8)
    _outlined(film, c["maxillary_sinus"], -0.16, 0.1)
    film.fill(c["turbinate"], 0.09, soft_mm=1.0)
    film.fill(c["orbit"], -0.1, soft_mm=2.0)
    for side in (c["orbit"], _other_side(c["orbit"], head["N"], rng)):
        film.line(side, 0.24 * k if side is c["orbit"] else 0.1, width_mm=1.0, soft_mm=0.4)
    for side in (c["zygoma"], _other_side(c["zygoma"], head["N"], rng)):
        film.line(side, 0.17 * k if side is c["zygoma"] else 0.1, width_mm=1.4, soft_mm=0.5)
    _outlined(film, c["nasal_bone"], 0.14, 0.16 * k, width_mm=0.7)
    film.line(c["aperture"], 0.24 * k, width_mm=0.8)
    for name in ("palate_floor", "palate_roof"):
        film.line(c[name], 0.34 * k, width_mm=1.0, soft_mm=0.35)
    for side in (c["fissure"], _other_side(c["fissure"], head["PNS"], rng, 0.08)):
        film.fill(side, -0.07, soft_mm=0.6)
        film.line(side, 0.15 * k, width_mm=0.9, soft_mm=0.35)
    for _ in range(34):  # ethmoid cells and turbinates
        start = head["Or"] + rng.uniform((-26, -28), (8, 14))
        wall = smooth_curve(np.cumsum(np.vstack([start, rng.normal((0, 3), (2.5, 2.5), (3, 2))]), 0))
        film.line(wall, rng.uniform(0.03, 0.1), width_mm=rng.uniform(0.5, 1.2), soft_mm=0.35)


def _draw_mandible(film: Film, head: Head, rng: np.random.Generator) -> None:
    c, k = head.curves, rng.uniform(0.75, 1.2)
    near = c["mandible"]
    far = _other_side(near, head["Me"], rng)
    condyle, chin, crest = (int(np.linalg.norm(near - head[s], axis=1).argmin()) for s in ("Co", "Me", "B"))
    film.fill(far, 0.1, soft_mm=0.6)
    film.line(far[condyle - 8 : chin - 20], rng.uniform(0.06, 0.16), width_mm=1.0, soft_mm=0.5)
    film.fill(near, 0.22, soft_mm=0.3)
    # The curve's points are 0.7 mm apart at the mean shape, so steps along it are counted in points.
    # The cortex is thick from the condyle along the lower border to the chin, thin at the coronoid and in front.
    film.line(near[: condyle - 5], 0.12 * k, width_mm=1.0, soft_mm=0.4)
    film.line(near[condyle - 8 : crest + 15], 0.24 * k, width_mm=1.0, soft_mm=0.3)
    film.line(near[len(near) * 6 // 7 :], 0.1 * k, width_mm=1.2, soft_mm=0.5)
    film.line(near[condyle + 90 : crest - 15], 0.12, width_mm=2.6, soft_mm=0.7)
    film.line(c["symphysis_inner"], 0.18 * k, width_mm=1.1, soft_mm=0.5)
    film.line(c["canal"], -0.06, width_mm=2.6, soft_mm=0.6)
    film.line(c["oblique_line"], 0.1, width_mm=1.8, soft_mm=0.8)
    film.fill(ellipse(head["Co"] + (2.2, 4.5), (4.2, 3.8)), 0.1, soft_mm=1.0)


def _draw_tooth(film: Film, outline: list, tip: np.ndarray, apex: np.ndarray, strength: float) -> None:
    axis = apex - tip
    ahead = np.array([-axis[1], axis[0]]) / np.linalg.norm(axis)
    ahead = ahead if ahead[0] > 0 else -ahead
    shape = np.array(outline)
    knots = tip + shape[:, :1] * axis + shape[:, 1:] * ahead
    tooth = smooth_curve(knots, closed=True, spacing_mm=0.4)
    film.fill(tooth, 0.26 * strength)
    crown = tooth[(tooth - tip) @ axis / (axis @ axis) < 0.36]
    film.fill(crown, 0.3 * strength, soft_mm=0.4)
    film.line(tooth, 0.08 * strength, width_mm=0.5)
    if outline is not MOLAR:
        film.line(np.array([tip + 0.25 * axis, tip + 0.92 * axis]), -0.1 * strength, width_mm=0.9)


def _tooth_row(head: Head, arch: str, rng: np.random.Generator) -> list[tuple[list, np.ndarray, np.ndarray]]:
    """Outline, tip and apex of the second molar to the canine of one arch, `U` or `L`."""
    premolar, molar, incisor = (head[f"{arch}{name}"] for name in ("PM", "MT", "IT"))
    # The two cusps are 8 mm apart: their direction alone would tilt the row by the cusps' own variation.
    ahead = (premolar - molar) / np.linalg.norm(premolar - molar)
    ahead = ahead + 1.5 * (incisor - molar) / np.linalg.norm(incisor - molar)
    ahead /= np.linalg.norm(ahead)
    root = np.array([ahead[1], -ahead[0]]) if arch == "U" else np.array([-ahead[1], ahead[0]])
    to_front = incisor - premolar
    first, canine = (min(mm, share * to_front @ ahead) * ahead for mm, share in ((7.3, 0.36), (14.0, 0.7)))
    row = [(MOLAR, molar - 10.6 * ahead - 0.4 * root, 19.0), (MOLAR, molar, 20.0), (PREMOLAR, premolar, 21.0),
           (PREMOLAR, premolar + first - 0.3 * root, 21.5),
           (PREMOLAR, premolar + canine - 0.8 * root, 25.0)]  # fmt: skip
    return [(outline, tip, tip + mm * (root + ahead * rng.normal(-0.08, 0.05))) for outline, tip, mm in row]


def _draw_teeth(film: Film, head: Head, rng: np.random.Generator) -> None:
    k, has_braces = rng.uniform(0.85, 1.2), rng.uniform() < 0.12
    for arch in ("U", "L"):
        row = _tooth_row(head, arch, rng)
        far = rng.normal(0, (1.3, 0.5))  # the other side's row, a little off
        filled = rng.integers(0, 12)
        for i, (outline, tip, apex) in enumerate(row):
            _draw_tooth(film, outline, tip, apex, 0.75 * k)
            _draw_tooth(film, outline, tip + far, apex + far, 0.3 * k)
            if filled == i:
                film.fill(ellipse(tip + 0.11 * (apex - tip), (2.2, 1.2)), 0.9)
        tip, apex = head[f"{arch}IT"], head[f"{arch}IA"]
        _draw_tooth(film, INCISOR, tip + rng.normal(-1.2, 0.4, 2) * (1, 0), apex - np.array((1.5, 0.0)), 0.3 * k)
        _draw_tooth(film, INCISOR, tip, apex, 0.95 * k)
        if has_braces:
            brackets = np.array([t + 0.2 * (a - t) for _, t, a in row[1:]] + [tip + 0.2 * (apex - tip) + (3.0, 0)])
            film.line(smooth_curve(brackets), 0.5, width_mm=0.5, soft_mm=0.1)
            for at in brackets:
                film.fill(ellipse(at, (1.5, 1.3)), 0.7)


def _draw_spine(film: Film, head: Head, rng: np.random.Generator) -> None:
    """C2 to C6; the concave lower borders and the height over the width follow the CVM stage."""
    spine, k = head.curves["spine"], rng.uniform(0.7, 1.2)
    at = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(spine, axis=0), axis=1))])
    ratio = np.interp(head.cvm_stage, [1, 3, 4, 5, 6], [0.62, 0.72, 0.82, 0.98, 1.12])
    width, top = rng.uniform(14.5, 16.5), 0.0
    for i, height in enumerate([34.0, *[width * ratio] * 4]):
        low = top + height
        ends = [np.array([np.interp(t, at, spine[:, j]) for j in range(2)]) for t in (top, low)]
        down = (ends[1] - ends[0]) / np.linalg.norm(ends[1] - ends[0])
        front = np.array([-down[1], down[0]])
        front = front if front[0] > 0 else -front
        # CS1 none, CS2 C2, CS3 C2 and C3, CS4 on C2 to C4 (Baccetti, Franchi, McNamara 2005).
        hollow = 1.6 if i < head.cvm_stage - 1 else 0.1
        taper = 0.22 * height if i and head.cvm_stage < 4 else 0.0
        knots = _vertebra(width, height, hollow, taper, is_axis=i == 0)
        body = smooth_curve(ends[0] + knots[:, :1] * front + knots[:, 1:] * down, closed=True)
        _outlined(film, body, 0.18 * k, 0.18 * k, width_mm=0.9)
        middle, turn = ends[0] * 0.4 + ends[1] * 0.6, float(np.arctan2(front[1], front[0]))
        pillar = ellipse(middle - (width / 2 + 4) * front, (4.2, min(height, 22) * 0.62), turn + 0.6)
        spinous = ellipse(middle - (width / 2 + 21) * front + 7 * down, (16, 3.6), turn - 0.3)
        for part in (pillar, pillar + rng.normal(0, 1.2, 2), spinous):
            film.fill(part, 0.09 * k, soft_mm=0.8)
            film.line(part, 0.05 * k, width_mm=1.2, soft_mm=0.5)
        top = low + 3.6
    _outlined(film, ellipse(spine[0] + (9.0, 8.0), (2.6, 4.4)), 0.16 * k, 0.2 * k)  # arch of the atlas
    _outlined(film, ellipse(spine[0] + (-24.0, 9.0), (10, 4.0), -0.1), 0.1 * k, 0.16 * k)


def _vertebra(width: float, height: float, hollow: float, taper: float, *, is_axis: bool) -> np.ndarray:
    """Knots [n, 2] as (to the front, down) in mm from the middle of the upper end; the axis carries its dens."""
    w, h = width / 2, height
    lower = [(w, h - 1.6), (w - 0.8, h - 0.3), (0, h - hollow), (-w + 0.8, h - 0.6), (-w, h - 2)]
    if is_axis:
        return np.array([(0, 0), (3.6, 1.2), (4.8, 6), (4.2, 13), (w - 1.5, 19), (w - 0.6, 26), *lower,
                         (-w + 0.8, 24), (-5.4, 18), (-4.6, 12), (-4.8, 5), (-3.4, 1)], float)  # fmt: skip
    return np.array([(0, 0.4 + taper / 2), (w - 1.2, taper + 0.2), (w - 0.2, taper + 1.6), (w - 0.7, h * 0.55),
                     *lower, (-w + 0.6, h * 0.5), (-w + 0.2, 1.6), (-w + 1.2, 0.1)], float)  # fmt: skip
