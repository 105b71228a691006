"""The stage task: targets, losses, regions, and what its settings refuse."""

import dataclasses

import numpy as np
import pytest
import torch

from landmarks.cervical import STAGES, cervical_map
from landmarks.config import Config, DataConfig, ModelConfig
from landmarks.cvmconfig import CvmConfig
from landmarks.formats.reading import read_dataset
from landmarks.geometry import apply_map
from landmarks.models.build import build_classifier
from landmarks.models.classifier import timm_names
from landmarks.settings import SettingError
from landmarks.tasks.cvm.loss import focal, ordinal, stage_losses
from landmarks.tasks.cvm.targets import StageTargets, soft_target
from landmarks.tasks.cvm.task import StageTask


def test_smoothing_spreads_to_neighbours_or_evenly():
    np.testing.assert_allclose(soft_target((4,), 0.1, "neighbours"), [0, 0, 0.05, 0.9, 0.05, 0])
    np.testing.assert_allclose(soft_target((1,), 0.1, "neighbours"), [0.9, 0.1, 0, 0, 0, 0])
    np.testing.assert_allclose(soft_target((6,), 0.3, "evenly"), [0.05] * 5 + [0.75])
    np.testing.assert_allclose(soft_target((4, 5), 0.0, "evenly"), [0, 0, 0, 0.5, 0.5, 0])


def test_losses_are_their_formulas():
    rng = np.random.default_rng(0)
    scores, target = rng.normal(0, 2, (5, 6)), rng.dirichlet(np.ones(6), 5)
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    as_tensor = torch.tensor(scores), torch.tensor(target)
    alpha = np.array([1, 2, 1, 1, 1, 0.5])
    wanted = -(alpha * target * (1 - p) ** 2 * np.log(p)).sum(axis=1)
    found = focal(as_tensor[0].log_softmax(1), as_tensor[1], 2.0, torch.tensor(alpha))
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-6)
    above, true_above = (1 - x.cumsum(axis=1)[:, :-1] for x in (p, target))
    wanted = -(true_above * np.log(above) + (1 - true_above) * np.log(1 - above)).sum(axis=1)
    np.testing.assert_allclose(ordinal(*as_tensor).numpy(), wanted, rtol=1e-9)
    plain = stage_losses(as_tensor[0], as_tensor[1].float(), CvmConfig())
    np.testing.assert_allclose(plain.numpy(), -(target * np.log(p)).sum(axis=1), rtol=1e-5)


@pytest.mark.parametrize("name", ["cross_entropy", "focal", "ordinal"])
def test_gradients_stay_finite_where_the_network_is_sure(name):
    scores = torch.tensor([[80.0, 0, 0, 0, 0, -80.0], [0, 0, 0, 0, 0, 120.0]], requires_grad=True)
    target = torch.tensor([[0.0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 1]])
    stage_losses(scores, target, CvmConfig(loss=name, focal_gamma=0.5)).sum().backward()
    assert torch.isfinite(scores.grad).all()
    assert scores.grad[0, 5] < 0


def test_balanced_weights_make_every_stage_count_alike():
    config = Config(data=DataConfig(), cvm=CvmConfig(balanced=True, weights={"CS3": 2.0}))
    counts = (10, 20, 5, 0, 40, 25)
    task = StageTask(config, (), counts)
    weights = task._class_weights()
    sums = weights * counts
    np.testing.assert_allclose(sums[[0, 1, 4, 5]], 20.0)
    assert sums[2] == pytest.approx(40.0)


def test_the_region_follows_the_head(synthetic_root):
    """The spine's top and C4 lie inside, whatever the head's size, turn and side; the mouth does not."""
    data = read_dataset("synthetic", synthetic_root)
    record, symbols = data.records[0], data.landmarks.symbols
    inside = cervical_map(record.points_px, symbols, (96, 96))
    at = {s: apply_map(inside, record.points_px[symbols.index(s)][None])[0] for s in ("Ar", "Go", "UIT", "S")}
    assert 48 < at["Ar"][0] < 96
    assert at["Ar"][1] < at["Go"][1] < 96
    assert at["UIT"][0] > 120
    assert at["S"][1] < 0
    turn = np.array([[0.8, -0.6], [0.6, 0.8]])
    moved = 1.7 * record.points_px @ turn.T + (30, -50)
    np.testing.assert_allclose(
        apply_map(cervical_map(moved, symbols, (96, 96)), moved), apply_map(inside, record.points_px), atol=0.01
    )
    mirrored = record.points_px * (-1, 1) + (500, 0)
    np.testing.assert_allclose(
        apply_map(cervical_map(mirrored, symbols, (96, 96)), mirrored), apply_map(inside, record.points_px), atol=0.01
    )
    few = np.where(np.arange(len(symbols))[:, None] < 4, record.points_px, np.nan)
    assert cervical_map(few, symbols, (96, 96)) is None


