"""Landmarks that a reader took for each other."""

import numpy as np

from landmarks.check.align import Shapes
from landmarks.formats.survey import Finding, Survey

# Gain in squared standard deviations at which two landmarks count as exchanged. In 300 sound synthetic heads none of the
# pairs below gains more than 10, on ISBI 2015 none more than 15.8. UPM and LPM lie over each other, either one in front:
# their shape alone (both readers wrong alike) tells nothing, only that the readers contradict each other.
_EXCHANGED = 16.0
_CONTRADICTED = 18.0
# Landmarks that lie nearer together cannot be distinguished, and exchanging them changes almost nothing.
_LEAST_APART_MM = 1.5
_LIKELY_SWAPS = (("Li", "Ls"), ("UPM", "LPM"), ("Me", "Gn"), ("UIT", "LIT"), ("UMT", "LMT"), ("Gn", "Pog"), ("Me", "Pog"),
                 ("UIA", "LIA"), ("UIT", "UIA"), ("LIT", "LIA"), ("A", "B"), ("ANS", "PNS"), ("S", "N"), ("Or", "Po"),
                 ("Ar", "Co"), ("Go", "R"), ("UPM", "UMT"), ("LPM", "LMT"), ("Ls", "Sn"), ("A", "ANS"))  # fmt: skip


def find_exchanged(survey: Survey, shapes: list[Shapes], believed: list[np.ndarray]) -> None:
    """Reports pairs whose exchange makes a likelier head, or which the two readers have the other way round.

    `believed`: which landmarks of each reader's shapes may be believed, bool [N, K].
    """
    found: dict[tuple[str, tuple[str, str]], str] = {}
    if len(shapes) == 2:
        _contradictions(shapes, found)
    contradicted = set(found)
    by_shape: dict[tuple[str, tuple[str, str]], list[str]] = {}
    for one, kept in zip(shapes, believed, strict=True):
        for image_id, pair in _unlikely(one, kept):
            if (image_id, pair) not in contradicted:
                by_shape.setdefault((image_id, pair), []).append(one.reader)
    for key, readers in by_shape.items():
        found[key] = "" if readers == ["truth"] else f" by the {' and the '.join(readers)} reader"
    exchanged: dict[str, list[set[str]]] = {}
    for image_id, pair in found:
        exchanged.setdefault(image_id, []).append(set(pair))
    survey.findings = [f for f in survey.findings if not _explained(f, exchanged)]
    for (image_id, pair), who in found.items():
        line = f"{image_id}: {'/'.join(pair)} look exchanged{who}"
        survey.add("likely swap", line, image_id, symbols=pair)


def _explained(finding: Finding, exchanged: dict[str, list[set[str]]]) -> bool:
    if finding.kind != "implausible point":
        return False
    return any(pair.issuperset(finding.symbols) for pair in exchanged.get(finding.images[0], ()))


def _unlikely(shapes: Shapes, believed: np.ndarray) -> list[tuple[str, tuple[str, str]]]:
    """The image, and the pair whose exchange gains most, where that is enough."""
    symbols = shapes.model.symbols
    known = [pair for pair in _LIKELY_SWAPS if pair[0] in symbols and pair[1] in symbols]
    if not known:
        return []
    gains = _gains(shapes, believed, [(symbols.index(a), symbols.index(b)) for a, b in known])
    found = np.flatnonzero(gains.max(axis=1) > _EXCHANGED)
    return [(shapes.films[i].image_id, known[int(gains[i].argmax())]) for i in found]


def _gains(shapes: Shapes, believed: np.ndarray, pairs: list[tuple[int, int]]) -> np.ndarray:
    """[N, pairs]: what each exchange gains in squared standard deviations of the set's habit; 0 where the two lie together."""
    points = shapes.points_mm
    gains = shapes.model.gains(points, believed, pairs)
    distances = np.stack([np.linalg.norm(points[:, a] - points[:, b], axis=1) for a, b in pairs], axis=1)
    apart = distances > _LEAST_APART_MM  # false for NaN
    for i, p in np.argwhere(apart & np.isnan(gains)):
        with_both = believed[i].copy()
        with_both[list(pairs[p])] = True
        gains[i, p] = shapes.model.gains(points[i : i + 1], with_both[None], [pairs[p]])[0, 0]
    habit = np.array([(shapes.core_habit[list(pair)] ** 2).max() for pair in pairs])
    return np.where(apart, gains / habit, 0.0)


def _contradictions(shapes: list[Shapes], found: dict[tuple[str, tuple[str, str]], str]) -> None:
    """Pairs that one reader has where the other has them the other way round: one of the two is wrong."""
    first, second = (dict(zip((e.image_id for e in s.films), s.points_mm, strict=True)) for s in shapes)
    names = sorted(first.keys() & second.keys())
    if not names:
        return
    symbols = shapes[0].model.symbols
    one, other = (np.stack([points[name] for name in names]) for points in (first, second))
    squared = ((one - other) ** 2).sum(axis=2)
    for pair in _LIKELY_SWAPS:
        if not set(pair) <= set(symbols):
            continue
        a, b = (symbols.index(symbol) for symbol in pair)
        # variance of the readers' difference along one axis, by the median of its squared length
        noise = [max(float(np.nanmedian(squared[:, k])) / (2 * np.log(2)), 0.25) if np.isfinite(squared[:, k]).any() else 1.0
                 for k in (a, b)]  # fmt: skip
        now = squared[:, a] / noise[0] + squared[:, b] / noise[1]
        crossed = [((one[:, x] - other[:, y]) ** 2).sum(axis=1) for x, y in ((b, a), (a, b))]
        then = crossed[0] / noise[0] + crossed[1] / noise[1]
        apart = np.minimum(*(np.linalg.norm(p[:, a] - p[:, b], axis=1) for p in (one, other)))
        for i in np.flatnonzero((now - then > _CONTRADICTED) & (then < now / 3) & (apart > _LEAST_APART_MM)):
            found[names[i], pair] = " by one of the readers: they have them the other way round"
