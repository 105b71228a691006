"""The planner: what it counts without a device is what a real pass keeps, and what it chooses keeps the effective batch."""

from dataclasses import replace

import pytest
import torch

from landmarks.config import Config, DataConfig, LossConfig, ModelConfig
from landmarks.engine.account import LiveMemory, account_pass, empty_network
from landmarks.engine.build import prepare_run
from landmarks.engine.memory import MIB
from landmarks.engine.planner import fastest, plan
from landmarks.schema import AARIZ29
from landmarks.settings import SettingError
from landmarks.tasks.landmarks.heatmap import encode
from landmarks.tasks.landmarks.loss import heatmap_loss_sum
from landmarks.tasks.landmarks.task import LandmarkTask


def test_activations_of_w32_at_1024_in_half_precision():
    config = Config(data=DataConfig(root="x"), model=ModelConfig(backbone="hrnet_w32"))
    task = LandmarkTask(config, AARIZ29)
    model = empty_network(task, half=True)
    flops = {}
    for level, limit in (("none", 1900), ("stride4", 1000), ("all", 600)):
        model.recompute = level
        account = account_pass(task, model, (1024, 1024))
        assert account.peak <= limit * MIB, f"{level}: {account.peak / MIB:.0f} MiB"
        assert account.kept + account.loss <= limit * MIB
        assert account.loss <= 40 * MIB
        flops[level] = account.flops
    # three passes' worth of 330 GFLOPs; a full recompute adds the fourth
    assert flops["none"] == pytest.approx(1000e9, rel=0.02)
    assert 1.25 < flops["all"] / flops["none"] < 1.34


@pytest.mark.parametrize("level", ["none", "stride4", "all"])
def test_the_count_is_what_a_real_pass_keeps(level):
    settings = ModelConfig(backbone="hrnet_w18_small", head_channels=32)
    task = LandmarkTask(Config(data=DataConfig(root="x"), model=settings), AARIZ29)
    torch.manual_seed(0)
    model = task.build_network(pretrained=False, recompute=level).train()
    images = torch.zeros(1, 1, 64, 96, dtype=torch.uint8)
    own = {t.untyped_storage().data_ptr() for t in [*model.parameters(), *model.buffers()]}
    kept = {}

    def note(tensor):
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        maps = model(images)
    real = sum(s.nbytes() for address, s in kept.items() if address not in own) + maps.nbytes
    empty = empty_network(task, half=False)
    empty.recompute = level
    counted = account_pass(task, empty, (64, 96))
    if level == "none":  # hooks do not see what a recomputed part keeps: its inputs
        assert counted.kept == pytest.approx(real, rel=0.05)
    else:
        assert counted.kept >= 0.95 * real


def plain_loss(maps, points, loss):
    """Adaptive Wing with materialised targets, as one writes it first."""
    y = encode(points, tuple(maps.shape[2:]), 2.0)
    d, exponent = (maps - y).abs(), loss.alpha - y
    ratio = loss.theta / loss.epsilon
    slope = loss.omega * exponent * ratio ** (exponent - 1) / (loss.epsilon * (1 + ratio**exponent))
    offset = loss.theta * slope - loss.omega * torch.log1p(ratio**exponent)
    value = torch.where(d < loss.theta, loss.omega * torch.log1p((d / loss.epsilon) ** exponent), slope * d - offset)
    near = torch.nn.functional.max_pool2d(y, 3, stride=1, padding=1) >= 0.2
    return (value * (loss.foreground_weight * near + 1)).sum()


def test_the_loss_takes_a_quarter_of_the_plain_formulas_memory():
    torch.manual_seed(0)
    points, loss = torch.rand(2, 29, 2) * 255, LossConfig()
    maps = encode(points, (256, 256), 2.0) + 0.05 * torch.randn(2, 29, 256, 256)
    peaks, gradients = [], []
    for form in (plain_loss, lambda maps, points, loss: heatmap_loss_sum(maps, points, torch.ones(2, 29), 2.0, loss)):
        own, memory = maps.clone().requires_grad_(), LiveMemory()
        memory.leave_out(own)
        with memory:
            form(own, points, loss).backward()
        peaks.append(memory.peak)
        gradients.append(own.grad)
    assert peaks[0] >= 4 * peaks[1], [peak / MIB for peak in peaks]
    torch.testing.assert_close(*gradients, atol=1e-4, rtol=1e-5)


def test_the_fastest_that_fits_keeps_the_effective_batch(tiny_config):
    config = replace(tiny_config, train=replace(tiny_config.train, batch_size=3, accumulate=4))
    task = LandmarkTask(config, AARIZ29)
    roomy = plan(config, task, 64 * 2**30)
    assert fastest(roomy, 64 * 2**30).recompute == "none"
    assert {c.micro_batch * c.accumulate for c in roomy} == {12}
    assert [c.total for c in roomy if not c.fits] == []
    least = min(c.total for c in roomy)
    tight = fastest(plan(config, task, least), least)
    assert tight.micro_batch == 1
    with pytest.raises(ValueError, match=r"train\.batch_size: nothing fits into"):
        fastest([replace(choice, fits=False) for choice in roomy], least - 1)
    inf = float("inf")
    assert fastest(roomy, 2**30, {0: (inf, inf), 1: (900.0, 2.0), 2: (800.0, 1.5), 3: (2000.0, 1.0)}) == roomy[2]
    with pytest.raises(ValueError, match="of all that should fit, nothing did"):
        fastest(roomy, 2**30, {0: (inf, inf)})


def test_auto_settles_at_the_start_of_a_run_and_stays_when_it_goes_on(tiny_config, tmp_path, caplog):
    train = replace(tiny_config.train, batch_size="auto", effective_batch=4, accumulate=1, log_images=0)
    config = replace(tiny_config, train=train)
    run = prepare_run(config, tmp_path / "run", resume=None)
    found = run.config.train
    assert found.batch_size * found.accumulate == 4
    assert "train.batch_size: auto -> " in caplog.text
    run.close()
    with pytest.raises(SettingError, match=r"train\.batch_size: found 'many'; write a whole number from 1, or auto"):
        replace(train, batch_size="many")