def test_a_target_without_a_stage_counts_for_nothing(synthetic_root):
    record = read_dataset("synthetic", synthetic_root).records[0]
    targets = StageTargets(CvmConfig(), (), np.ones(6))
    without = targets.target(dataclasses.replace(record, cvm_stage=None), np.eye(2, 3), (64, 64))
    assert float(without.weight) == 0
    both = targets.target(dataclasses.replace(record, cvm_stage=4, cvm_readers=(4, 5)), np.eye(2, 3), (64, 64))
    np.testing.assert_allclose(both.probabilities.numpy(), [0, 0, 0, 0.5, 0.5, 0])


@pytest.mark.parametrize("name", ["tf_efficientnetv2_b0", "efficientnet_lite0", "hrnet_w18_small"])
def test_a_backbone_gives_a_score_a_stage(name):
    network = build_classifier(ModelConfig(backbone=name), len(STAGES)).eval()
    with torch.no_grad():
        assert network(torch.zeros(2, 1, 64, 64, dtype=torch.uint8)).shape == (2, 6)


def test_weights_under_the_names_of_another_package_fit_exactly(tmp_path):
    network = build_classifier(ModelConfig(backbone="tf_efficientnet_lite0", in_channels=3), 6)
    stages = [f"{s}.{b}" for s, stage in enumerate(network.backbone.blocks) for b in range(len(stage))]
    back = {"conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head", "bn2": "_bn1"}
    first = {"conv_dw": "_depthwise_conv", "bn1": "_bn1", "conv_pw": "_project_conv", "bn2": "_bn2"}
    later = {"conv_pw": "_expand_conv", "bn1": "_bn0", "conv_dw": "_depthwise_conv", "bn2": "_bn1",
             "conv_pwl": "_project_conv", "bn3": "_bn2"}  # fmt: skip
    theirs = {}
    for key, value in network.backbone.state_dict().items():
        outer, *rest = key.split(".")
        if outer == "blocks":
            number = stages.index(".".join(rest[:2]))
            rest = [str(number), (later if number else first)[rest[2]], *rest[3:]]
        theirs[".".join([back.get(outer, "_blocks"), *rest])] = value
    assert timm_names(theirs, network.backbone).keys() == network.backbone.state_dict().keys()
    torch.save(theirs, tmp_path / "weights.pth")
    settings = ModelConfig(backbone="tf_efficientnet_lite0", pretrained=str(tmp_path / "weights.pth"))
    loaded = build_classifier(settings, 6).backbone
    torch.testing.assert_close(loaded.blocks[1][0].conv_dw.weight, network.backbone.blocks[1][0].conv_dw.weight)
    torch.testing.assert_close(loaded.conv_stem.weight, network.backbone.conv_stem.weight.sum(1, keepdim=True))


def test_settings_that_cannot_be_are_refused(synthetic_root):
    with pytest.raises(SettingError, match=r"cvm\.weights: found 'CS7'"):
        CvmConfig(weights={"CS7": 1.0})
    with pytest.raises(SettingError, match=r"cvm\.tta"):
        CvmConfig(tta=("plain", "sideways"))
    config = Config(data=DataConfig(), cvm=CvmConfig(region="cervical"))
    with pytest.raises(SettingError, match=r"data\.cache_scale: found 1\.25; write 4"):
        StageTask.from_records(config, read_dataset("synthetic", synthetic_root))
    with pytest.raises(ValueError, match=r"model\.backbone: unknown network 'resnet9'"):
        build_classifier(ModelConfig(backbone="resnet9"), 6)
