"""From the error radii of landmarks to the interval of anything that is computed from them.

Each film gets a set of plausible truths, points that may be the true ones; whatever is measured on all of them shows how
uncertain it is. With 30 or more calibration images the truths come from the errors that the model made there, each scaled
by its radius: so that correlated errors stay correlated. With fewer, errors count as independent, round and Gaussian.

Shapes: N films, K landmarks, R plausible truths, M measurements.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np

from landmarks.measurements import Measurement, difference, facing, measure

# Below this many calibration images their errors say too little about how the errors of landmarks are correlated.
ENOUGH_IMAGES = 30
# Plausible truths that are measured at once.
_BLOCK = 20_000


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorModel:
    """How the errors of landmarks are distributed, in units of their radii.

    Example:
        >>> ErrorModel(symbols=("S", "N"), coverage=0.9).learned
        False
    """

    symbols: tuple[str, ...]
    coverage: float
    """Probability with which a landmark lies within its radius; intervals hold with the same."""
    scaled: np.ndarray | None = None
    """[R, K, 2] (found - true) / radius of calibration images, of faces that look right; NaN where not annotated."""

    @property
    def learned(self) -> bool:
        return self.scaled is not None and len(self.scaled) >= ENOUGH_IMAGES

    def select(self, symbols: Sequence[str]) -> "ErrorModel":
        """The model of these landmarks in this order; NaN errors for those that it does not know."""
        if tuple(symbols) == self.symbols or self.scaled is None:
            return ErrorModel(symbols=tuple(symbols), coverage=self.coverage, scaled=self.scaled)
        scaled = np.full((len(self.scaled), len(symbols), 2), np.nan)
        for k, symbol in enumerate(symbols):
            if symbol in self.symbols:
                scaled[:, k] = self.scaled[:, self.symbols.index(symbol)]
        return ErrorModel(symbols=tuple(symbols), coverage=self.coverage, scaled=scaled)


def scaled_errors(
    found_px: np.ndarray, true_px: np.ndarray, radius_px: np.ndarray, symbols: Sequence[str], pixel_size: np.ndarray
) -> np.ndarray:
    """What an `ErrorModel` learns of calibration films: errors [N, K, 2] over their radii, of faces that look right."""
    factors = np.where(np.isfinite(pixel_size).all(axis=-1)[:, None], pixel_size, 1.0)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = (found_px - true_px) / radius_px[..., None]
    scaled[~np.isfinite(scaled).all(axis=-1)] = np.nan
    return scaled * _mirror(facing(found_px * factors, symbols))


def read_error_model(path: Path) -> ErrorModel | None:
    """The error model in a calibration.json; None where it was made without one. Raises: ValueError, not a calibration."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        symbols = tuple(content["landmarks"])
        if not content.get("scaled_errors"):
            return ErrorModel(symbols=symbols, coverage=float(content["coverage"]))
        scaled = np.array(content["scaled_errors"], dtype=float)
        return ErrorModel(symbols=symbols, coverage=float(content["coverage"]), scaled=scaled)
    except (json.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{path}: not a calibration ({type(error).__name__}); make it again with --calibrate") from error


def plausible_truths(
    points_px: np.ndarray, radius_px: np.ndarray, symbols: Sequence[str], looks: np.ndarray, model: ErrorModel
) -> np.ndarray:
    """Points [N, R, K, 2] that may be the true ones of each film.

    Args:
        points_px, radius_px: [N, K, 2] and [N, K] source px; a radius of 0 is a point that is certain.
        looks: [N] from `facing`.
    Without learned errors the R = 4 K sets move one landmark along one axis by one standard deviation, for `half_widths`.
    """
    if model.learned:
        errors = model.select(symbols).scaled[None] * np.where(np.isfinite(radius_px), radius_px, np.nan)[:, None, :, None]
        errors[np.broadcast_to((radius_px == 0)[:, None], errors.shape[:3])] = 0.0
        return points_px[:, None] - errors * _mirror(looks)[:, None]
    # of a round Gaussian, the part c lies within sqrt(-2 ln(1 - c)) standard deviations
    sigma = radius_px / math.sqrt(-2 * math.log(1 - model.coverage))
    num = radius_px.shape[1]
    steps = np.zeros((4 * num, num, 2))
    for k in range(num):
        steps[4 * k : 4 * k + 4, k] = [(1, 0), (-1, 0), (0, 1), (0, -1)]
    with np.errstate(invalid="ignore"):
        return points_px[:, None] + np.where(steps == 0, 0.0, steps * sigma[:, None, :, None])


def half_widths(offsets: np.ndarray, model: ErrorModel) -> np.ndarray:
    """Half width [..., M] of the interval, from what the plausible truths make of M numbers.

    Args:
        offsets: [..., R, M] values on the plausible truths minus the value found; NaN does not count.
    Learned errors: the ceil((R + 1) c)-th smallest change, as for a split conformal radius (statistics.conformal_radius);
    else first-order propagation, independent errors adding up as the root of the sum of squares.
    """
    if model.learned:
        change = np.sort(np.abs(offsets), axis=-2)
        counted = np.isfinite(change).sum(axis=-2)
        rank = np.ceil((counted + 1) * model.coverage - 1e-9).astype(int)
        picked = np.take_along_axis(change, np.clip(rank - 1, 0, change.shape[-2] - 1)[..., None, :], axis=-2)[..., 0, :]
        return np.where(counted == 0, np.nan, np.where(rank > counted, np.inf, picked))
    slopes = (offsets[..., 0::2, :] - offsets[..., 1::2, :]) / 2
    return NormalDist().inv_cdf((1 + model.coverage) / 2) * np.sqrt((slopes**2).sum(axis=-2))


def measure_with_intervals(
    points_px: np.ndarray,
    symbols: Sequence[str],
    pixel_size: np.ndarray,
    radius_px: np.ndarray,
    model: ErrorModel,
    rows: Sequence[Measurement],
    *,
    looks: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Measurements [N, M], and the half width [N, M] of their intervals.

    Args:
        points_px: [N, K, 2] source px.
        pixel_size: [N, 2] mm, NaN where unknown.
        radius_px: [N, K] source px.
        looks: [N] from `facing`; worked out from the points where left out.
    Returns: half widths are infinite where a landmark's radius is, NaN where it is unknown.
    """
    uses = np.array([[symbol in row.landmarks for symbol in symbols] for row in rows], bool).reshape(len(rows), -1)
    needed = uses.any(axis=0)
    kept = [symbol for symbol, use in zip(symbols, needed, strict=True) if use]
    if looks is None:
        looks = facing(points_px * np.where(np.isfinite(pixel_size), pixel_size, 1.0)[:, None], symbols)
    infinite = np.isinf(radius_px)
    radius = np.where(infinite, 0.0, radius_px)[:, needed]
    values, half = np.full((2, len(points_px), len(rows)), np.nan)
    part, per_film = model.select(kept), len(model.scaled) if model.learned else 4 * max(1, len(kept))
    for films in np.array_split(np.arange(len(points_px)), max(1, len(points_px) * per_film // _BLOCK)):
        if not films.size or not kept:
            continue
        points = points_px[films][:, needed]
        truths = plausible_truths(points, radius[films], kept, looks[films], part)
        both = np.concatenate([points[:, None], truths], axis=1)
        num = both.shape[1]
        sizes, sides = pixel_size[films].repeat(num, 0), looks[films].repeat(num)
        found = measure(both.reshape(-1, len(kept), 2), kept, sizes, looks=sides, rows=rows).reshape(len(films), num, -1)
        values[films] = found[:, 0]
        half[films] = half_widths(difference(found[:, 1:], found[:, :1], rows), model)
    return values, np.where((infinite[:, None] & uses[None]).any(axis=-1), np.inf, half)


def _mirror(looks: np.ndarray) -> np.ndarray:
    """[N, 1, 2] factors that turn faces which look left."""
    return np.where(looks[:, None, None] < 0, (-1.0, 1.0), (1.0, 1.0))
