"""Resuming what has changed: refused, or with --force continued at the same image, rate and settings."""

import os
import subprocess
import sys
import threading
from dataclasses import replace

import pytest
import torch

from landmarks.checkpointfile import CheckpointError, read_checkpoint, write_checkpoint
from landmarks.engine.build import prepare_run
from landmarks.engine.network import load_optimizer, make_optimizer
from landmarks.engine.runfolder import RunFolder
from landmarks.engine.saving import save
from landmarks.engine.step import train_window
from landmarks.engine.trainer import fit
from landmarks.trainconfig import TrainConfig


def changed(config, **sections):
    return replace(config, **{name: replace(getattr(config, name), **values) for name, values in sections.items()})


@pytest.fixture
def stopped(quick_config, tmp_path):
    """A run of 15 images in windows of 4, stopped after two of the first epoch's four windows."""
    config = changed(quick_config, train={"batch_size": 2, "accumulate": 2, "epochs": 4, "warmup_epochs": 1, "lr": 1e-3})
    run = prepare_run(config, tmp_path / "run", resume=None)
    batches = iter(run.train.loader)
    for _ in range(2):
        train_window(run.learner, [next(batches), next(batches)])
        run.progress.windows, run.progress.step = run.progress.windows + 1, run.progress.step + 1
    run.progress.best, run.progress.best_epoch = 1.5, 0
    save(run, "latest.pt")
    run.close()
    return config, tmp_path / "run"


def resume(config, output, **words):
    return prepare_run(config, output, resume=output, **words)


def test_another_batch_continues_at_the_same_image_and_rate(stopped, caplog):
    config, output = stopped
    other = changed(config, train={"batch_size": 1, "accumulate": 2, "weight_decay": 0.5})
    with pytest.raises(CheckpointError, match=r"train\.batch_size was 2, is 1.*add --force"):
        resume(other, output)
    run = resume(other, output, force=True)
    assert "resumed although train.batch_size was 2, is 1" in caplog.text
    assert run.progress.windows == 4, "eight images are four windows of two"
    assert [group["weight_decay"] for group in run.learner.optimizer.param_groups] == [0.5, 0.0]
    run.train.plan.start = run.progress.windows * 2
    train_window(run.learner, list(run.train.loader)[:2])
    # half of the warm-up's epoch is behind: 4 of its 8 windows
    assert run.learner.optimizer.param_groups[0]["lr"] == pytest.approx(1e-3 * 5 / 8)
    run.close()


def test_the_best_value_of_other_validation_images_no_longer_counts(stopped, caplog):
    config, output = stopped
    other = changed(config, data={"val_split": "test"})
    run = resume(other, output, force=True)
    assert "the best value so far is of other validation images" in caplog.text
    assert (run.progress.best, run.progress.best_epoch) == (None, 0)
    run.close()
    run = resume(config, output)
    assert run.progress.best == 1.5
    run.close()


def test_moments_lie_in_memory_as_their_weights_do():
    torch.manual_seed(0)
    images = torch.randn(2, 8, 5, 5)
    states = []
    for other in (torch.contiguous_format, torch.channels_last):
        torch.manual_seed(1)
        nets = [torch.nn.Conv2d(8, 4, 3), torch.nn.Conv2d(8, 4, 3).to(memory_format=other)]
        for net in nets:
            net.undecayed = list
        first, second = (make_optimizer(net, TrainConfig(lr=1e-2)) for net in nets)
        nets[0](images).square().sum().backward()
        first.step()
        nets[1].load_state_dict(nets[0].state_dict())
        load_optimizer(second, first.state_dict())
        nets[1](images).square().sum().backward()
        second.step()
        states.append(nets[1].weight.detach().contiguous())
    torch.testing.assert_close(*states, atol=1e-6, rtol=1e-5)


def test_a_requeued_run_waits_until_the_one_before_it_has_saved(tmp_path):
    hold = "import pathlib, sys; from landmarks.engine.runfolder import RunFolder"
    hold += "; folder = RunFolder(pathlib.Path(sys.argv[1])); folder.claim(); print('held', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "held\n"
        folder = RunFolder(tmp_path)
        with pytest.raises(ValueError, match="another run is writing here"):
            folder.claim()
        end = threading.Timer(0.5, lambda: other.communicate("\n"))
        end.start()
        folder.claim(patience=60)
        end.join()
    folder.close()


def test_the_folder_is_held_before_its_state_is_read(quick_config, tmp_path, monkeypatch):
    order = []
    monkeypatch.setattr(RunFolder, "claim", lambda self, patience=0: order.append("locked"))
    monkeypatch.setattr("landmarks.engine.build.find_checkpoint", lambda *words: order.append("read") or (None, None))
    prepare_run(quick_config, tmp_path, resume=None).close()
    assert order == ["locked", "read"]


def test_a_file_system_that_syncs_no_folder_ends_no_run(tmp_path, monkeypatch):
    whole = os.fsync

    def fsync(handle):
        if os.path.isdir(f"/proc/self/fd/{handle}"):
            raise OSError(22, "Invalid argument")
        whole(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    write_checkpoint(tmp_path / "latest.pt", {"model": {"w": torch.zeros(3)}, "config": {}})
    assert read_checkpoint(tmp_path / "latest.pt")["model"]["w"].shape == (3,)


def test_a_checkpoint_of_the_first_format_resumes(tiny_config, tmp_path):
    config = changed(tiny_config, train={"epochs": 1})
    fit(prepare_run(config, tmp_path / "new", resume=None))
    path = tmp_path / "new" / "checkpoints" / "latest.pt"
    content = read_checkpoint(path)
    content |= {"format": 1, "landmarks": content.pop("task")["landmarks"]}
    del content["config"]["model"]["task"], content["config"]["train"]["threads"], content["progress"]["unit"]
    write_checkpoint(path, content)
    run = resume(config, tmp_path / "new")
    assert run.progress.finished
    run.close()
