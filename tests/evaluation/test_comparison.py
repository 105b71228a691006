"""Comparisons: paired figures by hand, an honest verdict, and everything that must be refused."""

import csv
import json

import numpy as np
import pytest

from landmarks.evaluation.comparison import ComparisonError, compare, comparison_text, read_run, verdict

PROTOCOL = {"format": "isbi2015", "split": "test1", "ground_truth": "mean", "scale": "mm", "image_size": [64, 64]}


def write_run(folder, errors: np.ndarray, *, scale=0.1, shift=0.0, **changes):
    """An evaluation folder with these errors [N, 2] in px, of landmarks S and N."""
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text(json.dumps({"protocol": PROTOCOL | changes}))
    with (folder / "predictions.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "symbol", "x", "y", "peak", "x_true", "y_true", "error_px", "error_mm"])
        for i, row in enumerate(errors):
            for symbol, error in zip("SN", row, strict=True):
                mm = "" if scale is None else f"{scale * error:.4f}"
                writer.writerow([f"im{i}", symbol, 100 + error, 100, 1, 100 + shift, 100, f"{error:.4f}", mm])
    return folder


@pytest.fixture
def errors():
    return np.random.default_rng(0).uniform(5, 30, (40, 2))


def test_figures_by_hand(tmp_path, errors):
    better = errors - np.array([3.0, 0.0])
    better[7, 1] += 40
    figures = compare(read_run(write_run(tmp_path / "a", errors), None), read_run(write_run(tmp_path / "b", better), None))
    assert figures.unit == "mm"
    assert figures.difference == pytest.approx(0.1 * (better - errors).mean(), abs=1e-5)
    assert figures.landmarks["S"].difference == pytest.approx(-0.3, abs=1e-5)
    assert figures.landmarks["S"].p_holm == pytest.approx(2 * figures.landmarks["S"].p_value)
    assert figures.landmarks["N"].p_holm > 0.05
    assert figures.worsened_most[0] == ("im7", pytest.approx(1.85, abs=1e-4))
    within = 100 * ((0.1 * better <= 2).mean() - (0.1 * errors <= 2).mean())
    assert figures.sdr[2.0].difference == pytest.approx(within)


@pytest.mark.parametrize(
    ("change", "words"), [(-3.0, "the second is better"), (3.0, "the second is worse"), (0.0, "no difference that")]
)
def test_the_verdict_is_one_honest_line(tmp_path, errors, change, words):
    noise = np.random.default_rng(1).normal(0, 2, errors.shape)
    a, b = write_run(tmp_path / "a", errors), write_run(tmp_path / "b", np.abs(errors + change + noise))
    figures = compare(read_run(a, None), read_run(b, None))
    assert verdict(figures).startswith(words)
    assert verdict(figures) in comparison_text(figures).splitlines()


def test_only_common_images_and_landmarks_count(tmp_path, errors):
    a, b = write_run(tmp_path / "run" / "evaluation_test1", errors), write_run(tmp_path / "b", errors[:12])
    figures = compare(read_run(tmp_path / "run", "test1"), read_run(b, None))
    assert (figures.num_images, figures.num_points, figures.images_left_out) == (12, 24, (28, 0))
    assert figures.difference == 0
    assert figures.p_value == 1
    assert "no difference" in verdict(figures)
    assert a.is_dir()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ground_truth": "senior"}, "the truth differs: ground_truth is mean in .* and senior in"),
        ({"split": "test2"}, "the images differ"),
        ({"format": "aariz"}, "the data differ"),
        ({"shift": 1.0}, "the truth differs: S of image im0"),
        ({"scale": 0.104}, "the pixel sizes differ"),
        ({"scale": None}, "the pixel sizes differ"),
    ],
)
def test_different_protocols_are_refused_with_the_reason(tmp_path, errors, change, words):
    first, second = (
        write_run(tmp_path / "a", errors),
        write_run(tmp_path / "b", errors, **change) if "scale" not in change else None,
    )
    second = second or write_run(tmp_path / "b", errors, scale=change["scale"])
    with pytest.raises(ComparisonError, match=words):
        compare(read_run(first, None), read_run(second, None))


def test_folders_without_or_with_several_evaluations_are_named(tmp_path, errors):
    with pytest.raises(ComparisonError, match="no evaluation here"):
        read_run(tmp_path, None)
    for split in ("test1", "valid"):
        write_run(tmp_path / f"evaluation_{split}", errors)
    with pytest.raises(ComparisonError, match=r"several evaluations .*test1, valid"):
        read_run(tmp_path, None)
    (tmp_path / "evaluation_valid" / "metrics.json").write_text("{}")
    with pytest.raises(ComparisonError, match="not an evaluation"):
        read_run(tmp_path, "valid")
