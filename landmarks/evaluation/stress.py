"""A split under corruptions of a fixed seed: how a model holds on films that it was not made for.

Films are changed as the network sees them, after letterboxing, so that a strength means the same for every data set.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from landmarks.config import Config
from landmarks.data import degrade, objects
from landmarks.data.loading import open_dataset
from landmarks.distributed import merge_rows, rank_info
from landmarks.evaluation.evaluate import pixel_sizes, report_unreadable, true_points
from landmarks.evaluation.split import common_landmarks
from landmarks.geometry import around_centre, compose, invert
from landmarks.images import warp
from landmarks.inference.predictor import Predictor

STRENGTHS = (1 / 3, 2 / 3, 1.0)
# A point further off than this is placed in another part of the head.
GROSS_MM = 10.0
_SEED = 2015
_BATCH = 8
_SDR_MM = 2.0


def _turn(strength: float, size: tuple[int, int]) -> np.ndarray:
    return around_centre(size, degrees=30 * strength, scale=(0.85, 0.85))


def _scale(strength: float, size: tuple[int, int]) -> np.ndarray:
    return around_centre(size, scale=(1 - 0.45 * strength,) * 2)


def _mirror(strength: float, size: tuple[int, int]) -> np.ndarray:
    return around_centre(size, degrees=10 * (strength - STRENGTHS[0]), flip=True)


# Changes of gray values, and maps input px -> input px.
CHANGES: dict[str, Callable] = {
    "tone": degrade.tone,
    "local contrast": degrade.flatten,
    "negative": degrade.negative,
    "fine noise": degrade.grain,
    "coarse noise": degrade.mottle,
    "blur": degrade.blur,
    "low resolution": degrade.resample,
    "JPEG": degrade.jpeg,
    "stripes": degrade.stripes,
    "dead lines": degrade.dead_lines,
    "collimation": degrade.collimate,
    "covered parts": degrade.cover,
    "ruler": objects.ruler,
    "head holder": objects.holder,
    "text": objects.text,
    "brackets and crowns": objects.metal,
}
MAPS: dict[str, Callable] = {"rotation": _turn, "small head": _scale, "mirrored": _mirror}


@dataclass(frozen=True, kw_only=True, slots=True)
class StressRow:
    """One corruption at one strength, over all films."""

    corruption: str
    strength: float
    mre: float | None
    """In the unit of the figures."""
    gross_percent: float | None
    """Points over 10 mm off; None without pixel sizes."""
    sdr: float | None
    """Points within 2 mm, percent."""
    coverage: float | None
    """Points within their error radius, percent; None where the model has no radii."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StressFigures:
    """All corruptions at three strengths, and their mean."""

    num_images: int
    seed: int
    unit: str
    clean: StressRow
    mean: StressRow
    rows: tuple[StressRow, ...]


def stress_split(predictor: Predictor, config: Config, split: str, *, most: int) -> StressFigures:
    """Predicts at most `most` films of a split, evenly chosen, under every corruption at three strengths.

    The network reads what it is given: no other view of a film is tried. Several processes share the films.
    Raises: DataError where the data cannot be used or shares no landmark with the model.
    """
    records, dataset = open_dataset(config.data, split, augment=None, seed=config.train.seed)
    columns, records = common_landmarks(predictor.landmarks, records)
    chosen = np.unique(np.linspace(0, len(dataset) - 1, min(most, len(dataset))).astype(int))
    names = [("clean", 0.0), *((name, strength) for name in (*CHANGES, *MAPS) for strength in STRENGTHS)]
    found = np.full((len(chosen), len(names), len(columns), 3), np.nan)
    for row in range(rank_info().rank, len(chosen), rank_info().size):
        index = int(chosen[row])
        sample = dataset[(0, index)]
        if sample.error:
            report_unreadable(config.data, sample.error)
            continue
        image_id = records.records[index].image_id
        found[row] = _predict_film(predictor, sample.image[0].numpy(), sample.to_source.numpy(), image_id, names)[:, columns]
    found = merge_rows(torch.from_numpy(found)).numpy()
    return _figures(names, found, true_points(records)[chosen], pixel_sizes(records)[chosen])


def corrupted(image: np.ndarray, name: str, strength: float, image_id: str) -> tuple[np.ndarray, np.ndarray]:
    """A film uint8 [H, W] under one corruption, the same for everyone, and the map of its pixels to the image's [2, 3]."""
    if name in MAPS:
        moved = MAPS[name](strength, image.shape)
        return warp(image, moved, image.shape), invert(moved)
    if name not in CHANGES:
        return image, np.eye(2, 3)
    rng = np.random.default_rng([_SEED, zlib.crc32(f"{name} {strength:.2f} {image_id}".encode("utf-8", "surrogateescape"))])
    return CHANGES[name](image, strength, rng), np.eye(2, 3)


def _predict_film(
    predictor: Predictor, image: np.ndarray, to_source: np.ndarray, image_id: str, names: list[tuple[str, float]]
) -> np.ndarray:
    """[corruptions, K, 3]: x and y in source px, and the error radius there, NaN without radii."""
    found = []
    for start in range(0, len(names), _BATCH):
        films, maps = zip(*(corrupted(image, *name, image_id) for name in names[start : start + _BATCH]), strict=True)
        prediction = predictor.predict(np.stack(films)[:, None], np.stack([compose(to_source, back) for back in maps]))
        radii = predictor.radii_px(prediction)
        radii = np.full(prediction.peaks.shape, np.nan) if radii is None else radii
        found.append(np.concatenate([prediction.points_px, radii[..., None]], axis=2))
    return np.concatenate(found)


def _figures(names: list[tuple[str, float]], found: np.ndarray, true_px: np.ndarray, sizes: np.ndarray) -> StressFigures:
    """Of points and radii [N, corruptions, K, 3]."""
    difference = found[..., :2] - true_px[:, None]
    error_px = np.linalg.norm(difference, axis=3)
    error_mm = np.linalg.norm(difference * sizes[:, None, None], axis=3)
    in_mm = bool(np.isfinite(error_mm).any())
    rows = [_row(*name, error_px[:, c], error_mm[:, c] if in_mm else None, found[:, c, :, 2]) for c, name in enumerate(names)]
    clean, *rows = rows
    mean = StressRow(
        corruption="mean",
        strength=float(np.mean(STRENGTHS)),
        **{part: _mean([getattr(row, part) for row in rows]) for part in ("mre", "gross_percent", "sdr", "coverage")},
    )
    num = int(np.isfinite(found[:, 0, :, 0]).any(axis=1).sum())
    return StressFigures(num_images=num, seed=_SEED, unit="mm" if in_mm else "px", clean=clean, mean=mean, rows=tuple(rows))


def _row(name: str, strength: float, error_px: np.ndarray, error_mm: np.ndarray | None, radii: np.ndarray) -> StressRow:
    known = np.isfinite(error_px)
    judged = known & ~np.isnan(radii)
    mm = None if error_mm is None else error_mm[np.isfinite(error_mm)]
    return StressRow(
        corruption=name,
        strength=strength,
        mre=_mean(list(error_px[known] if mm is None else mm)),
        gross_percent=None if mm is None or not mm.size else 100 * float((mm > GROSS_MM).mean()),
        sdr=None if mm is None or not mm.size else 100 * float((mm <= _SDR_MM).mean()),
        coverage=100 * float((error_px <= radii)[judged].mean()) if judged.any() else None,
    )


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
