"""Every task through the same engine: it trains, resumes bit for bit, evaluates and recovers from lack of memory.

The second task lives in this folder alone: what it needs of the engine, any task may rely on.
"""

import dataclasses
import pickle
from itertools import islice

import numpy as np
import pytest
import torch
from side_task import SideTask

from landmarks.checkpointfile import read_checkpoint
from landmarks.config import AugmentConfig
from landmarks.data.loading import read_split
from landmarks.engine import step
from landmarks.engine.account import account_pass, empty_network
from landmarks.engine.build import prepare_run
from landmarks.engine.planner import fastest, plan
from landmarks.engine.soak import compare_runs
from landmarks.engine.step import train_window
from landmarks.engine.trainer import fit
from landmarks.models.forward import forward_in_parts
from landmarks.settings import SettingError
from landmarks.tasks import TASKS, task_type
from landmarks.tasks.saved import describe_checkpoint, load_model

NAMES = [*TASKS, "side"]


@pytest.fixture(params=NAMES)
def config(request, tiny_config, monkeypatch):
    monkeypatch.setitem(TASKS, "side", SideTask)
    augment = AugmentConfig(rotate=0, noise=0, blur=0, flip=0.5 if request.param == "side" else 0)
    return changed(dataclasses.replace(tiny_config, augment=augment), model={"task": request.param})


def changed(config, **sections):
    return dataclasses.replace(
        config, **{name: dataclasses.replace(getattr(config, name), **values) for name, values in sections.items()}
    )


def test_a_task_trains_resumes_bit_for_bit_and_predicts_from_its_checkpoint(config, tmp_path):
    config = changed(config, train={"epochs": 1, "save_every_steps": 1})
    summary = fit(prepare_run(config, tmp_path / "whole", resume=None))
    assert (summary["score"], summary["best"] is None) == (task_type(config).score.name, False)
    run = prepare_run(config, tmp_path / "parts", resume=None)
    save = run.checkpoints.save

    def save_then_die(name, content):
        save(name, content)
        raise KeyboardInterrupt

    run.checkpoints.save = save_then_die
    with pytest.raises(KeyboardInterrupt):
        fit(run)
    run.close()
    resumed = prepare_run(config, tmp_path / "parts", resume=tmp_path / "parts")
    assert resumed.progress.step == 1
    fit(resumed)
    assert compare_runs(tmp_path / "whole", tmp_path / "parts") == []

    path = tmp_path / "whole" / "checkpoints" / "best.pt"
    loaded = load_model(path)
    sample = resumed.valid.dataset[(0, 0)]
    outputs = forward_in_parts(loaded.model, sample.image[None], torch.device("cpu"), "fp32")
    found = loaded.task.predict(outputs, sample.to_source[None])
    whole = loaded.task.unknown(3)
    whole.put(np.array([2]), found, np.array([True]))
    merged = whole.merge(lambda rows: rows)
    for rows, part in zip(arrays(merged), arrays(found), strict=True):
        assert np.isnan(rows[:2]).all()
        np.testing.assert_array_equal(rows[2], part[0])
    assert "weights: " in describe_checkpoint(read_checkpoint(path))


def arrays(predictions):
    return [getattr(predictions, field.name) for field in dataclasses.fields(predictions)]


def test_a_task_recovers_from_lack_of_memory(config, tmp_path, monkeypatch):
    run = prepare_run(config, tmp_path, resume=None)
    run.learner.model.train()
    window = list(islice(iter(run.train.loader), 2))
    whole, calls = step.batch_loss, []

    def injected(learner, batch, clock):
        calls.append(len(batch.index))
        if len(calls) == 2:
            raise torch.OutOfMemoryError("injected")
        return whole(learner, batch, clock)

    monkeypatch.setattr(step, "batch_loss", injected)
    result = train_window(run.learner, window)
    assert result.stepped
    assert calls == [4, 4, 2, 2, 2, 2]
    assert run.progress.micro_batch == 2
    run.close()


def test_a_task_keeps_the_protocol(config):
    data = config.data
    records = read_split(data, "train", seed=0)
    task = task_type(config).from_records(config, records)
    assert task_type(config).name == config.model.task == task.name
    again = task_type(config).from_dict(config, pickle.loads(pickle.dumps(task.to_dict())))
    assert again.to_dict() == task.to_dict()
    assert task.difference(again.to_dict()) == ""
    pickle.loads(pickle.dumps(task.targets))  # workers are spawned on Windows

    target = torch.utils.data.default_collate([task.targets.example(), task.targets.empty()])
    torch.manual_seed(0)
    network = task.build_network(pretrained=False, recompute="none").train()
    outputs = network(torch.zeros(2, 1, *data.image_size, dtype=torch.uint8)).detach().requires_grad_()
    loss = task.loss_sum(outputs, target)
    assert loss.shape == ()
    loss.backward()
    assert outputs.grad[0].any()
    assert not outputs.grad[1].any(), "an image that counts for nothing has a gradient"
    only = torch.utils.data.default_collate([task.targets.example()])
    assert task.weight_sum(target) == task.weight_sum(only) > 0

    counted = account_pass(task, empty_network(task, half=False), data.image_size)
    assert counted.kept > 0
    assert fastest(plan(config, task, 2**34), 2**34).micro_batch <= 8
    assert task_type(config).from_settings(config).build_network(pretrained=False, recompute="none")


def test_an_unknown_task_is_refused(tiny_config, tmp_path):
    with pytest.raises(SettingError, match=r"model\.task: found 'smile'; write one of landmarks"):
        prepare_run(changed(tiny_config, model={"task": "smile"}), tmp_path / "run", resume=None)
    assert not (tmp_path / "run").exists()
