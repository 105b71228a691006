"""Stages of films: the same from torch and ONNX, in a region cut by landmarks, with views, temperature and sets."""

import json

import cv2
import numpy as np
import pytest

from landmarks.commands import eval as eval_command
from landmarks.commands.program import run
from landmarks.evaluation.stages.calibrate import fit_temperature, fit_threshold
from landmarks.formats.records import DataError
from landmarks.inference.card import ModelFileError
from landmarks.inference.onnx import open_onnx
from landmarks.inference.predictor import Predictor
from landmarks.inference.stage_calibration import prediction_set
from landmarks.inference.stage_views import view_of
from landmarks.inference.stages import StagePredictor
from landmarks.inference.task import task_of
from landmarks.stage_prediction import softmax


@pytest.fixture(scope="module")
def crops(tmp_path_factory):
    """24 small pictures in the folders of six stages, brighter from stage to stage."""
    root, rng = tmp_path_factory.mktemp("crops"), np.random.default_rng(0)
    for number in range(24):
        stage = 1 + number % 6
        path = root / ("train" if number < 12 else "valid") / str(stage) / f"film{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.clip(rng.normal(35 * stage, 10, (64, 64)), 0, 255).astype(np.uint8))
    return root


@pytest.fixture(scope="module")
def models(crops, tmp_path_factory):
    """A trained, calibrated checkpoint and its ONNX file."""
    from landmarks.commands.train import train
    from landmarks.configfile import load_config

    folder = tmp_path_factory.mktemp("stages")
    words = ["data.workers=0", "data.image_size=[64,64]", "train.epochs=1", "train.validate_every=1", "train.log_images=1"]
    words += [f"data.root={crops}", "model.backbone=efficientnet_lite0", "model.pretrained=false"]
    train(load_config("configs/cvm_cpu.yaml", words), folder / "run")
    checkpoint = folder / "run" / "checkpoints" / "best.pt"
    assert run("eval", ["--checkpoint", str(checkpoint), "--split", "valid", "--calibrate", "0.8"]) == 0
    assert run("export", ["--checkpoint", str(checkpoint), "--output", str(folder / "cvm.onnx")]) == 0
    return checkpoint, folder / "cvm.onnx"


def test_an_onnx_file_gives_the_stages_of_its_checkpoint(models, crops):
    film = next(crops.glob("valid/3/*.png"))
    torchs, exported = (StagePredictor.load(path)(film) for path in models)
    np.testing.assert_allclose(exported.probabilities, torchs.probabilities, atol=1e-5)
    assert (exported.stage, exported.stages, exported.coverage) == (torchs.stage, torchs.stages, 0.8)
    assert [task_of(path) for path in models] == ["cvm", "cvm"]
    assert task_of("isbi19") == "landmarks"


def test_eval_writes_report_and_figures(models):
    folder = models[0].parent.parent / "evaluation_valid"
    figures = json.loads((folder / "metrics.json").read_text())
    assert {"accuracy", "kappa_quadratic", "ece"} <= figures["overall"].keys()
    assert np.sum(figures["confusion"]) == 12
    report = (folder / "report.html").read_text()
    for word in ("Confusion", "Calibration", "found CS6", "<svg"):
        assert word in report
    assert run("eval", ["--checkpoint", str(models[1]), "--split", "valid", "--tta", "--output", str(folder / "onnx")]) == 0


def test_predict_finds_the_stages_of_crops(models, crops, tmp_path):
    words = ["--stage-checkpoint", str(models[1]), "--crops", "--output", str(tmp_path / "found")]
    (tmp_path / "broken.png").write_bytes(b"no picture")
    assert run("predict", [*words, str(crops / "valid"), str(tmp_path / "broken.png")]) == 2
    films = json.loads((tmp_path / "found" / "stages.json").read_text())["films"]
    assert len(films) == 12
    for film in films:
        assert film["cvm"]["probability"] == max(film["cvm"]["probabilities"].values())
        assert film["cvm"]["stage"] in film["cvm"]["set"]


def test_predict_gives_landmarks_measurements_and_stage_of_a_film(models, synthetic_root, tmp_path):
    film = next((synthetic_root / "test" / "Cephalograms").iterdir())
    words = ["--stage-checkpoint", str(models[1]), "--as-it-is", "--output", str(tmp_path / "found")]
    assert run("predict", [*words, str(film)]) == 0
    [found] = json.loads((tmp_path / "found" / "predictions.json").read_text())["films"]
    assert found["points"]["S"]
    assert "SNA" in found["measurements"]
    assert 0 < found["cvm"]["probability"] <= 1
    assert sum(found["cvm"]["probabilities"].values()) == pytest.approx(1, abs=1e-3)


