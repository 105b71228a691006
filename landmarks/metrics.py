"""Radial errors -> mean radial error (MRE), success detection rate (SDR) and tables.

Shapes: N images, K landmarks. Errors are float64 with NaN where a landmark is not annotated or a length is unknown.
"""

import math
from dataclasses import dataclass

import numpy as np

SDR_RADII_MM = (2.0, 2.5, 3.0, 4.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """Figures of a group of errors; None where unknown."""

    num_points: int
    mre_mm: float | None
    sd_mm: float | None
    median_mm: float | None
    mre_px: float | None
    sdr: dict[float, float | None]
    """Percent of points within a radius, by the radius in mm."""

    @property
    def mre(self) -> tuple[float | None, str]:
        """In mm, or in px where no image has a pixel size; with its unit."""
        return (self.mre_mm, "mm") if self.mre_mm is not None else (self.mre_px, "px")


def radial_errors(found_px: np.ndarray, true_px: np.ndarray, pixel_size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distances in source px and in mm.

    Args:
        found_px, true_px: [N, K, 2] source px; NaN in `true_px` where a landmark is not annotated.
        pixel_size: [N, 2] as (sx, sy) in mm, NaN where unknown.
    Returns: error_px [N, K] and error_mm [N, K].
    """
    difference = found_px - true_px
    return np.hypot(*np.moveaxis(difference, -1, 0)), np.hypot(*np.moveaxis(difference * pixel_size[:, None], -1, 0))


def known_mean(values: np.ndarray, axis: int) -> np.ndarray:
    """Mean of the known (finite) values along an axis, NaN where there is none."""
    counted = np.isfinite(values).sum(axis=axis)
    return np.where(counted > 0, np.nansum(values, axis=axis) / np.maximum(counted, 1), np.nan)


def summarise(error_px: np.ndarray, error_mm: np.ndarray) -> Summary:
    """Figures of any group of errors in px and mm."""
    mm = error_mm[np.isfinite(error_mm)]
    px = error_px[np.isfinite(error_px)]
    return Summary(
        num_points=int(px.size),
        mre_mm=_mean(mm),
        sd_mm=float(mm.std(ddof=1)) if mm.size > 1 else None,
        median_mm=float(np.median(mm)) if mm.size else None,
        mre_px=_mean(px),
        sdr={r: 100 * float((mm <= r).mean()) if mm.size else None for r in SDR_RADII_MM},
    )


def format_figure(value: float | None, digits: int = 2) -> str:
    return "-" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def format_table(header: list[str], rows: list[list[str]]) -> str:
    """Text table: the first column flush left, the others flush right."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = []
    for row in [header, *rows]:
        cells = [cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if values.size else None
