"""Two films of one patient laid over each other: how far each landmark moved, with its interval.

The second film is shifted and turned, never scaled, onto the first one's reference. Movements are in mm along the first
film's Frankfort plane (Po-Or; S-N where it has none): forward and down are positive.

Shapes: K landmarks that both films know, R pairs of plausible truths.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from landmarks.measurements import Measurement, available, difference, measure
from landmarks.tracing import Tracing
from landmarks.uncertainty import ErrorModel, half_widths, measure_with_intervals, plausible_truths


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """What two films are laid over each other by."""

    title: str
    landmarks: tuple[str, ...]
    """Of a line: its fixed point, then the point that gives the direction; of a fit: all."""
    fit: bool
    """Least squares over all landmarks instead of a line at a point."""


REFERENCES = {
    "cranial_base": Reference(title="S-N at S", landmarks=("S", "N"), fit=False),
    "palate": Reference(title="ANS-PNS at ANS", landmarks=("ANS", "PNS"), fit=False),
    "mandible": Reference(title="Me-Go at Me", landmarks=("Me", "Go"), fit=False),
    "symphysis": Reference(title="best fit of the symphysis (B, Pog, Gn, Me)", landmarks=("B", "Pog", "Gn", "Me"), fit=True),
    "best_fit": Reference(title="best fit of S, N, Po, Or, Ar", landmarks=("S", "N", "Po", "Or", "Ar"), fit=True),
}
# Turns of one film's plausible truths against the other's: their errors are independent.
_TURNS = 4


class SuperimpositionError(ValueError):
    """Two films that cannot be laid over each other; the message says why."""


@dataclass(frozen=True, slots=True)
class Movement:
    """How far a landmark moved, mm in the first film; half widths are None without error radii."""

    symbol: str
    forward: float
    down: float
    distance: float
    forward_half: float | None
    down_half: float | None
    distance_half: float | None

    def words(self, coverage: float | None = None) -> str:
        """ "Pog 2.1 mm forward, 90 % 0.4 to 3.8"."""
        parts = []
        for value, half, plus, minus in (
            (self.forward, self.forward_half, "forward", "back"),
            (self.down, self.down_half, "down", "up"),
        ):
            size, side = abs(value), plus if value >= 0 else minus
            interval = ""
            if half is not None and coverage is not None:
                interval = f", {100 * coverage:g} % {size - half:.1f} to {size + half:.1f}"
            parts.append(f"{size:.1f} mm {side}{interval}")
        return f"{self.symbol} {'; '.join(parts)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """A measurement of both films."""

    measurement: Measurement
    before: float
    after: float
    half_width: float | None
    """Of the change."""

    @property
    def change(self) -> float:
        return float(difference(np.array([self.after]), np.array([self.before]), (self.measurement,))[0])


@dataclass(frozen=True, kw_only=True, slots=True)
class Superimposition:
    """The second film in the first one's frame."""

    reference: Reference
    axis: str
    """What forward is measured along."""
    movements: tuple[Movement, ...]
    changes: tuple[Change, ...]
    second_in_first_px: Tracing
    """The second film's points in the first film's source px."""


def superimpose(
    first: Tracing, second: Tracing, reference: Reference = REFERENCES["cranial_base"], *, errors: ErrorModel | None = None
) -> Superimposition:
    """Lays the second film over the first. Raises: SuperimpositionError without scale or landmarks.

    Example:
        found = superimpose(before, after, REFERENCES["mandible"])
        print(found.movements[0].words())
    """
    symbols = tuple(s for s in first.symbols if s in first.known and s in second.known)
    axis = next(((a, b) for a, b in (("Po", "Or"), ("S", "N")) if {a, b} <= set(symbols)), None)
    _check(first, second, reference, symbols, axis)
    flat = [_flat(film, symbols)[None] for film in (first, second)]
    index = [symbols.index(s) for s in reference.landmarks]
    moved = _register(*flat, index, reference.fit)
    values = _movements(flat[0], moved, [symbols.index(s) for s in axis])[0]
    half = None
    if errors is not None and first.radius_px is not None and second.radius_px is not None:
        pairs = _plausible_pairs(first, second, symbols, errors)
        onto = _register(*pairs, index, reference.fit)
        offsets = _movements(pairs[0], onto, [symbols.index(s) for s in axis]) - values
        half = half_widths(offsets.reshape(len(offsets), -1), errors).reshape(values.shape)
    ends = np.full(values.shape, None) if half is None else half
    movements = tuple(
        Movement(symbol, *row, *ends[k].tolist()) for k, (symbol, row) in enumerate(zip(symbols, values.tolist(), strict=True))
    )
    side = -1 if first.looks < 0 else 1
    points = np.stack([side * moved[0].real, moved[0].imag], axis=-1) / first.aspect
    placed = Tracing(name=second.name, symbols=symbols, points_px=points, pixel_size=first.pixel_size, origin=first.origin)
    return Superimposition(
        reference=reference,
        axis="-".join(axis),
        movements=movements,
        changes=_changes(first, second, symbols, errors),
        second_in_first_px=placed,
    )


