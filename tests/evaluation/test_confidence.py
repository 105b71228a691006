"""Error radii: made, written, read, used, refused; and what a review of the doubtful points finds."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from landmarks.config import Config, DataConfig
from landmarks.data.loading import read_split
from landmarks.evaluation.calibration import calibrate, calibrate_checkpoint, radii_px, unseen
from landmarks.evaluation.confidence import confidence_figures
from landmarks.evaluation.evaluate import evaluate_prediction, true_points
from landmarks.formats.records import Record, RecordSet
from landmarks.inference import radii
from landmarks.inference.radii import (
    FILE_NAME,
    CalibrationError,
    calibration_dict,
    calibration_from_dict,
    doubt_px,
    find_calibration,
    fitting,
    read_calibration,
    write_calibration,
)
from landmarks.prediction import Prediction
from landmarks.schema import LandmarkSet


def simulated(num: int, *, first: int = 0, seed: int = 0):
    """Images whose errors really scale with their maps' spread; five landmarks, 0.1 mm a px."""
    rng = np.random.default_rng(seed)
    landmarks = LandmarkSet(name="five", symbols=("S", "N", "A", "B", "Me"))
    true = rng.uniform(200, 800, (num, 5, 2))
    spread = rng.uniform(20, 60, (num, 5))
    excess = np.sqrt(spread**2 - 300)
    found = true + 0.5 * excess[..., None] * rng.standard_normal((num, 5, 2))
    records = tuple(
        Record(
            image_id=f"{first + i}",
            image_path=Path(f"{first + i}.png"),
            points_px=true[i],
            pixel_size=(0.1, 0.1),
            device="d",
            split="valid",
        )
        for i in range(num)
    )
    prediction = replace(Prediction.of_points(found, target_px=20.0), spread_px=spread)
    return evaluate_prediction(RecordSet(landmarks=landmarks, records=records), prediction)


def test_radii_cover_new_images_and_follow_the_map():
    calibration = calibrate(simulated(200), 0.9, {})
    test = simulated(400, first=1000, seed=1)
    figures = confidence_figures(test, calibration)
    found = figures.calibrated
    assert 87 < found.by_map.coverage < 93
    assert 87 < found.fixed.coverage < 93
    assert found.by_map.mean_radius < found.fixed.mean_radius  # the maps know, so the radii are smaller
    within = test.error_px <= radii_px(calibration, test)
    assert found.by_map.coverage == pytest.approx(100 * within.mean())
    assert figures.rank_correlation["radius"].all > 0.3
    gross = figures.gross
    assert gross.num == (test.error_mm > 4).sum()
    order = np.argsort(-radii_px(calibration, test).ravel())[: math.ceil(0.1 * 2000)]
    caught = (test.error_mm.ravel()[order] > 4).sum()
    assert gross.caught_percent[10] == pytest.approx(100 * caught / gross.num)
    assert gross.caught_percent[10] > 20  # twice what chance would find


def test_eight_images_give_an_infinite_radius_that_is_said(tmp_path):
    calibration = calibrate(simulated(8), 0.9, {})
    assert calibration.infinite == ("S", "N", "A", "B", "Me")
    write_calibration(tmp_path / FILE_NAME, calibration)
    content = json.loads((tmp_path / FILE_NAME).read_text())
    assert content["landmarks"]["S"]["factor"] == "infinite"
    assert content["infinite"] == ["S", "N", "A", "B", "Me"]
    assert read_calibration(tmp_path / FILE_NAME) == calibration
    found = confidence_figures(simulated(50, first=100, seed=2), calibration).calibrated
    assert found.by_map.coverage == 100
    assert found.by_map.mean_radius == math.inf
    assert not calibrate(simulated(9), 0.9, {}).infinite


