"""Sella-Nasion, the yardstick that a pixel size is checked with: its length in real heads hardly varies."""

SN_NORM_MM = 72.0
"""The middle of 71 to 73 mm; 72.0 is also the median of 255 Aariz annotations of the one device whose pixel size is beyond
doubt (ART Plus, Khalid et al., Sci Data 12, 1336, 2025)."""
SN_NORM_RANGE_MM = (71.0, 73.0)
# Medians of groups of people differ by a few percent, films enlarge by up to a tenth, children are smaller: that is no
# alarm. A quarter off is beyond any anatomy.
DOUBTFUL_MM, IMPOSSIBLE_MM = 0.10 * SN_NORM_MM, 0.25 * SN_NORM_MM
# Spread of single heads: with few images the median itself is that uncertain.
_HEADS_SD_MM = 4.5


def judge_sn(median_mm: float | None, num: int) -> str:
    """Whether the median Sella-Nasion length of one device's `num` images can be true.

    Returns: plausible, doubtful (unusual heads, or a wrong pixel size), impossible, or unknown where there is no length.
    """
    if median_mm is None:
        return "unknown"
    off = abs(median_mm - SN_NORM_MM)
    if off > IMPOSSIBLE_MM:
        return "impossible"
    return "doubtful" if off > DOUBTFUL_MM + 2 * _HEADS_SD_MM / num**0.5 else "plausible"