def _check(first: Tracing, second: Tracing, reference: Reference, symbols: Sequence[str], axis: tuple | None) -> None:
    for film in (first, second):
        if not film.has_lengths:
            raise SuperimpositionError(f"{film.name}: needs a pixel size to be laid over another film; give --pixel-size")
    if lacking := [s for s in reference.landmarks if s not in symbols]:
        raise SuperimpositionError(f"{reference.title}: {' '.join(lacking)} not known in both films; choose another reference")
    if axis is None:
        raise SuperimpositionError(f"{first.name}: neither Po and Or nor S and N are known in both films")


def _flat(film: Tracing, symbols: Sequence[str], points_px: np.ndarray | None = None) -> np.ndarray:
    """Complex mm [..., K] of a face that looks right, with the film's enlargement taken out where it is known."""
    if points_px is None:
        points_px = np.array([film[s] for s in symbols])
    points = points_px * film.aspect / (film.factor or 1.0)
    return points[..., 0] * (-1 if film.looks < 0 else 1) + 1j * points[..., 1]


def _register(first: np.ndarray, second: np.ndarray, index: list[int], fit: bool) -> np.ndarray:
    """The second points [R, K] turned and shifted onto the first."""
    a, b = first[:, index], second[:, index]
    if fit:
        at_a, at_b = a.mean(axis=1, keepdims=True), b.mean(axis=1, keepdims=True)
        turn = (np.conj(b - at_b) * (a - at_a)).sum(axis=1, keepdims=True)
    else:
        at_a, at_b = a[:, :1], b[:, :1]
        turn = (a[:, 1:] - at_a) / (b[:, 1:] - at_b)
    return (second - at_b) * turn / np.abs(turn) + at_a


def _movements(first: np.ndarray, moved: np.ndarray, axis: list[int]) -> np.ndarray:
    """Forward, down and distance [R, K, 3], mm."""
    forward = first[:, axis[1]] - first[:, axis[0]]
    shift = (moved - first) * np.conj(forward / np.abs(forward))[:, None]
    return np.stack([shift.real, shift.imag, np.abs(shift)], axis=-1)


def _plausible_pairs(
    first: Tracing, second: Tracing, symbols: Sequence[str], errors: ErrorModel
) -> tuple[np.ndarray, np.ndarray]:
    """Plausible truths [R, K] of both films, independent of each other."""
    both, certain = [], []
    for film in (first, second):
        columns = [film.symbols.index(s) for s in symbols]
        points, radius = film.points_px[None, columns], film.radius_px[None, columns]
        truths = plausible_truths(points, radius, symbols, np.array([film.looks]), errors)[0]
        both.append(_flat(film, symbols, truths))
        certain.append(np.broadcast_to(_flat(film, symbols, points[0]), both[-1].shape))
    if not errors.learned:  # one landmark of one film at a time, as first-order propagation wants
        return np.concatenate([both[0], certain[0]]), np.concatenate([certain[1], both[1]])
    turns = [max(1, len(both[1]) * turn // (_TURNS + 1)) for turn in range(1, _TURNS + 1)]
    return np.concatenate([both[0]] * _TURNS), np.concatenate([np.roll(both[1], turn, axis=0) for turn in turns])


def _changes(first: Tracing, second: Tracing, symbols: Sequence[str], errors: ErrorModel | None) -> tuple[Change, ...]:
    rows = available(symbols)
    found, half = [], []
    for film in (first, second):
        columns = [film.symbols.index(s) for s in symbols]
        points, sizes, looks = film.points_px[None, columns], film.aspect[None] / (film.factor or 1.0), np.array([film.looks])
        if errors is None or film.radius_px is None:
            found.append(measure(points, symbols, sizes, looks=looks, rows=rows)[0])
            half.append(np.full(len(rows), np.nan))
        else:
            values, widths = measure_with_intervals(
                points, symbols, sizes, film.radius_px[None, columns], errors, rows, looks=looks
            )
            found.append(values[0])
            half.append(widths[0])
    width = np.hypot(*half)  # errors of two films are independent
    ends = [None if np.isnan(end) else end for end in width.tolist()]
    both = zip(rows, found[0].tolist(), found[1].tolist(), ends, strict=True)
    return tuple(Change(measurement=row, before=one, after=two, half_width=end) for row, one, two, end in both)
