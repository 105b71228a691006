"""Reports of sets that others bring: own symbols, device names with signs of LaTeX, one image, nothing found."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from landmarks.evaluation.evaluate import evaluate_prediction
from landmarks.evaluation.files import latex_table
from landmarks.evaluation.judge import judge
from landmarks.evaluation.report.write import write_report
from landmarks.formats.records import Record, RecordSet
from landmarks.prediction import Prediction
from landmarks.schema import LandmarkSet


def small_set(folder, symbols=("left <b>", "right_$x^{$"), device="Cam $x^{$ \\~&%", num=3, readers=True):
    """An evaluation of images that are there, each point 3 px off."""
    records = []
    for i in range(num):
        cv2.imwrite(str(folder / f"{i}.png"), np.full((80, 60), 40 * i, np.uint8))
        points = np.random.default_rng(i).uniform(10, 50, (len(symbols), 2))
        both = {"senior": points, "junior": points + 1} if readers else {}
        records.append(
            Record(image_id=str(i), image_path=folder / f"{i}.png", points_px=points, pixel_size=(0.1, 0.1),
                   device=device, split="test", readers=both)
        )  # fmt: skip
    record_set = RecordSet(landmarks=LandmarkSet(name="own", symbols=symbols), records=tuple(records))
    found = np.stack([record.points_px for record in records]) + np.array([3.0, 0])
    return evaluate_prediction(record_set, Prediction.of_points(found))


@pytest.mark.parametrize("readers", [True, False])
@pytest.mark.parametrize("num", [1, 3])
def test_symbols_without_any_measurement(tmp_path, protocol, num, readers):
    results = judge(small_set(tmp_path, num=num, readers=readers), protocol)
    assert results.figures.clinical.measurements == {}
    assert results.figures.overall.mre_px == pytest.approx(3)
    write_report(tmp_path / "out", results)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "supports no measurement" in page
    assert "left &lt;b&gt;" in page


def test_signs_of_latex_and_of_formulas_in_names(tmp_path, protocol):
    symbols = ("S", "N", "$x^{$")
    results = judge(small_set(tmp_path, symbols=symbols), protocol)
    write_report(tmp_path / "out", results)
    assert "Cam $x^{$" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    table = latex_table(results.figures)
    assert "\\$x\\textasciicircum{}\\{\\$" in table
    devices = latex_table(judge(two_devices(tmp_path), protocol).figures)
    assert "Cam \\$x\\textasciicircum{}\\{\\$ \\textbackslash{}\\textasciitilde{}\\&\\%" in devices


def two_devices(folder):
    evaluation = small_set(folder)
    first, *others = evaluation.records.records
    records = RecordSet(landmarks=evaluation.records.landmarks, records=(replace(first, device="other"), *others))
    return evaluate_prediction(records, evaluation.prediction)


def test_nothing_found_at_all(tmp_path, protocol):
    evaluation = small_set(tmp_path)
    nothing = evaluate_prediction(evaluation.records, Prediction.unknown(3, 2))
    results = judge(nothing, protocol)
    assert results.figures.overall.num_points == 0
    write_report(tmp_path / "out", results)
