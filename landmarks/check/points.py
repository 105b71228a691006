"""Landmarks that cannot be right: outside the image, far from the other reader's, or where no head has them."""

import numpy as np

from landmarks.check.align import ENOUGH, FAR_OUT, FAR_OUT_MM, Shapes, align_all, believable
from landmarks.check.inventory import Entry, Inventory
from landmarks.check.swaps import find_exchanged
from landmarks.geometry import inside

# Two readers who put a landmark this near each other agree.
_AGREED_MM = 5.0
_READERS_APART, _READERS_APART_MM = 8.0, 8.0
_SAME_SHARE = 0.8


def check_points(inventory: Inventory) -> list[Shapes]:
    """Reports suspicious landmarks. Returns each reader's aligned shapes, none where the model knows too few landmarks."""
    _common_gaps(inventory)
    for entry in inventory.entries:
        for reader, points in entry.readers.items():
            _outside(inventory, entry, reader, points)
    names = sorted({reader for entry in inventory.entries for reader in entry.readers})
    shapes = [s for reader in names if (s := align_all(inventory, reader)) is not None]
    judged = [[believable(one, points) for points in one.points_mm] for one in shapes]
    _implausible(inventory, shapes, judged)
    find_exchanged(inventory, shapes, [[kept for kept, _, _ in found] for found in judged])
    if len(names) == 2:
        _two_readers(inventory, names, shapes)
    return shapes


def _common_gaps(inventory: Inventory) -> None:
    """A landmark that (nearly) no file has is one finding, not one for each image."""
    symbols, num = inventory.landmarks.symbols, len(inventory.entries)
    gaps = [f for f in inventory.findings if f.kind == "missing point"]
    without = {s: {f.images[0] for f in gaps if s in f.symbols} for s in symbols}
    common = {s for s in symbols if len(without[s]) > max(2, num // 2)}
    for symbol in sorted(common):
        inventory.add(
            "landmark missing", f"{symbol}: not annotated in {len(without[symbol])} of {num} images", symbols=(symbol,)
        )
    inventory.findings = [f for f in inventory.findings if f.kind != "missing point" or not common.issuperset(f.symbols)]


def _outside(inventory: Inventory, entry: Entry, reader: str, points: np.ndarray) -> None:
    if entry.size is None:
        return
    outside = np.isfinite(points).all(axis=1) & ~inside(points, entry.size)
    for k in np.flatnonzero(outside):
        symbol, (x, y) = inventory.landmarks.symbols[k], points[k]
        size = f"{entry.size[1]} x {entry.size[0]} px"
        line = f"{entry.image_id}: {symbol} at ({x:g}, {y:g}) outside the image of {size}{_of(reader)}"
        inventory.add("point outside", line, entry.image_id, symbols=(symbol,))


def _implausible(inventory: Inventory, shapes: list[Shapes], judged: list[list[tuple]]) -> None:
    """A landmark that is far out for every reader who put it at that place: two readers who agree saw something."""
    far: dict[tuple[str, str], dict[str, float]] = {}
    for one, verdicts in zip(shapes, judged, strict=True):
        for entry, (kept, deviation, size) in zip(one.entries, verdicts, strict=True):
            for k in np.flatnonzero(~kept & np.isfinite(size)):
                off = float(np.linalg.norm(deviation[k]))
                if size[k] > FAR_OUT and off > FAR_OUT_MM:
                    far.setdefault((entry.image_id, one.model.symbols[k]), {})[one.reader] = off
    # in mm but not aligned: alignment differs from reader to reader
    places = {(e.image_id, one.reader): e.readers[one.reader][one.columns] * scale
              for one in shapes for e, scale in zip(one.entries, one.mm_per_px, strict=True)}  # fmt: skip
    for (image_id, symbol), found in far.items():
        k = shapes[0].model.symbols.index(symbol)
        spots = {one.reader: places[image_id, one.reader][k] for one in shapes if (image_id, one.reader) in places}
        others = [spot for reader, spot in spots.items() if reader not in found]
        if any(np.linalg.norm(spot - spots[reader]) < _AGREED_MM for spot in others for reader in found):
            continue
        words = ", ".join(f"{off:.0f} mm{_of(reader)}" for reader, off in found.items())
        line = f"{image_id}: {symbol} is {words} from where the other landmarks put it"
        inventory.add("implausible point", line, image_id, symbols=(symbol,))


def _two_readers(inventory: Inventory, names: list[str], shapes: list[Shapes]) -> None:
    first, second = names
    both = [e for e in inventory.entries if first in e.readers and second in e.readers]
    if not both:
        return
    symbols = inventory.landmarks.symbols
    apart = np.stack([e.readers[first] - e.readers[second] for e in both])
    same = (apart == 0).all(axis=2)
    seen = np.isfinite(apart).all(axis=2)
    share = np.array([s[v].mean() if v.any() else 0.0 for s, v in zip(same, seen, strict=True)])
    alike = share >= _SAME_SHARE
    if alike.mean() > 0.5:
        inventory.add(
            "identical readers", f"the two readers' files are (nearly) the same in {alike.sum()} of {len(both)} images"
        )
    else:
        for i in np.flatnonzero(alike):
            count = f"{same[i].sum()} of {seen[i].sum()}"
            inventory.add("identical readers", f"{both[i].image_id}: {count} points the same by both readers", both[i].image_id)
        often = np.array([same[v, k].mean() if (v := seen[:, k] & ~alike).any() else 0.0 for k in range(len(symbols))])
        usual = float(np.median(often))
        for k in np.flatnonzero((often > 0.2) & (often > 3 * usual + 0.1)):
            line = f"{symbols[k]}: {often[k]:.0%} of the readings are identical (median landmark {usual:.0%}): not independent"
            inventory.add("identical readings", line, symbols=(symbols[k],))
    scale = {e.image_id: s for one in shapes for e, s in zip(one.entries, one.mm_per_px, strict=True)}
    mm = np.array([scale.get(e.image_id, np.mean(e.pixel_size) if e.pixel_size else np.nan) for e in both])
    apart_mm = apart[~alike] * mm[~alike, None, None]
    if not np.isfinite(apart_mm).any():
        return
    _far_apart(inventory, [e for e, a in zip(both, alike, strict=True) if not a], apart_mm, (first, second))


def _far_apart(inventory: Inventory, entries: list[Entry], apart_mm: np.ndarray, names: tuple[str, str]) -> None:
    seen = np.isfinite(apart_mm).any(axis=(0, 2))
    usual = np.zeros(apart_mm.shape[1:])
    if len(entries) >= ENOUGH:
        usual[seen] = np.nanmedian(apart_mm[:, seen], axis=0)
    off = np.linalg.norm(apart_mm - usual, axis=2)
    spread = np.ones(off.shape[1])
    if len(entries) >= ENOUGH:
        spread[seen] = np.maximum(np.nanmedian(off[:, seen], axis=0) / 1.18, 0.3)
    swapped = {(f.images[0], s) for f in inventory.findings if f.kind == "likely swap" for s in f.symbols}
    for i, k in np.argwhere((off > _READERS_APART_MM) & (off > _READERS_APART * spread)):
        symbol, image_id = inventory.landmarks.symbols[k], entries[i].image_id
        if (image_id, symbol) in swapped:
            continue
        far = float(np.linalg.norm(apart_mm[i, k]))
        line = f"{image_id}: {symbol} of the {names[0]} and the {names[1]} reader {far:.0f} mm apart"
        inventory.add("readers apart", line, image_id, symbols=(symbol,))


def _of(reader: str) -> str:
    return "" if reader == "truth" else f" ({reader})"
