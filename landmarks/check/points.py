"""Landmarks that cannot be right: outside the image, far from the other reader's, or where no head has them."""

import numpy as np

from landmarks.check.align import ENOUGH, FAR_OUT, FAR_OUT_MM, Shapes, align_all, believable
from landmarks.check.swaps import find_exchanged
from landmarks.formats.survey import Film, Survey
from landmarks.geometry import inside

# Two readers who put a landmark this near each other agree.
_AGREED_MM = 5.0
_READERS_APART, _READERS_APART_MM = 8.0, 8.0
_SAME_SHARE = 0.8


def check_points(survey: Survey) -> list[Shapes]:
    """Reports suspicious landmarks. Returns each reader's aligned shapes, none where the model knows too few landmarks."""
    _common_gaps(survey)
    for film in survey.films:
        for reader, points in film.readers.items():
            _outside(survey, film, reader, points)
    names = sorted({reader for film in survey.films for reader in film.readers})
    shapes = [s for reader in names if (s := align_all(survey, reader)) is not None]
    judged = [believable(one) for one in shapes]
    _implausible(survey, shapes, judged)
    find_exchanged(survey, shapes, [kept for kept, _, _ in judged])
    if len(names) == 2:
        _two_readers(survey, names, shapes)
    return shapes


def _common_gaps(survey: Survey) -> None:
    """A landmark that (nearly) no file has is one finding, not one for each image."""
    symbols, num = survey.landmarks.symbols, len(survey.films)
    gaps = [f for f in survey.findings if f.kind == "missing point"]
    without = {s: {f.images[0] for f in gaps if s in f.symbols} for s in symbols}
    common = {s for s in symbols if len(without[s]) > max(2, num // 2)}
    for symbol in sorted(common):
        survey.add("landmark missing", f"{symbol}: not annotated in {len(without[symbol])} of {num} images", symbols=(symbol,))
    survey.findings = [f for f in survey.findings if f.kind != "missing point" or not common.issuperset(f.symbols)]


def _outside(survey: Survey, film: Film, reader: str, points: np.ndarray) -> None:
    if film.size is None:
        return
    outside = np.isfinite(points).all(axis=1) & ~inside(points, film.size)
    for k in np.flatnonzero(outside):
        symbol, (x, y) = survey.landmarks.symbols[k], points[k]
        size = f"{film.size[1]} x {film.size[0]} px"
        line = f"{film.image_id}: {symbol} at ({x:g}, {y:g}) outside the image of {size}{_of(reader)}"
        survey.add("point outside", line, film.image_id, symbols=(symbol,))


def _implausible(survey: Survey, shapes: list[Shapes], judged: list[list[tuple]]) -> None:
    """A landmark that is far out for every reader who put it at that place: two readers who agree saw something."""
    far: dict[tuple[str, str], dict[str, float]] = {}
    for one, (kept, deviation, size) in zip(shapes, judged, strict=True):
        off = np.linalg.norm(deviation, axis=2)
        for i, k in np.argwhere(~kept & (size > FAR_OUT) & (off > FAR_OUT_MM)):
            far.setdefault((one.films[i].image_id, one.model.symbols[k]), {})[one.reader] = float(off[i, k])
    # in mm but not aligned: alignment differs from reader to reader
    places = {(e.image_id, one.reader): e.readers[one.reader][one.columns] * scale
              for one in shapes for e, scale in zip(one.films, one.mm_per_px, strict=True)}  # fmt: skip
    for (image_id, symbol), found in far.items():
        k = shapes[0].model.symbols.index(symbol)
        spots = {one.reader: places[image_id, one.reader][k] for one in shapes if (image_id, one.reader) in places}
        others = [spot for reader, spot in spots.items() if reader not in found]
        if any(np.linalg.norm(spot - spots[reader]) < _AGREED_MM for spot in others for reader in found):
            continue
        words = ", ".join(f"{off:.0f} mm{_of(reader)}" for reader, off in found.items())
        line = f"{image_id}: {symbol} is {words} from where the other landmarks put it"
        survey.add("implausible point", line, image_id, symbols=(symbol,))


def _two_readers(survey: Survey, names: list[str], shapes: list[Shapes]) -> None:
    first, second = names
    both = [e for e in survey.films if first in e.readers and second in e.readers]
    if not both:
        return
    symbols = survey.landmarks.symbols
    apart = np.stack([e.readers[first] - e.readers[second] for e in both])
    same = (apart == 0).all(axis=2)
    seen = np.isfinite(apart).all(axis=2)
    share = np.array([s[v].mean() if v.any() else 0.0 for s, v in zip(same, seen, strict=True)])
    alike = share >= _SAME_SHARE
    if alike.mean() > 0.5:
        survey.add("identical readers", f"the two readers' files are (nearly) the same in {alike.sum()} of {len(both)} images")
    else:
        for i in np.flatnonzero(alike):
            count = f"{same[i].sum()} of {seen[i].sum()}"
            survey.add("identical readers", f"{both[i].image_id}: {count} points the same by both readers", both[i].image_id)
        often = np.array([same[v, k].mean() if (v := seen[:, k] & ~alike).any() else 0.0 for k in range(len(symbols))])
        usual = float(np.median(often))
        for k in np.flatnonzero((often > 0.2) & (often > 3 * usual + 0.1)):
            line = f"{symbols[k]}: {often[k]:.0%} of the readings are identical (median landmark {usual:.0%}): not independent"
            survey.add("identical readings", line, symbols=(symbols[k],))
    scale = {e.image_id: s for one in shapes for e, s in zip(one.films, one.mm_per_px, strict=True)}
    mm = np.array([scale.get(e.image_id, np.mean(e.pixel_size) if e.pixel_size else np.nan) for e in both])
    apart_mm = apart[~alike] * mm[~alike, None, None]
    if not np.isfinite(apart_mm).any():
        return
    _far_apart(survey, [e for e, a in zip(both, alike, strict=True) if not a], apart_mm, (first, second))


def _far_apart(survey: Survey, films: list[Film], apart_mm: np.ndarray, names: tuple[str, str]) -> None:
    seen = np.isfinite(apart_mm).any(axis=(0, 2))
    usual = np.zeros(apart_mm.shape[1:])
    if len(films) >= ENOUGH:
        usual[seen] = np.nanmedian(apart_mm[:, seen], axis=0)
    off = np.linalg.norm(apart_mm - usual, axis=2)
    spread = np.ones(off.shape[1])
    if len(films) >= ENOUGH:
        spread[seen] = np.maximum(np.nanmedian(off[:, seen], axis=0) / 1.18, 0.3)
    swapped = {(f.images[0], s) for f in survey.findings if f.kind == "likely swap" for s in f.symbols}
    for i, k in np.argwhere((off > _READERS_APART_MM) & (off > _READERS_APART * spread)):
        symbol, image_id = survey.landmarks.symbols[k], films[i].image_id
        if (image_id, symbol) in swapped:
            continue
        far = float(np.linalg.norm(apart_mm[i, k]))
        line = f"{image_id}: {symbol} of the {names[0]} and the {names[1]} reader {far:.0f} mm apart"
        survey.add("readers apart", line, image_id, symbols=(symbol,))


def _of(reader: str) -> str:
    return "" if reader == "truth" else f" ({reader})"
