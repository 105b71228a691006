"""Stages of a recipe: settings change at their borders, the state does not, and a run that is killed there is the same run."""

from dataclasses import replace

import pytest
import torch
from side_task import SideTask

from landmarks.checkpointfile import CheckpointError, read_checkpoint
from landmarks.config import AugmentConfig, Stage
from landmarks.configfile import config_from_dict, config_to_dict
from landmarks.data.batches import BatchPlan, largest_size, training_sizes
from landmarks.engine.build import prepare_run
from landmarks.engine.memory import CONTEXT_BYTES
from landmarks.engine.network import freeze_backbone, make_optimizer, start_training_mode
from landmarks.engine.planner import plan, settle_batches
from landmarks.engine.soak import compare_runs, metric_lines
from landmarks.engine.stages import begin_stage
from landmarks.engine.trainer import fit
from landmarks.models.build import build_hrnet
from landmarks.stages import settings_at, stage_at, stage_settings
from landmarks.trainconfig import TrainConfig


class Killed(Exception):
    pass


def changed(config, **sections):
    return replace(config, **{name: replace(getattr(config, name), **values) for name, values in sections.items()})


@pytest.fixture
def staged(quick_config):
    """Four epochs of 15 images: small and frozen, oblong in windows of 2 x 2, in several scales without augmentation."""
    quiet = {key: 0.0 for key in AugmentConfig.__dataclass_fields__}
    stages = (
        Stage(epochs=2, changes={"train": {"backbone_share": 0.0}}),
        Stage(epochs=1, changes={"data": {"image_size": (96, 64)}, "train": {"batch_size": 2, "backbone_rate": 0.5}}),
        Stage(epochs=1, changes={"data": {"scales": (0.5, 1.0, 2.0)}, "augment": quiet}),
    )
    config = changed(quick_config, train={"save_every_steps": 1, "lr": 1e-3, "ema_epochs": 1, "log_images": 0})
    return replace(config, stages=stages)


def kill_after(run, epoch, windows):
    """Trains until this state is on the disk."""
    save = run.checkpoints.save

    def save_then_die(name, content):
        save(name, content)
        if name == "latest.pt" and (run.progress.epoch, run.progress.windows) == (epoch, windows):
            raise Killed

    run.checkpoints.save = save_then_die
    with pytest.raises(Killed):
        fit(run)
    run.close()


def test_a_run_killed_around_a_border_is_the_same_run(staged, tmp_path):
    fit(prepare_run(staged, tmp_path / "whole", resume=None))
    for moment in ((1, 2), (2, 0), (2, 1), (3, 0), (3, 1)):  # before, at and after the borders
        run = prepare_run(staged, tmp_path / "parts", resume=tmp_path / "parts")
        kill_after(run, *moment)
    fit(prepare_run(staged, tmp_path / "parts", resume=tmp_path / "parts"))
    assert compare_runs(tmp_path / "whole", tmp_path / "parts") == []


def test_settings_change_and_the_state_stays(staged, tmp_path, caplog):
    run = prepare_run(staged, tmp_path, resume=None)
    fit(run)
    steps = [line for line in metric_lines(tmp_path) if line["kind"] == "step"]
    assert [line["epoch"] for line in steps] == [1] * 2 + [2] * 2 + [3] * 4 + [4] * 2
    assert "stage 2 of 3, epochs 3 to 3: data.image_size=[96,64] train.batch_size=2 train.backbone_rate=0.5" in caplog.text
    saved = read_checkpoint(tmp_path / "checkpoints" / "latest.pt")
    recipe = config_from_dict(saved["recipe"])
    assert recipe == staged
    assert config_from_dict(saved["config"]) == settings_at(staged, 4)
    assert saved["config"]["data"]["scales"] == [0.5, 1.0, 2.0]
    states = saved["optimizer"]["state"]
    taken = {name: int(states[i]["step"]) for i, name in enumerate(_names_by_group(run))}
    assert {n for n, steps in taken.items() if steps == 10} == {"5.weight", "5.bias"}, "the head learned from the start"
    assert {steps for n, steps in taken.items() if not n.startswith("5.")} == {6}, "the backbone from the second stage"


def _names_by_group(run):
    names = {id(p): name for name, p in run.learner.model.named_parameters()}
    return [names[id(p)] for group in run.learner.optimizer.param_groups for p in group["params"]]


def test_images_are_decoded_again_only_for_another_size(staged, tmp_path):
    run = prepare_run(staged, tmp_path, resume=None)
    stores = []
    for epoch in range(4):
        run.progress.epoch = epoch
        begin_stage(run)
        stores.append(run.train.dataset.store)
    assert stores[0] is stores[1]
    assert len({id(store) for store in stores}) == 3
    run.close()


def test_another_recipe_is_refused(staged, tmp_path):
    fit(prepare_run(replace(staged, stages=staged.stages[:1]), tmp_path, resume=None))
    with pytest.raises(CheckpointError, match=r"stages had the epochs \[2\], have \[2, 1, 1\]"):
        prepare_run(staged, tmp_path, resume=tmp_path)
    other = Stage(epochs=2, changes={"train": {"backbone_share": 0.5}})
    with pytest.raises(CheckpointError, match=r"stages\.1\.train\.backbone_share was 0\.0, is 0\.5"):
        prepare_run(replace(staged, stages=(other,)), tmp_path, resume=tmp_path)
    prepare_run(replace(staged, stages=(other,)), tmp_path, resume=tmp_path, force=True).close()