def test_images_of_the_calibration_do_not_test_it():
    evaluation = simulated(30)
    figures = confidence_figures(evaluation, calibrate(evaluation, 0.9, {}))
    assert figures.num_images == 0
    assert figures.calibrated.by_map.coverage is None
    assert confidence_figures(evaluation, None).num_images == 30


def test_doubt_grows_with_every_sign_of_it():
    found = simulated(4).prediction
    for change in ({"spread_px": 1.3 * found.spread_px}, {"outside": found.outside + 0.2}, {"peaks": 0.5 * found.peaks}):
        assert (doubt_px(replace(found, **change)) > doubt_px(found)).all()


def test_radii_of_a_calibration_without_a_power_are_proportional_to_the_doubt():
    content = calibration_dict(calibrate(simulated(50), 0.9, {}))
    del content["power"]
    old, found = calibration_from_dict(content), simulated(4).prediction
    factors = [part.factor for part in old.landmarks.values()]
    np.testing.assert_allclose(radii.radii_px(old, found, tuple(old.landmarks)), doubt_px(found) * factors)


def test_a_calibration_stays_with_its_weights(protocol, tmp_path, caplog):
    checkpoint = tmp_path / "best.pt"
    checkpoint.write_bytes(b"weights")
    trained = Config(data=DataConfig(format="isbi2015", root=str(tmp_path / "not here")))
    assert find_calibration(checkpoint) is None
    made = calibrate_checkpoint(checkpoint, simulated(20), 0.8, protocol, trained)
    assert find_calibration(checkpoint) == made
    assert fitting(made, (64, 64), tta=False) is made
    assert fitting(made, (96, 64), tta=False) is None
    assert "input size" in caplog.messages[-1]
    assert fitting(made, (64, 64), tta=True) is None
    assert "made without --tta" in caplog.messages[-1]
    checkpoint.write_bytes(b"other weights")
    assert find_calibration(checkpoint) is None
    assert "other weights" in caplog.messages[-1]
    (tmp_path / FILE_NAME).write_text("{}")
    with pytest.raises(CalibrationError, match="not a calibration"):
        find_calibration(checkpoint)


def test_an_image_of_another_set_with_the_same_id_tests_the_radii(tmp_path):
    evaluation = simulated(12)
    for folder, content in (("a", b"one"), ("b", b"other"), ("copy", b"one")):
        (tmp_path / folder).mkdir()
        for i in range(12):
            (tmp_path / folder / f"{i}.png").write_bytes(content)

    def in_folder(name: str):
        records = tuple(replace(r, image_path=tmp_path / name / f"{r.image_id}.png") for r in evaluation.records.records)
        return replace(evaluation, records=replace(evaluation.records, records=records))

    calibration = calibrate(in_folder("a"), 0.9, {})
    assert unseen(calibration, in_folder("b")).all()
    assert not unseen(calibration, in_folder("copy")).any()
    assert not unseen(replace(calibration, hashes=()), in_folder("b")).any()  # made before hashes were kept


@pytest.mark.parametrize("split", ["train", "all", "valid"])
def test_training_images_make_no_calibration(tmp_path, tiny_config, synthetic_root, protocol, split):
    (tmp_path / "moved").symlink_to(synthetic_root)
    records = read_split(replace(tiny_config.data, root=str(tmp_path / "moved")), split, seed=0)
    true = true_points(records)
    evaluation = evaluate_prediction(records, Prediction.of_points(true + 1))
    checkpoint = tmp_path / "best.pt"
    checkpoint.write_bytes(b"weights")
    if split == "valid":
        calibrate_checkpoint(checkpoint, evaluation, 0.5, protocol, tiny_config)
        return
    with pytest.raises(CalibrationError, match=f"was trained on 15 of these {len(records.records)} images"):
        calibrate_checkpoint(checkpoint, evaluation, 0.5, protocol, tiny_config)


def test_coverage_is_a_probability():
    with pytest.raises(CalibrationError, match="between 0 and 1"):
        calibrate(simulated(20), 90, {})