def test_folds_leave_an_ensemble_that_is_a_model(crops, tmp_path, capsys):
    words = ["--config", "configs/cvm_cpu.yaml", "--folds", "2", "--output", str(tmp_path / "folds"), "--coverage", "0.8"]
    words += ["data.workers=0", "data.image_size=[64,64]", "train.epochs=1", "train.warmup_epochs=0", f"data.root={crops}"]
    assert run("crossval", [*words, "model.backbone=efficientnet_lite0", "model.pretrained=false"]) == 0
    figures = json.loads((tmp_path / "folds" / "evaluation_out_of_fold" / "metrics.json").read_text())
    assert figures["protocol"]["num_images"] == 24
    model, film = tmp_path / "folds" / "ensemble.json", next(crops.glob("valid/3/*.png"))
    assert task_of(model) == "cvm"
    mean, ensemble = (StagePredictor.load(model, calibrated=calibrated) for calibrated in (False, True))
    parts = [StagePredictor.load(path, calibrated=False) for path in model.parent.glob("fold_*/checkpoints/latest.pt")]
    scores = [np.log(part(film).probabilities) for part in parts]
    np.testing.assert_allclose(mean(film).probabilities, softmax(np.mean(scores, axis=0)), atol=1e-5)
    assert (ensemble.calibration.num, ensemble(film).coverage) == (24, 0.8)
    assert run("export", ["--checkpoint", str(model), "--output", str(tmp_path / "mean.onnx")]) == 0
    exported = StagePredictor.load(tmp_path / "mean.onnx")(film)
    np.testing.assert_allclose(exported.probabilities, ensemble(film).probabilities, atol=1e-5)
    with pytest.raises(DataError, match="was held out from one model"):
        eval_command.main(["--checkpoint", str(model), "--split", "valid"])
    words = ["--checkpoint", str(model), "--split", "valid", "data.held_out=''"]
    assert run("eval", words) == 0


def test_a_model_of_one_task_is_refused_for_the_other(models):
    with pytest.raises(ModelFileError, match="not of landmarks"):
        open_onnx(models[1])
    with pytest.raises(ModelFileError, match="finds no landmarks"):
        Predictor.load(models[0])
    from landmarks.inference.released import model_file

    with pytest.raises(ModelFileError, match="knows no cervical stages"):
        StagePredictor.load(model_file("isbi19"))


def test_views_keep_size_and_do_what_they_say():
    images = np.random.default_rng(0).integers(60, 120, (2, 1, 32, 48), dtype=np.uint8)
    for name in ("plain", "flip", "turn_left", "turn_right", "brightness", "contrast", "upside_down"):
        assert view_of(name, images).shape == images.shape
    np.testing.assert_array_equal(view_of("flip", images)[:, 0, :, 0], images[:, 0, :, -1])
    np.testing.assert_array_equal(view_of("upside_down", images)[:, 0, 0], images[:, 0, -1])
    assert view_of("brightness", images).mean() > images.mean()
    assert view_of("contrast", images).std() > images.std()


def test_temperature_recovers_what_scores_were_multiplied_by():
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 1.5, (4000, 6))
    stages = 1 + (softmax(scores).cumsum(axis=1) < rng.random((4000, 1))).sum(axis=1)
    assert fit_temperature(3.0 * scores, stages) == pytest.approx(3.0, rel=0.06)


def test_sets_keep_their_promise():
    """1,000 splits of films whose probabilities are wrong: coverage is kept all the same."""
    rng = np.random.default_rng(1)
    scores = rng.normal(0, 1.5, (300, 6))
    stages = 1 + (softmax(scores).cumsum(axis=1) < rng.random((300, 1))).sum(axis=1)
    probabilities, covered = softmax(2 * scores), []
    for _ in range(1000):
        order = rng.permutation(300)
        threshold = fit_threshold(probabilities[order[:150]], stages[order[:150]], 0.9)
        held = prediction_set(probabilities[order[150:]], threshold)
        covered.append(held[np.arange(150), stages[order[150:]] - 1].mean())
    assert 0.88 <= np.mean(covered) <= 0.92
