"""From landmarks to what orthodontists read: angles, lengths and ratios, each defined once in a table.

Shapes: N images, K landmarks, M measurements. Points are (x, y) with y down; every formula sees a face that looks
right, because `measure` turns the ones that look left. Angles are in degrees, lengths in mm, ratios in percent.

Norms are those of the author that each row names: a reading aid, never a diagnosis; they differ with age, sex and origin.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from landmarks.metrics import known_mean

Places = dict[str, np.ndarray]


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """One row of the table."""

    name: str
    unit: str
    """deg, mm or %."""
    landmarks: tuple[str, ...]
    formula: Callable[[Places], np.ndarray]
    """Landmarks [..., 2] by symbol, of a face that looks right -> [...]."""
    norm: tuple[float, float] | None
    """Mean and standard deviation (or half of the normal range)."""
    sign: str
    """What a larger value means."""
    source: str


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector, axis=-1, keepdims=True)


def _dot(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return (u * v).sum(axis=-1)


def _cross(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]


def _turn(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Signed angle from u to v in degrees, -180 to 180; positive clockwise on the screen (forward turns to down)."""
    return np.degrees(np.arctan2(_cross(u, v), _dot(u, v)))


def _between(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Unsigned angle between two directions, 0 to 180 degrees."""
    return np.abs(_turn(u, v))


def _corner(p: Places, a: str, vertex: str, b: str) -> np.ndarray:
    return _between(p[a] - p[vertex], p[b] - p[vertex])


def _line(p: Places, start: str, end: str) -> np.ndarray:
    return p[end] - p[start]


def _length(p: Places, a: str, b: str) -> np.ndarray:
    return np.linalg.norm(p[b] - p[a], axis=-1)


def _ahead(p: Places, point: str, upper: str, lower: str) -> np.ndarray:
    """Distance of a point from the line upper-lower, positive where it lies in front."""
    return -_cross(_unit(p[lower] - p[upper]), p[point] - p[upper])


def _functional_plane(p: Places) -> np.ndarray:
    """Direction from the molars to the premolars, through the middle of each pair of cusp tips."""
    return _unit((p["UPM"] + p["LPM"]) / 2 - (p["UMT"] + p["LMT"]) / 2)


def _bisected_plane(p: Places) -> np.ndarray:
    """Direction from the molars to the incisors, halving the overlap of both."""
    return _unit((p["UIT"] + p["LIT"]) / 2 - (p["UMT"] + p["LMT"]) / 2)


def _downward(forward: np.ndarray) -> np.ndarray:
    return np.stack([-forward[..., 1], forward[..., 0]], axis=-1)


def _row(name: str, unit: str, landmarks: str, formula, norm, sign: str, source: str) -> Measurement:
    return Measurement(
        name=name, unit=unit, landmarks=tuple(landmarks.split()), formula=formula, norm=norm, sign=sign, source=source
    )


_BJORK = "Bjork 1947; norm of Jarabak and Fizzell 1972"
_MCNAMARA = "McNamara 1984, women"
# fmt: off
MEASUREMENTS = (
    # jaws, forward and back
    _row("SNA", "deg", "S N A", lambda p: _corner(p, "S", "N", "A"), (82, 2), "upper jaw further forward", "Steiner 1953"),
    _row("SNB", "deg", "S N B", lambda p: _corner(p, "S", "N", "B"), (80, 2), "lower jaw further forward", "Steiner 1953"),
    _row("ANB", "deg", "S N A B", lambda p: _corner(p, "S", "N", "A") - _corner(p, "S", "N", "B"), (2, 2),
         "upper jaw ahead of the lower (SNA - SNB)", "Steiner 1953"),
    _row("Wits", "mm", "A B UPM LPM UMT LMT", lambda p: _dot(_line(p, "B", "A"), _functional_plane(p)), (0, 2),
         "A ahead of B along the functional occlusal plane", "Jacobson 1975 (men -1.2, women -0.1)"),
    _row("Facial angle", "deg", "Po Or N Pog", lambda p: 180 - _turn(_line(p, "Po", "Or"), _line(p, "N", "Pog")), (87.8, 3.6),
         "chin further forward", "Downs 1948"),
    _row("Convexity", "deg", "N A Pog", lambda p: _turn(_line(p, "N", "A"), _line(p, "A", "Pog")), (0, 5.1),
         "A ahead of N-Pog", "Downs 1948"),
    _row("A to N-Pog", "mm", "N A Pog", lambda p: _ahead(p, "A", "N", "Pog"), (2, 2), "A ahead of N-Pog", "Ricketts 1960"),
    _row("A to N-perp", "mm", "Po Or N A", lambda p: _dot(_line(p, "N", "A"), _unit(_line(p, "Po", "Or"))), (0.4, 2.3),
         "A ahead of the perpendicular to Po-Or through N", f"{_MCNAMARA} (men 1.1, SD 2.7)"),
    _row("Pog to N-perp", "mm", "Po Or N Pog", lambda p: _dot(_line(p, "N", "Pog"), _unit(_line(p, "Po", "Or"))), (-1.8, 4.5),
         "Pog ahead of the perpendicular to Po-Or through N", f"{_MCNAMARA} (men -0.3, SD 3.8)"),
    _row("Co-A", "mm", "Co A", lambda p: _length(p, "Co", "A"), (91.0, 4.3), "longer midface",
         f"{_MCNAMARA} (men 99.8, SD 6.0)"),
    _row("Co-Gn", "mm", "Co Gn", lambda p: _length(p, "Co", "Gn"), (120.2, 5.3), "longer lower jaw",
         f"{_MCNAMARA} (men 134.3, SD 6.8)"),
    _row("Co-Gn minus Co-A", "mm", "Co A Gn", lambda p: _length(p, "Co", "Gn") - _length(p, "Co", "A"), (29.2, 3.3),
         "lower jaw longer than the midface", f"{_MCNAMARA} (men 34.5, SD 4.0)"),
    # vertical
    _row("FMA", "deg", "Po Or Go Me", lambda p: _turn(_line(p, "Po", "Or"), _line(p, "Go", "Me")), (25, 5),
         "steeper lower jaw", "Tweed 1954 (20 to 30)"),
    _row("SN-GoGn", "deg", "S N Go Gn", lambda p: _turn(_line(p, "S", "N"), _line(p, "Go", "Gn")), (32, 5),
         "steeper lower jaw", "Steiner 1953"),
    _row("SN-PP", "deg", "S N ANS PNS", lambda p: _turn(_line(p, "S", "N"), _line(p, "PNS", "ANS")), None,
         "palate tipped down in front", "palatal plane to S-N"),
    _row("PP-MP", "deg", "ANS PNS Go Me", lambda p: _turn(_line(p, "PNS", "ANS"), _line(p, "Go", "Me")), None,
         "jaws diverge", "palatal plane to Go-Me"),
    _row("Y axis", "deg", "Po Or S Gn", lambda p: _turn(_line(p, "Po", "Or"), _line(p, "S", "Gn")), (59.4, 3.8),
         "chin further down and back", "Downs 1948"),
    _row("Occlusal plane", "deg", "Po Or UIT LIT UMT LMT", lambda p: _turn(_line(p, "Po", "Or"), _bisected_plane(p)),
         (9.3, 3.8), "steeper; the plane halves the overlap of incisors and molars", "Downs 1948"),
    _row("Saddle angle", "deg", "N S Ar", lambda p: _corner(p, "N", "S", "Ar"), (123, 5), "joint further back", _BJORK),
    _row("Articular angle", "deg", "S Ar Go", lambda p: _corner(p, "S", "Ar", "Go"), (143, 6), "jaw further back", _BJORK),
    _row("Gonial angle", "deg", "Ar Go Me", lambda p: _corner(p, "Ar", "Go", "Me"), (130, 7), "more open lower jaw", _BJORK),
    _row("Bjork sum", "deg", "N S Ar Go Me",
         lambda p: _corner(p, "N", "S", "Ar") + _corner(p, "S", "Ar", "Go") + _corner(p, "Ar", "Go", "Me"), (396, 6),
         "more vertical growth", _BJORK),
    _row("Jarabak ratio", "%", "S Go N Me", lambda p: 100 * _length(p, "S", "Go") / _length(p, "N", "Me"), (61, 2),
         "longer face behind than in front (S-Go / N-Me)", "Siriwat and Jarabak 1985 (59 to 63)"),
    _row("ANS-Me / N-Me", "%", "ANS Me N", lambda p: 100 * _length(p, "ANS", "Me") / _length(p, "N", "Me"), None,
         "longer lower face", "Wylie and Johnson 1952, with straight distances"),
    _row("ANS-Me", "mm", "ANS Me", lambda p: _length(p, "ANS", "Me"), (66.7, 4.1), "longer lower face",
         f"{_MCNAMARA} (men 74.6, SD 5.0)"),
    _row("N-Me", "mm", "N Me", lambda p: _length(p, "N", "Me"), None, "longer face", "anterior face height"),
    _row("S-Go", "mm", "S Go", lambda p: _length(p, "S", "Go"), None, "longer face behind", "posterior face height"),
    _row("S-N", "mm", "S N", lambda p: _length(p, "S", "N"), (72, 3), "longer skull base", "71 to 73; the scale's yardstick"),
    _row("S-Ar", "mm", "S Ar", lambda p: _length(p, "S", "Ar"), (32, 3), "longer skull base behind", _BJORK),
    _row("Ar-Go", "mm", "Ar Go", lambda p: _length(p, "Ar", "Go"), (44, 5), "longer ramus", _BJORK),
    _row("Go-Me", "mm", "Go Me", lambda p: _length(p, "Go", "Me"), (71, 5), "longer lower jaw", _BJORK),
    # teeth
    _row("IMPA", "deg", "LIA LIT Go Me", lambda p: _between(_line(p, "LIA", "LIT"), _line(p, "Me", "Go")), (90, 5),
         "lower incisor leans forward", "Tweed 1954"),
    _row("FMIA", "deg", "LIA LIT Po Or", lambda p: _between(_line(p, "LIA", "LIT"), _line(p, "Po", "Or")), (65, 5),
         "lower incisor upright", "Tweed 1954"),
    _row("U1-SN", "deg", "UIA UIT S N", lambda p: _between(_line(p, "UIA", "UIT"), _line(p, "N", "S")), (104, 6),
         "upper incisor leans forward", "Riedel 1952"),
    _row("U1-PP", "deg", "UIA UIT ANS PNS", lambda p: _between(_line(p, "UIA", "UIT"), _line(p, "ANS", "PNS")), (110, 5),
         "upper incisor leans forward", "Rakosi 1982 (outer angle 70)"),
    _row("U1-NA", "deg", "UIA UIT N A", lambda p: _turn(_line(p, "UIA", "UIT"), _line(p, "N", "A")), (22, 5),
         "upper incisor leans forward", "Steiner 1953"),
    _row("U1-NA distance", "mm", "UIT N A", lambda p: _ahead(p, "UIT", "N", "A"), (4, 2), "upper incisor ahead of N-A",
         "Steiner 1953"),
    _row("L1-NB", "deg", "LIA LIT N B", lambda p: _turn(_line(p, "B", "N"), _line(p, "LIA", "LIT")), (25, 5),
         "lower incisor leans forward", "Steiner 1953"),
    _row("L1-NB distance", "mm", "LIT N B", lambda p: _ahead(p, "LIT", "N", "B"), (4, 2), "lower incisor ahead of N-B",
         "Steiner 1953"),
    _row("U1 to A-Pog", "mm", "UIT A Pog", lambda p: _ahead(p, "UIT", "A", "Pog"), (2.7, 1.8), "upper incisor ahead of A-Pog",
         "Downs 1948"),
    _row("L1 to A-Pog", "mm", "LIT A Pog", lambda p: _ahead(p, "LIT", "A", "Pog"), (1, 2), "lower incisor ahead of A-Pog",
         "Ricketts 1960"),
    _row("Interincisal", "deg", "UIA UIT LIA LIT", lambda p: _between(_line(p, "UIT", "UIA"), _line(p, "LIT", "LIA")),
         (135.4, 5.8), "incisors upright", "Downs 1948 (Steiner 131)"),
    _row("Overjet", "mm", "UIT LIT UPM LPM UMT LMT", lambda p: _dot(_line(p, "LIT", "UIT"), _functional_plane(p)),
         (2.5, 2.5), "upper incisor ahead of the lower along the functional occlusal plane", "Ricketts 1960"),
    _row("Overbite", "mm", "UIT LIT UPM LPM UMT LMT", lambda p: _dot(_line(p, "LIT", "UIT"), _downward(_functional_plane(p))),
         (2.5, 2.0), "upper incisor overlaps the lower", "Ricketts 1960"),
    # soft tissue
    _row("Ls to E-line", "mm", "Ls Pn Pog`", lambda p: _ahead(p, "Ls", "Pn", "Pog`"), (-4, 2), "upper lip ahead of Pn-Pog`",
         "Ricketts 1968"),
    _row("Li to E-line", "mm", "Li Pn Pog`", lambda p: _ahead(p, "Li", "Pn", "Pog`"), (-2, 2), "lower lip ahead of Pn-Pog`",
         "Ricketts 1968"),
    _row("Ls to Sn-Pog`", "mm", "Ls Sn Pog`", lambda p: _ahead(p, "Ls", "Sn", "Pog`"), (3.5, 1.4), "upper lip ahead of Sn-Pog`",
         "Burstone 1967"),
    _row("Li to Sn-Pog`", "mm", "Li Sn Pog`", lambda p: _ahead(p, "Li", "Sn", "Pog`"), (2.2, 1.6), "lower lip ahead of Sn-Pog`",
         "Burstone 1967"),
    _row("Nasolabial angle", "deg", "Pn Sn Ls", lambda p: _corner(p, "Pn", "Sn", "Ls"), (102, 8),
         "more open; Pn stands in for the columella", "Legan and Burstone 1980"),
    _row("H angle", "deg", "N` Pog` Ls", lambda p: _turn(_line(p, "Pog`", "N`"), _line(p, "Pog`", "Ls")), (10, 4),
         "upper lip ahead of N`-Pog`", "Holdaway 1983 (7 to 15)"),
    _row("Soft-tissue convexity", "deg", "N` Sn Pog`", lambda p: _corner(p, "N`", "Sn", "Pog`"), (161, 4),
         "straighter profile", "Subtelny 1959"),
)
# fmt: on


@dataclass(frozen=True, kw_only=True, slots=True)
class Classes:
    """Classes that two borders cut out of one measurement."""

    title: str
    measurement: str
    borders: tuple[float, float]
    names: tuple[str, str, str]
    """Below, between (borders included) and above."""
    source: str

    def assign(self, values: np.ndarray) -> np.ndarray:
        """Index 0 to 2 into `names`, -1 where a value is unknown."""
        place = (values >= self.borders[0]).astype(int) + (values > self.borders[1]).astype(int)
        return np.where(np.isfinite(values), place, -1)


CLASSES = (
    Classes(title="Skeletal class", measurement="ANB", borders=(0.0, 4.0), names=("Class III", "Class I", "Class II"),
            source="ANB 2 ± 2 degrees, Steiner 1953"),
    Classes(title="Vertical pattern", measurement="SN-GoGn", borders=(27.0, 37.0),
            names=("low angle", "average", "high angle"), source="SN-GoGn 32 ± 5 degrees, Steiner 1953"),
)  # fmt: skip

_FRONT = ("N", "A", "B", "ANS", "Or", "Pog", "UIT", "LIT", "UIA", "LIA", "Sn", "Ls", "Li", "Pn", "N`", "Pog`")
_BACK = ("S", "Po", "Ar", "Co", "Go", "R", "PNS")
_UPPER = ("N", "S", "Or", "Po", "Co", "N`")
_LOWER = ("Me", "Gn", "Pog", "B", "Go", "LIT", "LIA", "Li", "Pog`")


def available(symbols: tuple[str, ...]) -> tuple[Measurement, ...]:
    """Rows of the table whose landmarks a set has."""
    return tuple(row for row in MEASUREMENTS if set(row.landmarks) <= set(symbols))


def facing(points: np.ndarray, symbols: tuple[str, ...]) -> np.ndarray:
    """Where faces look: +1 right, -1 left, 0 where the landmarks do not tell.

    Args:
        points: [N, K, 2], NaN where unknown.
    Back to front, then top to bottom, turns clockwise in a face that looks right, however the image is rotated.
    """
    place = {symbol: points[:, k] for k, symbol in enumerate(symbols)}
    front, back, upper, lower = (_centre(place, group, len(points)) for group in (_FRONT, _BACK, _UPPER, _LOWER))
    return np.nan_to_num(np.sign(_cross(front - back, lower - upper))).astype(int)


def _centre(place: Places, group: tuple[str, ...], num: int) -> np.ndarray:
    """Mean [N, 2] of the known landmarks of a group, NaN where there is none."""
    members = np.array([place[s] for s in group if s in place]).reshape(-1, num, 2)
    return known_mean(members, axis=0)


def measure(
    points_px: np.ndarray, symbols: tuple[str, ...], pixel_size: np.ndarray, *, looks: np.ndarray | None = None
) -> np.ndarray:
    """All available measurements [N, M], in the order of `available(symbols)`; NaN where a landmark is unknown.

    Args:
        points_px: [N, K, 2] source px.
        pixel_size: [N, 2] as (sx, sy) in mm, NaN where unknown: lengths are then NaN, angles and ratios take square pixels.
        looks: [N] from `facing`; worked out from the points where left out. A face that looks left is mirrored.
    """
    known = np.isfinite(pixel_size).all(axis=-1)
    points = points_px * np.where(known[:, None], pixel_size, 1.0)[:, None]
    left = (facing(points, symbols) if looks is None else looks) < 0
    points = points * np.where(left[:, None], (-1.0, 1.0), (1.0, 1.0))[:, None]
    place = {symbol: points[:, k] for k, symbol in enumerate(symbols)}
    rows = available(symbols)
    values = np.full((len(points), len(rows)), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        for m, row in enumerate(rows):
            found = row.formula(place)
            values[:, m] = np.where(known, found, np.nan) if row.unit == "mm" else found
    return values


def measurement_radii(
    points_px: np.ndarray, symbols: tuple[str, ...], pixel_size: np.ndarray, radius_px: np.ndarray
) -> np.ndarray:
    """Half width [N, M] of each measurement's interval from its landmarks' error radii [N, K] in source px.

    First order: each landmark moves the measurement by at most |gradient| times its radius, and the landmarks' shares
    add up as independent errors do (root of the sum of squares). Infinite where a radius is infinite.
    """
    looks = facing(points_px, symbols)
    rows = available(symbols)
    step = 0.01
    total = np.zeros((len(points_px), len(rows)))
    for k, symbol in enumerate(symbols):
        slopes = np.zeros((2, *total.shape))
        for axis in range(2):
            moved = np.zeros_like(points_px)
            moved[:, k, axis] = step
            ends = [measure(points_px + sign * moved, symbols, pixel_size, looks=looks) for sign in (1, -1)]
            slopes[axis] = (ends[0] - ends[1]) / (2 * step)
        uses = np.array([symbol in row.landmarks for row in rows])
        share = np.hypot(*slopes)[:, uses] * radius_px[:, k, None]
        total[:, uses] += share**2
    return np.sqrt(total)
