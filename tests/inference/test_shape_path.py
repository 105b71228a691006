"""The shape's way: fitted by the task, kept by checkpoints and ONNX cards, used by every predictor."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from landmarks.config import Config, DataConfig, HeatmapConfig
from landmarks.evaluation.calibration import calibrate
from landmarks.evaluation.evaluate import evaluate_prediction
from landmarks.formats.records import Record, RecordSet
from landmarks.inference.card import ModelCard, card_dict, card_from_dict
from landmarks.inference.decode import decode_maps
from landmarks.inference.predictor import Predictor
from landmarks.inference.radii import radii_px
from landmarks.schema import LandmarkSet
from landmarks.shape import ENOUGH_IMAGES
from landmarks.tasks.landmarks.task import LandmarkTask

LANDMARKS = LandmarkSet(name="eight", symbols=tuple("ABCDEFGH"))
MEAN_PX = np.array([[60, 60], [180, 70], [160, 180], [100, 220], [50, 200], [40, 100], [120, 120], [80, 160]], dtype=float)
SIZE, SIGMA = (256, 224), 1.5


def records(num: int) -> RecordSet:
    rng = np.random.default_rng(0)
    every = [
        Record(
            image_id=str(i),
            image_path=Path(f"{i}.png"),
            points_px=MEAN_PX + rng.normal(0, 2, MEAN_PX.shape),
            pixel_size=(0.5, 0.5),
            device="one",
            split="train",
        )
        for i in range(num)
    ]
    return RecordSet(landmarks=LANDMARKS, records=tuple(every))


@pytest.fixture(scope="module")
def task() -> LandmarkTask:
    return LandmarkTask.from_records(Config(data=DataConfig(root="x")), records(60))


class DrawnMaps:
    """A network whose maps are drawn: every landmark at its mean place, C thrown away with a faint peak at the right place."""

    device = "cpu"

    def __init__(self, card: ModelCard, faint: float) -> None:
        self.card = card
        y, x = np.mgrid[: SIZE[0] // 4, : SIZE[1] // 4]

        def blob(point: np.ndarray, height: float) -> np.ndarray:
            cx, cy = (point + 0.5) / 4 - 0.5
            return height * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * SIGMA**2))

        self._maps = np.stack([blob(point, 0.9) for point in MEAN_PX]).astype(np.float32)
        self._maps[2] = blob(np.array([200.0, 30.0]), 0.4) + blob(MEAN_PX[2], faint)

    def maps(self, images: np.ndarray) -> np.ndarray:
        return np.repeat(self._maps[None], len(images), axis=0)

    def decode(self, images: np.ndarray, sigma: float):
        return decode_maps(self.maps(images), sigma)


def found_by(card: ModelCard, faint: float):
    return Predictor(DrawnMaps(card, faint)).predict(np.zeros((2, 1, *SIZE), np.uint8), np.tile(np.eye(2, 3), (2, 1, 1)))


@pytest.fixture(scope="module")
def card(task) -> ModelCard:
    return ModelCard(landmarks=LANDMARKS, image_size=SIZE, sigma=SIGMA, margin=1.25, shape=task.shape)


def test_faint_peak_or_the_others_place_a_thrown_point(card):
    for faint, inferred in ((0.1, False), (0.0, True)):
        found = found_by(card, faint)
        assert np.linalg.norm(found.points_px[:, 2] - MEAN_PX[2], axis=1).max() < 6
        assert (found.inferred_px[:, 2] > 0).all() == inferred
        plain = found_by(replace(card, shape=None), faint)
        assert np.linalg.norm(plain.points_px[:, 2] - MEAN_PX[2], axis=1).min() > 100
        np.testing.assert_array_equal(np.delete(found.points_px, 2, axis=1), np.delete(plain.points_px, 2, axis=1))


def test_inferred_point_has_a_radius_of_its_own(card):
    found, truth = found_by(card, 0.0), records(60).select(LANDMARKS.symbols)
    evaluation = evaluate_prediction(RecordSet(landmarks=LANDMARKS, records=truth.records[:2]), found)
    calibration = calibrate(evaluation, 0.5, {})
    assert calibration.landmarks["C"].num == 0, "it does not calibrate the radii of points that maps placed"
    sure = replace(calibration, landmarks={s: replace(p, factor=1.0) for s, p in calibration.landmarks.items()})
    radius = radii_px(sure, found, LANDMARKS.symbols)
    np.testing.assert_allclose(radius[:, 2], found.inferred_px[:, 2] * np.sqrt(2 * np.log(2)))


def test_shape_is_kept_by_checkpoint_and_card_and_absent_below_thirty_images(task, card):
    saved = json.loads(json.dumps(task.to_dict()))
    again = LandmarkTask.from_dict(Config(data=DataConfig(root="x")), saved)
    np.testing.assert_allclose(again.shape.covariance, task.shape.covariance, atol=1e-4)
    written = card_from_dict(json.loads(json.dumps(card_dict(card))))
    np.testing.assert_allclose(written.shape.mean, task.shape.mean, atol=1e-3)
    assert card_from_dict(card_dict(replace(card, shape=None))).shape is None
    few = LandmarkTask.from_records(Config(data=DataConfig(root="x")), records(ENOUGH_IMAGES - 1))
    assert few.shape is None
    assert HeatmapConfig().shape, "on unless it is turned off"
