"""Several models as one: the mean of their maps, in torch, in ONNX and from the file that names them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from landmarks.checkpointfile import read_checkpoint, write_checkpoint
from landmarks.commands import export as export_command
from landmarks.inference.card import ModelFileError
from landmarks.inference.ensemble import mean_card, read_ensemble, write_ensemble
from landmarks.inference.predictor import Predictor
from landmarks.inference.radii import Calibration, LandmarkCalibration


@pytest.fixture(scope="module")
def pair(checkpoint, tmp_path_factory):
    """Two models of one kind, each with films of its own held out."""
    folder, content = tmp_path_factory.mktemp("pair"), read_checkpoint(checkpoint)
    paths = []
    for number, seed in enumerate((1, 2)):
        weights = dict(content["model"])
        generator = torch.Generator().manual_seed(seed)
        final = weights["head.final.weight"]
        weights["head.final.weight"] = 0.1 * torch.randn(final.shape, generator=generator)
        data = content["config"]["data"] | {"held_out": f"fold_{number + 1}.csv"}
        path = folder / f"fold_{number + 1}.pt"
        write_checkpoint(path, content | {"model": weights, "config": content["config"] | {"data": data}})
        paths.append(path)
    return paths


def calibration(symbols) -> Calibration:
    parts = {symbol: LandmarkCalibration(num=20, factor=3.0, fixed_mm=2.0) for symbol in symbols}
    return Calibration(coverage=0.9, images=("a",), protocol={"image_size": [64, 96], "tta": False}, landmarks=parts)


def test_maps_are_averaged_and_radii_are_the_ensembles(pair, tmp_path, caplog):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (2, 1, 64, 96), dtype=np.uint8)
    single = [Predictor.load(path, device="cpu") for path in pair]
    file = pair[0].parent / "ensemble.json"
    write_ensemble(file, pair, calibration(single[0].landmarks.symbols))
    both, named = Predictor.load(pair, device="cpu"), Predictor.load(file, device="cpu")
    expected = np.mean([one.network.maps(images) for one in single], axis=0)
    np.testing.assert_allclose(both.network.maps(images), expected, atol=1e-6)
    np.testing.assert_allclose(named.network.maps(images), expected, atol=1e-6)
    assert both.calibration is None
    assert named.calibration is not None
    assert named.card.settings["data"]["held_out"] == "every fold"
    pair[0].touch()
    assert read_ensemble(file).calibration is not None
    altered = tmp_path / "ensemble.json"
    text = file.read_text(encoding="utf-8").replace('"fold_', f'"{pair[0].parent.as_posix()}/fold_')
    altered.write_text(text.replace(text.split('"id": "')[1][:16], "0" * 16), encoding="utf-8")
    assert read_ensemble(altered).calibration is None
    assert "were made with another" in caplog.text


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_export_averages_in_one_graph(pair, tmp_path, capsys):
    pytest.importorskip("onnx")
    file, output = pair[0].parent / "ensemble.json", tmp_path / "mean.onnx"
    symbols = Predictor.load(pair[0], device="cpu").landmarks.symbols
    write_ensemble(file, pair, calibration(symbols))
    assert export_command.main(["--checkpoint", str(file), "--output", str(output)]) == 0
    exported = Predictor.load(output)
    assert exported.calibration.landmarks["S"].factor == 3.0
    images = np.random.default_rng(1).integers(0, 255, (2, 1, 64, 96), dtype=np.uint8)
    np.testing.assert_allclose(
        exported.network.maps(images), Predictor.load(file, device="cpu").network.maps(images), atol=1e-4
    )
    with pytest.raises(ModelFileError, match="exported already"):
        export_command.main(["--checkpoint", str(output), "--output", str(tmp_path / "again.onnx")])


def test_models_that_do_not_fit_together_and_broken_files_are_named(pair, tmp_path):
    card = Predictor.load(pair[0], device="cpu").card
    with pytest.raises(ModelFileError, match=r"fold_2\.pt: sigma differs from that of .*fold_1\.pt"):
        mean_card([card, replace(card, sigma=3.0)], pair)
    broken = tmp_path / "ensemble.json"
    broken.write_text('{"models": 3}')
    with pytest.raises(ModelFileError, match="no ensemble of this project"):
        Predictor.load(broken)
    broken.write_text('{"models": [{"file": "gone.pt", "id": ""}], "calibration": null}')
    with pytest.raises(ModelFileError, match=r"gone\.pt: no such file"):
        Predictor.load(broken)
