"""What a measurement is made of: angles, distances and ratios of lines between landmarks, each in one small class.

A point is a landmark's symbol, or two joined by "+" for the middle between them ("UIT+LIT"). A line is a pair of points.
Formulas see points as complex numbers x + iy of a face that looks right, y down: the angle from u to v is then that of
conj(u) v, positive clockwise on the screen (forward turns to down).
"""

from dataclasses import dataclass, field

import numpy as np

Points = dict[str, np.ndarray]
"""Complex x + iy [...] by symbol."""
Line = tuple[str, str]


def _at(p: Points, point: str) -> np.ndarray:
    if "+" not in point:
        return p[point]
    first, second = point.split("+")
    return (p[first] + p[second]) / 2


def _line(p: Points, line: Line) -> np.ndarray:
    return _at(p, line[1]) - _at(p, line[0])


def _turn(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    product = np.conj(u) * v
    return np.degrees(np.arctan2(product.imag, product.real))


@dataclass(frozen=True, slots=True)
class Corner:
    """Unsigned angle at the middle one of three points, 0 to 180 degrees."""

    first: str
    vertex: str
    last: str

    def value(self, p: Points) -> np.ndarray:
        return np.abs(_turn(_line(p, (self.vertex, self.first)), _line(p, (self.vertex, self.last))))

    @property
    def lines(self) -> tuple[Line, ...]:
        return (self.vertex, self.first), (self.vertex, self.last)


@dataclass(frozen=True, slots=True)
class Turn:
    """Signed angle from one line to another, clockwise for a face that looks right, plus an offset; degrees."""

    first: Line
    second: Line
    offset: float = 0.0

    def value(self, p: Points) -> np.ndarray:
        return _turn(_line(p, self.first), _line(p, self.second)) + self.offset

    @property
    def lines(self) -> tuple[Line, ...]:
        return self.first, self.second


@dataclass(frozen=True, slots=True)
class Between:
    """Unsigned angle between two directed lines, 0 to 180 degrees."""

    first: Line
    second: Line

    def value(self, p: Points) -> np.ndarray:
        return np.abs(_turn(_line(p, self.first), _line(p, self.second)))

    @property
    def lines(self) -> tuple[Line, ...]:
        return self.first, self.second


@dataclass(frozen=True, slots=True)
class Length:
    """Distance of two points."""

    first: str
    last: str

    def value(self, p: Points) -> np.ndarray:
        return np.abs(_line(p, (self.first, self.last)))

    @property
    def lines(self) -> tuple[Line, ...]:
        return ((self.first, self.last),)


@dataclass(frozen=True, slots=True)
class Ahead:
    """Distance of a point from a line that runs from an upper to a lower point, positive where the point lies in front."""

    point: str
    line: Line

    def value(self, p: Points) -> np.ndarray:
        down = _line(p, self.line)
        return -(np.conj(down) * (_at(p, self.point) - _at(p, self.line[0]))).imag / np.abs(down)

    @property
    def lines(self) -> tuple[Line, ...]:
        return self.line, (self.point, self.point)


@dataclass(frozen=True, slots=True)
class Along:
    """Part of one line that runs in the direction of another."""

    line: Line
    direction: Line

    def value(self, p: Points) -> np.ndarray:
        direction = _line(p, self.direction)
        return (np.conj(direction) * _line(p, self.line)).real / np.abs(direction)

    @property
    def lines(self) -> tuple[Line, ...]:
        return self.direction, self.line


@dataclass(frozen=True, slots=True)
class Across:
    """Part of one line that runs at a right angle to another: downwards where the other runs forwards."""

    line: Line
    direction: Line

    def value(self, p: Points) -> np.ndarray:
        direction = _line(p, self.direction)
        return (np.conj(direction) * _line(p, self.line)).imag / np.abs(direction)

    @property
    def lines(self) -> tuple[Line, ...]:
        return self.direction, self.line


@dataclass(frozen=True, slots=True)
class Ratio:
    """One distance in percent of another."""

    first: Line
    second: Line

    def value(self, p: Points) -> np.ndarray:
        return 100 * np.abs(_line(p, self.first)) / np.abs(_line(p, self.second))

    @property
    def lines(self) -> tuple[Line, ...]:
        return self.first, self.second


@dataclass(frozen=True, slots=True)
class Sum:
    """Constructs times their factors, plus an offset."""

    terms: tuple[tuple[float, "Construct"], ...]
    offset: float = 0.0

    def value(self, p: Points) -> np.ndarray:
        return sum((factor * construct.value(p) for factor, construct in self.terms), start=np.float64(self.offset))

    @property
    def lines(self) -> tuple[Line, ...]:
        return tuple(dict.fromkeys(line for _, construct in self.terms for line in construct.lines))


@dataclass(frozen=True, slots=True)
class Least:
    """The smaller one of two."""

    first: "Construct"
    second: "Construct"

    def value(self, p: Points) -> np.ndarray:
        return np.minimum(self.first.value(p), self.second.value(p))

    @property
    def lines(self) -> tuple[Line, ...]:
        return tuple(dict.fromkeys((*self.first.lines, *self.second.lines)))


Construct = Corner | Turn | Between | Length | Ahead | Along | Across | Ratio | Sum | Least


def landmarks_of(construct: Construct) -> tuple[str, ...]:
    """Symbols that a construct needs, each once, in the order of its lines."""
    return tuple(dict.fromkeys(symbol for line in construct.lines for point in line for symbol in point.split("+")))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Measurement:
    """An angle, a length or a ratio with its meaning.

    Example:
        >>> Measurement(name="SNA", unit="deg", construct=Corner("S", "N", "A"), larger="", smaller="", source="").landmarks
        ('N', 'S', 'A')
    """

    name: str
    unit: str
    """deg, mm or %."""
    construct: Construct
    larger: str
    """What a value above the norm means."""
    smaller: str
    source: str
    """Who defined it."""
    note: str = ""
    """Where this definition departs from its author's."""
    landmarks: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "landmarks", landmarks_of(self.construct))
