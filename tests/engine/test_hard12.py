"""Training on the 12 hard landmarks alone: their maps alone are made, and the other landmarks' filters stay as they were."""

from dataclasses import replace
from itertools import islice

import torch

from landmarks.config import LossConfig
from landmarks.engine.build import prepare_run
from landmarks.engine.checkpoint import CheckpointFolder
from landmarks.engine.saving import save
from landmarks.engine.step import train_window
from landmarks.models.build import build_model
from landmarks.models.forward import forward_in_parts
from landmarks.schema import AARIZ29, HARD12_WEIGHTS


def test_training_on_the_hard_twelve_spares_the_others(tiny_config, tmp_path):
    config = replace(tiny_config, loss=LossConfig(preset="hard12_only"))
    run = prepare_run(config, tmp_path / "run", resume=None)
    hard = torch.tensor([symbol in HARD12_WEIGHTS for symbol in AARIZ29.symbols])
    final = run.learner.model.head.final
    before = (final.weight.detach().clone(), final.bias.detach().clone())
    run.learner.model.train()
    window = list(islice(iter(run.train.loader), 1))
    for _ in range(3):
        assert train_window(run.learner, window).stepped
    for old, new in zip(before, (final.weight, final.bias), strict=True):
        assert torch.equal(old[~hard], new[~hard]), "a landmark of weight 0 was changed"
        assert (old[hard] != new[hard]).reshape(12, -1).any(1).all(), "a hard landmark was not trained"
    assert run.learner.net(window[0].image).shape[1] == 12
    assert forward_in_parts(run.learner.shown, window[0].image, torch.device("cpu"), "fp32").shape[1] == 29
    save(run, "latest.pt")
    run.close()
    _, saved, _ = CheckpointFolder(tmp_path / "run", keep=1).newest_sound()
    assert "trained" not in saved["model"]
    assert torch.equal(saved["model"]["head.final.weight"], final.weight)


def test_maps_of_some_landmarks_are_those_of_all(tiny_config):
    torch.manual_seed(0)
    net = build_model(tiny_config.model, 5).train()
    images = torch.randint(0, 255, (2, 1, 64, 64), dtype=torch.uint8)
    every = net(images)
    net.train_only([3, 1])
    torch.testing.assert_close(net(images), every[:, [3, 1]], atol=1e-6, rtol=1e-5)
    assert net.eval()(images).shape[1] == 5
