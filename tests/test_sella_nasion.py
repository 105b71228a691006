"""The one judgement of a device's millimetres: its thresholds, and what few images leave uncertain."""

import pytest

from landmarks.sella_nasion import judge_sn


@pytest.mark.parametrize(
    ("median_mm", "num", "verdict"),
    [
        (None, 0, "unknown"),
        (72.8, 100, "plausible"),  # ART Plus
        (64.9, 100_000, "plausible"),
        (64.7, 100_000, "doubtful"),
        (58.6, 300, "doubtful"),  # ISBI 2015 at 0.1 mm/px
        (58.6, 1, "plausible"),  # one small head
        (54.1, 300, "doubtful"),
        (53.9, 300, "impossible"),
        (53.9, 1, "impossible"),
        (119.1, 8, "impossible"),  # Rotograph EVO
    ],
)
def test_verdicts(median_mm, num, verdict):
    assert judge_sn(median_mm, num) == verdict
