"""The points of one film with their radii, corrections and scale: what analyses, drawings and superimpositions take."""

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from landmarks.measurements import facing

# Where a pixel size comes from (radiograph.ORIGINS), with what a length in mm is worth then.
SCALE_ORIGINS = {
    "calibrated": "calibrated on a fiducial",
    "corrected": "corrected for magnification",
    "a ruler of two points": "measured with a ruler of two points",
    "given by the user": "given by the user",
    "stated by the file": "stated by the file or the data set, which does not say whether it holds in the head",
    "at the detector": "at the detector: lengths are enlarged by a factor that is not known",
    "unknown": "unknown: no lengths",
}


@dataclass(frozen=True, kw_only=True)
class Tracing:
    """Landmarks [K] of one film.

    Example:
        >>> film = Tracing(name="a", symbols=("S", "N"), points_px=np.array([[0.0, 0.0], [720.0, 0.0]]), pixel_size=(0.1, 0.1))
        >>> film.points_mm[1]
        array([72.,  0.])
    """

    name: str
    symbols: tuple[str, ...]
    points_px: np.ndarray
    """[K, 2] source px, NaN where unknown."""
    radius_px: np.ndarray | None = None
    """[K] source px: within it the true point lies with the calibrated probability; 0 for a point placed by hand."""
    corrected: frozenset[str] = field(default_factory=frozenset)
    """Symbols that a person moved or placed."""
    pixel_size: tuple[float, float] | None = None
    """(sx, sy) in mm."""
    origin: str = "given by the user"
    """Where the pixel size comes from, a key of SCALE_ORIGINS."""
    enlargement: float | None = None
    """Of a film whose mm are those at the detector, where it is known: 1.1 is 10 %."""

    @property
    def has_lengths(self) -> bool:
        """Whether lengths in mm mean anything."""
        return self.pixel_size is not None and self.origin != "unknown"

    @property
    def factor(self) -> float | None:
        """By how much lengths in mm exceed those in the patient; None where that is not known."""
        if self.origin == "at the detector":
            return self.enlargement
        return self.enlargement or 1.0

    @cached_property
    def sizes(self) -> np.ndarray:
        """[2] mm a pixel; NaN without a scale that lengths can use."""
        return np.array(self.pixel_size if self.has_lengths else (math.nan, math.nan), dtype=float)

    @cached_property
    def aspect(self) -> np.ndarray:
        """[2] factors that make pixels square: mm where a pixel size is known, even one of unknown origin."""
        return np.array(self.pixel_size or (1.0, 1.0), dtype=float)

    @cached_property
    def points_mm(self) -> np.ndarray:
        """[K, 2] mm, in px of the film's width where no pixel size is known."""
        return self.points_px * self.aspect

    @cached_property
    def looks(self) -> int:
        """+1 right, -1 left, 0 where the landmarks do not tell."""
        return int(facing(self.points_mm[None], self.symbols)[0])

    @cached_property
    def known(self) -> tuple[str, ...]:
        """Symbols whose points are known."""
        return tuple(s for s, point in zip(self.symbols, self.points_px, strict=True) if np.isfinite(point).all())

    def __getitem__(self, symbol: str) -> np.ndarray:
        """[2] source px. Raises: KeyError where the film has no such point."""
        if symbol not in self.known:
            raise KeyError(symbol)
        return self.points_px[self.symbols.index(symbol)]
