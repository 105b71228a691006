"""Classes that borders cut out of one measurement, and whether an interval leaves the class open."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True, slots=True)
class Classes:
    """Three classes by the two borders of one measurement.

    Example:
        >>> SKELETAL.names[SKELETAL.assign(np.array([6.1]))[0]]
        'Class II'
    """

    title: str
    measurement: str
    borders: tuple[float, float]
    names: tuple[str, str, str]
    """Below, between (borders included) and above."""
    source: str
    evidence: str
    """Grade of the borders, as of a norm."""

    def assign(self, values: np.ndarray) -> np.ndarray:
        """Index 0 to 2 into `names`, -1 where a value is unknown."""
        index = (values >= self.borders[0]).astype(int) + (values > self.borders[1]).astype(int)
        return np.where(np.isfinite(values), index, -1)

    def uncertain(self, values: np.ndarray, half_width: np.ndarray) -> np.ndarray:
        """bool: the interval value ± half width crosses a border, or its width is unknown."""
        low, high = self.assign(values - half_width), self.assign(values + half_width)
        return ~np.isfinite(half_width) | (low != high)


SKELETAL = Classes(
    title="Skeletal class",
    measurement="ANB",
    borders=(0.0, 4.0),
    names=("Class III", "Class I", "Class II"),
    source="Steiner's ANB of 2 degrees with a working tolerance of 2",
    evidence="secondary",
)
VERTICAL = Classes(
    title="Vertical pattern",
    measurement="SN-GoGn",
    borders=(27.0, 37.0),
    names=("low angle", "average", "high angle"),
    source="Steiner's SN-GoGn of 32 degrees with a working tolerance of 5, which is not his",
    evidence="unverified",
)
CLASSES = (SKELETAL, VERTICAL)
