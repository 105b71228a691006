"""Two evaluations of the same images, paired: which is better, by how much, and is it more than chance."""

import csv
import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from landmarks.evaluation.figures import Interval
from landmarks.evaluation.files import evaluation_home
from landmarks.metrics import SDR_RADII_MM, format_figure, format_table
from landmarks.statistics import holm, interval_pair, ratio_intervals, resample_weights, signed_rank

# What must be alike for two errors to be comparable, and why.
_SAME = {
    "format": "the data differ",
    "split": "the images differ",
    "ground_truth": "the truth differs",
}
_MOVED = 5  # images named as those that moved most, each way
# Predictions are written with 4 decimals, so the same truth can differ by a rounding.
_ROUNDING = 2e-4


class ComparisonError(ValueError):
    """Two evaluations that cannot be compared; the message says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One evaluation as its folder tells it: rows by (image, symbol)."""

    name: str
    protocol: dict
    rows: dict[tuple[str, str], tuple[float, float, float, float]]
    """(x_true, y_true, error_px, error_mm); NaN where unknown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SdrChange:
    """Percentage points."""

    difference: float
    interval: Interval


@dataclass(frozen=True, kw_only=True, slots=True)
class LandmarkChange:
    mre: tuple[float | None, float | None]
    difference: float | None
    interval: Interval
    p_value: float
    p_holm: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Paired figures over the images and landmarks that two evaluations share; negative: the second is better."""

    unit: str
    num_images: int
    num_points: int
    mre: tuple[float | None, float | None]
    difference: float | None
    interval: Interval
    p_value: float
    sdr: dict[float, SdrChange]
    """By the radius in mm; empty without pixel sizes."""
    landmarks: dict[str, LandmarkChange]
    improved_most: list[tuple[str, float]]
    """(image, change of its MRE)."""
    worsened_most: list[tuple[str, float]]
    first: str
    second: str
    protocols: dict[str, dict]
    images_left_out: tuple[int, int]
    differing_settings: list[str]


def read_run(path: Path, split: str | None) -> Run:
    """An evaluation folder, a run folder with one evaluation (or the one of `split`), or such a run's model file.

    Raises: ComparisonError naming what is missing or broken.
    """
    folder = _evaluation_folder(path, split)
    try:
        protocol = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["protocol"]
        with (folder / "predictions.csv").open(newline="", encoding="utf-8") as file:
            rows = {
                (row["image"], row["symbol"]): tuple(
                    float(row[key] or "nan") for key in ("x_true", "y_true", "error_px", "error_mm")
                )
                for row in csv.DictReader(file)
            }
    except (OSError, KeyError, TypeError, ValueError, csv.Error) as error:
        raise ComparisonError(
            f"{folder}: not an evaluation ({type(error).__name__}: {error}); run tools/eval.py again"
        ) from error
    return Run(name=str(path), protocol=protocol, rows=rows)


def _evaluation_folder(path: Path, split: str | None) -> Path:
    if path.is_file():
        path = evaluation_home(path)
    if (path / "predictions.csv").is_file():
        return path
    found = sorted(p.parent for p in path.glob("evaluation_*/predictions.csv"))
    if split:
        found = [folder for folder in found if folder.name == f"evaluation_{split}"]
    if not found:
        raise ComparisonError(f"{path}: no evaluation here; run tools/eval.py on its checkpoint first")
    if len(found) > 1:
        names = ", ".join(folder.name.removeprefix("evaluation_") for folder in found)
        raise ComparisonError(f"{path}: several evaluations ({names}); choose one with --split")
    return found[0]


def compare(first: Run, second: Run) -> Comparison:
    """Paired figures over the images and landmarks that both have; a negative difference: the second is better.

    Raises: ComparisonError where the protocols or the truths differ.
    """
    for key, why in _SAME.items():
        a, b = first.protocol.get(key), second.protocol.get(key)
        if a != b:
            raise ComparisonError(f"not comparable, {why}: {key} is {a} in {first.name} and {b} in {second.name}")
    common = [key for key in first.rows if key in second.rows]
    if not common:
        raise ComparisonError(f"not comparable: {first.name} and {second.name} share no image and landmark")
    images, symbols, tables = _tables(first, second, common)
    _check_truth(tables, images, symbols, (first.name, second.name))
    in_mm = bool(np.isfinite(tables[..., 3]).any())
    errors = tables[..., 3 if in_mm else 2]
    errors[:, ~np.isfinite(errors).all(axis=0)] = np.nan
    return Comparison(
        **_figures(errors, images, symbols, in_mm),
        landmarks=_by_landmark(errors, symbols),
        first=first.name,
        second=second.name,
        protocols={"first": first.protocol, "second": second.protocol},
        images_left_out=tuple(len({image for image, _ in run.rows}) - len(images) for run in (first, second)),
        differing_settings=_differing(first.protocol, second.protocol),
    )


