"""Weights alone are taken where a checkpoint is: by the predictor and as the start of another run."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from landmarks.checkpointfile import CheckpointError, read_checkpoint
from landmarks.inference.predictor import Predictor
from landmarks.tasks.saved import init_from, load_model, write_weights


def test_weights_predict_and_start_a_run_as_their_checkpoint_does(checkpoint, tmp_path):
    weights = tmp_path / "model.safetensors"
    write_weights(weights, read_checkpoint(checkpoint))
    film = np.random.default_rng(0).integers(0, 256, (90, 70), dtype=np.uint8)
    found, expected = (Predictor.load(path, device="cpu")(film, as_it_is=True) for path in (weights, checkpoint))
    np.testing.assert_array_equal(found.points_px, expected.points_px)
    loaded = load_model(weights)
    network = loaded.task.build_network(pretrained=False, recompute="none")
    assert "29 landmark maps" in init_from(loaded.task, network, weights)
    torch.testing.assert_close(network.state_dict(), loaded.model.state_dict())


def test_weights_of_others_and_broken_ones_are_named(tmp_path):
    save_file({"a": torch.zeros(2)}, tmp_path / "foreign.safetensors")
    with pytest.raises(CheckpointError, match="without the settings of this project"):
        load_model(tmp_path / "foreign.safetensors")
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "foreign.safetensors").read_bytes()[:20])
    for name in ("cut", "missing"):
        with pytest.raises(CheckpointError, match=f"{name}.safetensors: cannot be read as weights"):
            load_model(tmp_path / f"{name}.safetensors")
