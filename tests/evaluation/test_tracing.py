"""The mean tracing: faces turned, shifted and mirrored are laid over each other, and their errors turn with them."""

import numpy as np
import pytest

from landmarks.evaluation.evaluate import evaluate_prediction
from landmarks.evaluation.tracing import mean_frame
from landmarks.formats.records import Record, RecordSet
from landmarks.prediction import Prediction
from landmarks.schema import LandmarkSet

FACE = np.array([(0, 0), (70, 0), (65, 50), (60, 85), (52, 108), (-5, 80)], dtype=float)
SYMBOLS = ("S", "N", "A", "B", "Me", "Go")


@pytest.mark.parametrize("normalised", [False, True])
def test_errors_are_turned_into_the_frame_of_the_mean_face(normalised):
    error = np.array([3.0, -1.0])  # the same miss in every face's own frame, mm
    records, found = [], []
    for i, (degrees, side) in enumerate([(0, 1), (20, 1), (-35, 1), (10, -1)]):
        angle, size = np.radians(degrees), (0.1, 0.2) if i == 1 else (0.1, 0.1)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        place = [(points @ turn * (side, 1) + 100 * i) / (0.1, 0.1) for points in (FACE, FACE + error)]
        if not normalised:  # oblong pixels of one image
            place = [points * 0.1 / size for points in place]
        pixel_size = (0.7, 0.7) if normalised and i == 2 else size if not normalised else (0.1, 0.1)
        records.append(
            Record(image_id=str(i), image_path=None, points_px=place[0], pixel_size=pixel_size, device="d", split="t")
        )
        found.append(place[1])
    landmarks = LandmarkSet(name="six", symbols=SYMBOLS)
    evaluation = evaluate_prediction(
        RecordSet(landmarks=landmarks, records=tuple(records)), Prediction.of_points(np.array(found))
    )
    mean, errors, unit = mean_frame(evaluation, normalised)
    factor = 72 / 70 if normalised else 1
    assert unit == "mm"
    assert np.hypot(*(mean[1] - mean[0])) == pytest.approx(70 * factor)  # a wrong pixel size does not affect S-N mm
    forward = (mean[1] - mean[0]) / (70 * factor)
    down = np.array([-forward[1], forward[0]])
    np.testing.assert_allclose(errors @ forward, np.full((4, 6), 3.0 * factor), atol=1e-9)
    np.testing.assert_allclose(errors @ down, np.full((4, 6), -1.0 * factor), atol=1e-9)