def _tables(first: Run, second: Run, common: list[tuple[str, str]]) -> tuple[list[str], list[str], np.ndarray]:
    """Images, symbols, and both runs' rows [2, N, K, 4]."""
    images, symbols = ({name: i for i, name in enumerate(dict.fromkeys(key[part] for key in common))} for part in (0, 1))
    tables = np.full((2, len(images), len(symbols), 4), np.nan)
    rows, columns = [images[image] for image, _ in common], [symbols[symbol] for _, symbol in common]
    for table, run in zip(tables, (first, second), strict=True):
        table[rows, columns] = [run.rows[key] for key in common]
    return list(images), list(symbols), tables


def _check_truth(tables: np.ndarray, images: list[str], symbols: list[str], names: tuple[str, str]) -> None:
    apart = np.abs(tables[0, ..., :2] - tables[1, ..., :2]).max(axis=-1)
    one_sided = np.isfinite(tables[0, ..., 0]) != np.isfinite(tables[1, ..., 0])
    bad = np.argwhere((apart > _ROUNDING) | one_sided)
    if len(bad):
        i, k = bad[0]
        raise ComparisonError(
            f"not comparable, the truth differs: {symbols[k]} of image {images[i]} lies elsewhere in {names[0]} than in "
            f"{names[1]} ({len(bad)} points in all)"
        )
    if (np.isfinite(tables[0, ..., 3]).any()) != (np.isfinite(tables[1, ..., 3]).any()) or _scale_differs(tables):
        raise ComparisonError(f"not comparable, the pixel sizes differ between {names[0]} and {names[1]}")


def _scale_differs(tables: np.ndarray) -> bool:
    """Whether any image's millimetres a pixel differ by over 1 %; oblong pixels make a range of them in one image."""
    # errors under two pixels are written too coarsely to tell the pixel size
    known = (tables[..., 2] > 2) & np.isfinite(tables[..., 3])
    scales = np.where(known, tables[..., 3] / np.where(known, tables[..., 2], 1), np.nan)
    low, high = np.where(known, scales, np.inf).min(axis=2), np.where(known, scales, -np.inf).max(axis=2)
    both = known.any(axis=2).all(axis=0)
    return bool(((low[0] > 1.01 * high[1]) | (low[1] > 1.01 * high[0]))[both].any())


def _figures(errors: np.ndarray, images: list[str], symbols: list[str], in_mm: bool) -> dict:
    """The figures of `Comparison` over all landmarks."""
    change = errors[1] - errors[0]
    known = np.isfinite(change)
    sums = [np.nansum(change, axis=1)]
    for radius in SDR_RADII_MM if in_mm else ():
        sums.append(np.where(known, (errors[1] <= radius) * 1.0 - (errors[0] <= radius), 0).sum(axis=1))
    counts = known.sum(axis=1).astype(float)
    counted = np.repeat(counts[:, None], len(sums), axis=1)
    limits = ratio_intervals(np.stack(sums, axis=1), counted, resample_weights(len(images)))
    per_image = np.where(counts > 0, sums[0] / np.maximum(counts, 1), np.nan)
    order = [int(i) for i in np.argsort(per_image) if np.isfinite(per_image[i])]
    total = max(counts.sum(), 1)
    return {
        "unit": "mm" if in_mm else "px",
        "num_images": int((counts > 0).sum()),
        "num_points": int(counts.sum()),
        "mre": (_mean(errors[0]), _mean(errors[1])),
        "difference": _mean(change),
        "interval": interval_pair(limits[0]),
        "p_value": signed_rank(per_image),
        "sdr": {
            radius: SdrChange(difference=100 * float(s.sum() / total), interval=interval_pair(100 * limit))
            for radius, s, limit in zip(SDR_RADII_MM, sums[1:], limits[1:], strict=False)
        },
        "improved_most": [(images[i], float(per_image[i])) for i in order[:_MOVED] if per_image[i] < 0],
        "worsened_most": [(images[i], float(per_image[i])) for i in order[::-1][:_MOVED] if per_image[i] > 0],
    }