def test_which_stage_an_epoch_belongs_to(staged):
    assert [stage_at(staged, epoch) for epoch in range(5)] == [0, 0, 1, 2, 2]
    assert staged.train.epochs == 4
    assert [config.data.image_size for config in stage_settings(staged)] == [(64, 64), (96, 64), (64, 64)]
    assert config_from_dict(config_to_dict(staged)) == staged


def test_a_share_of_the_backbone_learns():
    torch.manual_seed(0)
    model = build_hrnet("hrnet_w18_small", num_landmarks=3, head_channels=16)
    units = model.backbone_units()
    assert {id(p) for unit in units for p in unit.parameters()} == {id(p) for p in model.backbone.parameters()}
    images = torch.randint(0, 255, (2, 1, 64, 64), dtype=torch.uint8)
    for share, learning in ((0.0, 0), (0.25, 2), (0.5, 3), (1.0, len(units))):
        freeze_backbone(model, share)
        start_training_mode(model, "local")
        before = {name: value.clone() for name, value in model.named_buffers()}
        model.zero_grad()
        model(images).sum().backward()
        for number, unit in enumerate(units):
            learns = number >= len(units) - learning
            assert all((p.grad is not None) == learns for p in unit.parameters())
        moved = {name for name, value in model.named_buffers() if not torch.equal(value, before[name])}
        own = {id(b) for unit in units[len(units) - learning :] for b in unit.buffers()} | {id(b) for b in model.head.buffers()}
        assert moved == {name for name, value in model.named_buffers() if id(value) in own}, "frozen statistics stay"


def test_optimizers_step_as_their_formulas_say():
    for kind, reference in (("adam", torch.optim.Adam), ("sgd", torch.optim.SGD), ("adamw", torch.optim.AdamW)):
        nets = []
        for _ in range(2):
            torch.manual_seed(0)
            nets.append(torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Linear(3, 1)))
        nets[0].undecayed, nets[0].backbone_units = list, lambda net=nets[0]: [net[0]]
        words = {"momentum": 0.9} if kind == "sgd" else {}
        kernels, biases = ([p for p in nets[1].parameters() if (p.ndim > 1) == many] for many in (True, False))
        groups = [{"params": kernels, "weight_decay": 0.1}, {"params": biases, "weight_decay": 0.0}]
        steps = [
            make_optimizer(nets[0], TrainConfig(optimizer=kind, lr=0.01, weight_decay=0.1), backbone_apart=True),
            reference(groups, lr=0.01, **words),
        ]
        for _ in range(3):
            for net, step in zip(nets, steps, strict=True):
                step.zero_grad()
                net(torch.ones(2, 4)).square().sum().backward()
                step.step()
        for one, other in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
            torch.testing.assert_close(one, other)


def test_each_window_has_one_scale(staged):
    data = replace(staged.data, image_size=(416, 352), scales=(0.5, 0.77, 1.3))
    sizes = training_sizes(data)
    assert sizes == ((192, 192), (320, 256), (544, 448))
    assert largest_size(data) == (544, 448)
    assert largest_size(replace(data, scales=(0.5,))) == (416, 352)
    numbers = []
    for rank in range(2):
        words = {"seed": 0, "shuffle": True, "rank": rank, "ranks": 2}
        plan = BatchPlan(200, 4, **words, num_sizes=3, accumulate=5)
        plain = BatchPlan(200, 4, **words)
        batches = list(plan)
        assert [[key[:2] for key in batch] for batch in batches] == list(plain)
        numbers.append([{key[2] for key in batch} for batch in batches])
        plan.start = 20
        assert list(plan) == batches[20:]
    assert numbers[0] == numbers[1]
    windows = [numbers[0][first : first + 5] for first in range(0, 50, 5)]
    assert all(len(set.union(*window)) == 1 for window in windows)
    assert len(set.union(*numbers[0])) == 3


def test_every_stage_has_a_batch_that_fits(quick_config, monkeypatch):
    stages = (Stage(epochs=1), Stage(epochs=1, changes={"data": {"image_size": (512, 512)}}))
    config = replace(changed(quick_config, train={"batch_size": "auto", "effective_batch": 8, "accumulate": 1}), stages=stages)
    task = SideTask(0, 1)
    (limit,) = {
        c.total for c in plan(stage_settings(config)[1], task, 0, cuda=False) if (c.micro_batch, c.recompute) == (4, "none")
    }
    monkeypatch.setattr("landmarks.engine.planner.available_memory", lambda: limit)
    settled, lines = settle_batches(config, task, torch.device("cpu"), None)
    found = [(settings.train.batch_size, settings.train.accumulate) for settings in stage_settings(settled)]
    assert found == [(8, 1), (4, 2)]
    assert [line.split(":")[0] for line in lines] == ["stages.1.train.batch_size", "stages.2.train.batch_size"]
    # a batch that is written stays, with a warning where a card is too small for it
    monkeypatch.setattr("landmarks.engine.planner.usable_memory", lambda *words: limit + CONTEXT_BYTES)
    written = changed(config, train={"batch_size": 8})
    settled, lines = settle_batches(written, task, torch.device("cuda"), None)
    assert settled == written
    start = "stages.2.train.batch_size: 8 images with train.recompute=none"
    assert [line.split(" need about")[0] for line in lines] == [start]
