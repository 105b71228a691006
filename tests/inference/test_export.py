"""An exported model predicts what its checkpoint predicts, carries its card, and is refused where it was altered."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from landmarks.inference import radii
from landmarks.inference.card import ModelFileError, card_dict, card_from_dict
from landmarks.inference.export import export_onnx
from landmarks.inference.from_onnx import load_onnx
from landmarks.inference.onnx import open_onnx
from landmarks.inference.predictor import Predictor
from landmarks.inference.radii import Calibration, LandmarkCalibration, file_id
from landmarks.tasks.saved import load_model


def films(num: int) -> tuple[np.ndarray, np.ndarray]:
    """Network inputs [num, 1, 64, 96] of smooth noise, and maps to a source three times their size."""
    coarse = np.random.default_rng(num).integers(0, 256, (num, 1, 8, 12), dtype=np.uint8)
    to_source = np.tile(np.array([[3.0, 0, 1], [0, 3.0, 1]]), (num, 1, 1))
    return coarse.repeat(8, axis=2).repeat(8, axis=3), to_source


@pytest.mark.parametrize("num", [1, 2, 3])
def test_points_and_radii_are_those_of_the_checkpoint(checkpoint, onnx_file, num):
    torch_model, onnx_model = Predictor.load(checkpoint, device="cpu"), Predictor.load(onnx_file)
    expected, found = torch_model.predict(*films(num)), onnx_model.predict(*films(num))
    np.testing.assert_allclose(found.points_px, expected.points_px, atol=0.05)
    np.testing.assert_allclose(found.peaks, expected.peaks, atol=1e-4)
    np.testing.assert_allclose(radii.doubt_px(found), radii.doubt_px(expected), rtol=1e-2)


def test_the_mean_of_shifted_views_is_the_same_too(checkpoint, onnx_file):
    torch_model, onnx_model = (Predictor.load(path, device="cpu", tta=True) for path in (checkpoint, onnx_file))
    np.testing.assert_allclose(onnx_model.predict(*films(2)).points_px, torch_model.predict(*films(2)).points_px, atol=0.05)


def test_the_card_holds_landmarks_settings_terms_and_radii(checkpoint, tmp_path):
    source = tmp_path / "best.pt"
    source.write_bytes(checkpoint.read_bytes())
    landmarks = {"S": LandmarkCalibration(num=20, factor=1.5, fixed_mm=float("nan")),
                 "N": LandmarkCalibration(num=3, factor=float("inf"), fixed_mm=2.0)}  # fmt: skip
    protocol = {"image_size": [64, 96], "checkpoint_id": file_id(source), "checkpoint": "best.pt"}
    made = Calibration(coverage=0.9, images=("a",), protocol=protocol, landmarks=landmarks, hashes=("0",))
    radii.write_calibration(tmp_path / radii.FILE_NAME, made)
    export_onnx(source, tmp_path / "half.onnx", half=True, licence="CC BY 4.0", text="# Card")
    predictor = Predictor.load(tmp_path / "half.onnx")
    card = predictor.card
    assert (card.licence, card.text, card.precision, card.sigma, card.image_size) == (
        "CC BY 4.0",
        "# Card",
        "fp16",
        2,
        (64, 96),
    )
    assert card.settings["model"]["backbone"] == "hrnet_w18_small"
    assert card.checkpoint == f"best.pt {file_id(source)}"
    found = predictor.predict(*films(1))
    expected = radii.radii_px(Predictor.load(source, device="cpu").calibration, found, card.landmarks.symbols)
    np.testing.assert_array_equal(predictor.radii_px(found), expected)
    assert np.isfinite(expected).sum() == 1
    assert Predictor.load(tmp_path / "half.onnx", tta=True).calibration is None  # made without it
    assert (tmp_path / "half.onnx").stat().st_size < 0.6 * open_size(source, tmp_path)


def open_size(source, folder) -> int:
    return export_onnx(source, folder / "full.onnx").num_bytes


@pytest.mark.parametrize("where", [100, -10])
def test_an_altered_or_cut_file_is_refused(onnx_file, tmp_path, where):
    content = bytearray(onnx_file.read_bytes())
    content[where] ^= 1
    (tmp_path / "altered.onnx").write_bytes(content)
    with pytest.raises(ModelFileError, match="altered model"):
        open_onnx(tmp_path / "altered.onnx")
    (tmp_path / "cut.onnx").write_bytes(content[:-500])
    with pytest.raises(ModelFileError, match="truncated, or no model of this project"):
        open_onnx(tmp_path / "cut.onnx")


def test_what_is_no_model_is_named(tmp_path):
    for model, words in ((None, "found NoneType; give the path"), (tmp_path / "no.onnx", "no.onnx: cannot be read")):
        with pytest.raises(ValueError, match=words):
            Predictor.load(model)


def test_cards_survive_json(onnx_file):
    card = replace(open_onnx(onnx_file).card, licence="ä")
    assert card_from_dict(card_dict(card)) == card


def test_the_network_of_an_exported_file_gives_its_maps_and_can_be_trained(checkpoint, onnx_file):
    model, config, task = load_onnx(onnx_file)
    images = films(2)[0]
    found = model(torch.from_numpy(images))
    np.testing.assert_allclose(found.detach(), open_onnx(onnx_file, device="cpu").maps(images), atol=1e-4)
    saved = load_model(checkpoint)
    assert (task.landmarks, config.model) == (saved.landmarks, saved.config.model)
    found.square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for name, parameter in model.named_parameters() if "branches.0" in name)


def test_a_mean_of_networks_is_not_fine_tuned(checkpoint, tmp_path):
    export_onnx([checkpoint, checkpoint], tmp_path / "mean.onnx")
    with pytest.raises(ModelFileError, match="not one network"):
        load_onnx(tmp_path / "mean.onnx")