def _by_landmark(errors: np.ndarray, symbols: list[str]) -> dict[str, LandmarkChange]:
    change = errors[1] - errors[0]
    weights = resample_weights(errors.shape[1])
    limits = ratio_intervals(np.nan_to_num(change), np.isfinite(change).astype(float), weights)
    p_values = np.array([signed_rank(change[:, k]) for k in range(len(symbols))])
    return {
        symbol: LandmarkChange(
            mre=(_mean(errors[0, :, k]), _mean(errors[1, :, k])),
            difference=_mean(change[:, k]),
            interval=interval_pair(limits[k]),
            p_value=float(p_values[k]),
            p_holm=float(corrected),
        )
        for k, (symbol, corrected) in enumerate(zip(symbols, holm(p_values), strict=True))
    }


def _differing(first: dict, second: dict) -> list[str]:
    shown = ("image_size", "decoder", "precision", "exclude", "landmarks")
    return [key for key in shown if first.get(key) != second.get(key)]


def verdict(figures: Comparison) -> str:
    """One honest line: better, worse, or no difference that these images can show."""
    unit, limits = figures.unit, figures.interval
    if figures.difference is None:
        return "no point has an error in both"
    numbers = f"MRE {format_figure(figures.mre[0], 3)} -> {format_figure(figures.mre[1], 3)} {unit}, "
    numbers += f"difference {figures.difference:+.3f}"
    numbers += f" [{limits[0]:+.3f}, {limits[1]:+.3f}]" if limits else " (too few images for an interval)"
    numbers += f", Wilcoxon p {_equal(figures.p_value)} over {figures.num_images} images"
    if limits and limits[1] < 0:
        words = "the second is better"
    elif limits and limits[0] > 0:
        words = "the second is worse"
    else:
        words = "no difference that these images can show"
    if limits and (limits[0] > 0 or limits[1] < 0) and figures.p_value > 0.05:
        words += ", though the rank test does not agree: a few images carry it"
    return f"{words}: {numbers}"


def comparison_text(figures: Comparison) -> str:
    """The whole comparison as text, the verdict first."""
    lines = [f"A {figures.first}", f"B {figures.second}", "", verdict(figures), ""]
    if any(figures.images_left_out):
        lines.append("left out, not in both: {} images of A, {} of B".format(*figures.images_left_out))
    if figures.differing_settings:
        lines.append(f"settings that differ: {', '.join(figures.differing_settings)}")
    for radius, part in figures.sdr.items():
        limits = part.interval
        between = f" [{limits[0]:+.1f}, {limits[1]:+.1f}]" if limits else ""
        lines.append(f"SDR at {radius} mm: {part.difference:+.1f} percentage points{between}")
    rows = []
    for symbol, part in figures.landmarks.items():
        limits = part.interval
        between = f"[{limits[0]:+.2f}, {limits[1]:+.2f}]" if limits else "-"
        mark = "*" if part.p_holm < 0.05 else ""
        means = [format_figure(value) for value in part.mre]
        change = "-" if part.difference is None else f"{part.difference:+.2f}"
        rows.append([symbol, *means, change, between, _p(part.p_value), _p(part.p_holm) + mark])
    lines += ["", format_table(["", "MRE A", "MRE B", "B - A", "95 % interval", "p", "p (Holm)"], rows), ""]
    for words, cases in (("better in B", figures.improved_most), ("worse in B", figures.worsened_most)):
        moved = ", ".join(f"{image} {change:+.2f}" for image, change in cases)
        lines.append(f"moved most, {words} ({figures.unit}): {moved or 'none'}")
    return "\n".join(lines)


def _equal(value: float) -> str:
    text = _p(value)
    return text if text.startswith("<") else f"= {text}"


def _p(value: float) -> str:
    return "-" if math.isnan(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"


def _mean(values: np.ndarray) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else None
