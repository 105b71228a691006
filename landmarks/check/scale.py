"""Whether millimetres can be true: each device's S-N length against that of real heads."""

from collections import Counter
from dataclasses import asdict, dataclass

import numpy as np

from landmarks.check.align import Shapes
from landmarks.formats.survey import Film, Survey
from landmarks.sella_nasion import SN_NORM_MM, judge_sn

_NORM_SOURCE = "72.0 mm, median of 255 Aariz annotations (ART Plus)"
# a head this much larger or smaller than its device's others, as a share
_OUTLIER = 0.3


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceScale:
    """One device's images and what their scale looks like."""

    device: str
    num_images: int
    sizes: str
    """Image sizes as width x height, the most frequent first."""
    pixel_sizes: str
    """mm, as the data set gives them."""
    sn_px: float | None
    """Median length Sella to Nasion."""
    sn_mm: float | None
    verdict: str
    """plausible, doubtful, impossible or unknown, as `judge_sn` has it."""


def check_scale(survey: Survey, shapes: list[Shapes]) -> list[DeviceScale]:
    """One row a device; reports devices and single images whose pixel size contradicts anatomy."""
    by_device: dict[str, list[Film]] = {}
    for film in survey.films:
        by_device.setdefault(film.device, []).append(film)
    rows = [_device(survey, device, by_device[device]) for device in sorted(by_device)]
    _single_images(survey, shapes)
    return rows


def scale_table(rows: list[DeviceScale]) -> list[list[str]]:
    """Header and rows of words."""
    header = ["device", "images", "size px", "pixel size mm", "S-N px", "S-N mm", "scale"]
    table = [header]
    for row in rows:
        lengths = ["-" if value is None else f"{value:.1f}" for value in (row.sn_px, row.sn_mm)]
        table.append([row.device, str(row.num_images), row.sizes, row.pixel_sizes, *lengths, _words(row)])
    return table


def _device(survey: Survey, device: str, films: list[Film]) -> DeviceScale:
    lengths = np.array([_sn(survey, film) for film in films]).reshape(-1, 2)
    px, mm = (float(np.nanmedian(c)) if np.isfinite(c).any() else None for c in lengths.T)
    num = int(np.isfinite(lengths[:, 1]).sum())
    verdict = judge_sn(mm, num)
    if verdict in ("doubtful", "impossible"):
        line = f"{device}: median S-N {mm:.1f} mm over {num} images at the given pixel size; norm {_NORM_SOURCE}"
        why = "unusual heads, or a wrong pixel size" if verdict == "doubtful" else "a wrong pixel size"
        survey.add(f"scale {verdict}", f"{line}; {mm / SN_NORM_MM:.2f} times the norm: {why}")
    return DeviceScale(
        device=device,
        num_images=len(films),
        sizes=_some([f"{e.size[1]}x{e.size[0]}" for e in films if e.size]),
        pixel_sizes=_some([f"{(e.pixel_size[0] * e.pixel_size[1]) ** 0.5:.4g}" for e in films if e.pixel_size]),
        sn_px=px,
        sn_mm=mm,
        verdict=verdict,
    )


def _words(row: DeviceScale) -> str:
    if row.sn_mm is None:
        return f"{row.verdict} (no S, N or pixel size)"
    return row.verdict if row.verdict == "plausible" else f"{row.verdict}: {row.sn_mm / SN_NORM_MM:.2f} times the norm"


def _sn(survey: Survey, film: Film) -> tuple[float, float]:
    """Length Sella to Nasion by the mean of the readers, in px and mm; NaN where it is not known."""
    symbols = survey.landmarks.symbols
    if not {"S", "N"} <= set(symbols) or not film.readers:
        return np.nan, np.nan
    between = [p[symbols.index("N")] - p[symbols.index("S")] for p in film.readers.values()]
    between = [b for b in between if np.isfinite(b).all()]
    if not between:
        return np.nan, np.nan
    mean = np.mean(between, axis=0)
    mm = np.hypot(*(mean * film.pixel_size)) if film.pixel_size else np.nan
    return float(np.hypot(*mean)), float(mm)


def _single_images(survey: Survey, shapes: list[Shapes]) -> None:
    """Images whose head is another size than their device's other heads, by all landmarks: mixed pixel sizes."""
    sizes: dict[str, list[float]] = {}
    for one in shapes:
        for film, scale in zip(one.films, one.mm_per_px, strict=True):
            if film.pixel_size:
                sizes.setdefault(film.image_id, []).append(float(np.mean(film.pixel_size) / scale))
    by_device: dict[str, dict[str, float]] = {}
    for film in survey.films:
        if film.image_id in sizes:
            by_device.setdefault(film.device, {})[film.image_id] = float(np.mean(sizes[film.image_id]))
    for device, heads in by_device.items():
        if len(heads) < 5:
            continue
        usual = float(np.median(list(heads.values())))
        for image_id, head in heads.items():
            if abs(head / usual - 1) > _OUTLIER:
                line = f"{image_id}: its head is {head / usual:.2f} times as large as {device}'s others"
                survey.add("pixel size differs", f"{line}; is its pixel size right?", image_id)


def _some(words: list[str], most: int = 3) -> str:
    counts = Counter(words)
    names = sorted(counts, key=lambda word: (-counts[word], word))
    if not names:
        return "-"
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def scale_to_dict(rows: list[DeviceScale]) -> list[dict]:
    return [asdict(row) for row in rows]
