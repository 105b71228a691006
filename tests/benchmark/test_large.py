"""The benchmark of large sets runs: its synthetic set is sound, and its two evaluations can be compared."""

import argparse

from landmarks.benchmark import large


def test_small_sets_are_measured(capsys):
    figures = large.run(argparse.Namespace(images=12, part=["check", "listing", "compare"]))
    assert list(figures) == ["images", "check", "listing", "compare"]
    assert all(figures[name]["seconds"] > 0 for name in ("check", "listing", "compare"))
    assert "12 images" in capsys.readouterr().out
