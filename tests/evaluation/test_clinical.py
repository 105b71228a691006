"""Bias, limits of agreement, classes and left-facing faces, on faces whose measurements are known."""

import numpy as np
import pytest

from landmarks.evaluation.clinical import clinical_figures, confusion
from landmarks.evaluation.evaluate import evaluate_prediction
from landmarks.evaluation.figures import FacingFigures
from landmarks.formats.records import Record, RecordSet
from landmarks.inference.radii import Calibration, LandmarkCalibration
from landmarks.measurements import available, difference
from landmarks.measurements.classes import CLASSES
from landmarks.prediction import Prediction
from landmarks.schema import LandmarkSet

SYMBOLS = ("S", "N", "A", "B", "Go", "Gn", "Me")
SET = LandmarkSet(name="seven", symbols=SYMBOLS)


def points(anb: float, jaw: float) -> np.ndarray:
    """A face in px at 0.1 mm with these ANB and SN-GoGn angles, S-N level."""
    down = np.radians(90 + 8), np.radians(90 + 8 + anb)  # SNA 82
    a, b = (np.array([700, 0]) + 500 * np.array([np.cos(t), np.sin(t)]) for t in down)
    gonion = np.array([0, 800])
    gnathion = gonion + 600 * np.array([np.cos(np.radians(jaw)), np.sin(np.radians(jaw))])
    return np.array([(0, 0), (700, 0), a, b, gonion, gnathion, gnathion + np.array([-20, 20])]) + 500


def make(true: list, found: list):
    records = tuple(
        Record(image_id=str(i), image_path=None, points_px=p, pixel_size=(0.1, 0.1), device="d", split="t")
        for i, p in enumerate(true)
    )
    prediction = Prediction.of_points(np.array(found), target_px=20.0)
    return evaluate_prediction(RecordSet(landmarks=SET, records=records), prediction)


def test_bias_limits_and_classes_by_hand():
    true = [points(2, 32), points(-2, 25), points(6, 40), points(3.5, 30)]
    found = [points(3, 32), points(-3, 26), points(7, 36), points(4.5, 31)]
    figures = clinical_figures(make(true, found), None)
    anb = figures.measurements["ANB"]
    assert anb.bias == pytest.approx(0.5)  # +1, -1, +1, +1
    assert (anb.mae, anb.sd, anb.within_2, anb.mean_true) == pytest.approx((1, 1, 100, 9.5 / 4))
    assert (anb.lower, anb.upper) == pytest.approx((0.5 - 1.96, 0.5 + 1.96))
    assert figures.measurements["SN-GoGn"].within_2 == pytest.approx(75)
    skeletal = figures.classes["Skeletal class"]
    assert skeletal.table == [[1, 0, 0], [0, 1, 1], [0, 0, 1]]  # 3.5 became 4.5: class I taken for II
    assert skeletal.agreement == 75
    vertical = figures.classes["Vertical pattern"]
    assert vertical.table == [[1, 0, 0], [0, 2, 0], [0, 1, 0]]
    assert figures.facing.left == []


def test_left_facing_images_are_named_and_measured_alike():
    true, found = points(2, 32), points(3, 33)
    mirror = np.array([-1.0, 1.0])
    figures = clinical_figures(make([true, true * mirror + (3000, 0)], [found, found * mirror + (3000, 0)]), None)
    assert figures.facing == FacingFigures(left=["1"], left_by_truth=["1"], disagree=[])
    for row in figures.measurements.values():
        assert row.sd == pytest.approx(0, abs=1e-9)
    figures = clinical_figures(make([true * mirror + (3000, 0)], [found]), None)
    assert figures.facing.disagree == ["0"]


def test_classes_near_a_border_are_uncertain():
    part = LandmarkCalibration(num=50, factor=1.0, fixed_mm=1.0)  # doubt is half the target: radius 10 px, 1 mm
    calibration = Calibration(coverage=0.9, images=(), protocol={}, landmarks=dict.fromkeys(SYMBOLS, part))
    true = [points(3.5, 32), points(-8, 32)]
    figures = clinical_figures(make(true, true), calibration)
    assert figures.classes["Skeletal class"].uncertain.num == 1
    assert figures.measurements["S-N"].interval_half_width == pytest.approx(np.sqrt(2) * 1.6449 / 2.1460, rel=1e-3)
    none = Calibration(coverage=0.9, images=("0", "1"), protocol={}, landmarks=calibration.landmarks)
    figures = clinical_figures(make(true, true), none)  # images that made the radii do not test them
    assert figures.classes["Skeletal class"].uncertain.num_tested == 0


def test_infinite_intervals_leave_every_class_open():
    doubtful = CLASSES[0].uncertain(np.array([2.0, 2.0, 2.0]), np.array([1.0, 3.0, np.inf]))
    assert doubtful.tolist() == [False, True, True]


def test_angles_wrap_and_unknown_classes_count_nowhere():
    rows = available(("S", "N", "A"))
    angle = [row.name for row in rows].index("SNA")
    off = difference(np.full((1, len(rows)), 179.0), np.full((1, len(rows)), -179.0), rows)[0]
    assert off[angle] == pytest.approx(-2)
    assert confusion(np.array([0, 2, -1]), np.array([0, 1, 1])).tolist() == [[1, 0, 0], [0, 0, 0], [0, 1, 0]]
