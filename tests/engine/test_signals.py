"""What signals do to a run: it saves, and stops or continues; nothing of an epoch is lost."""

import os
import signal
from dataclasses import replace

import pytest
import torch

from landmarks.checkpointfile import read_checkpoint
from landmarks.data.batches import BatchPlan
from landmarks.data.loading import open_dataset
from landmarks.data.workers import make_loader
from landmarks.engine import trainer, validation
from landmarks.engine.build import prepare_run
from landmarks.engine.checkpoint import capture_generators
from landmarks.engine.soak import compare_runs
from landmarks.engine.stopping import Signals, Stopped
from landmarks.engine.trainer import fit
from landmarks.formats.records import DataError

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="Windows has none of these signals")


def test_handlers_only_note(capfd):
    signals = Signals()
    with signals.collect():
        for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP, signal.SIGTERM):
            signal.raise_signal(number)
        assert signals.stop == [signal.SIGUSR2, signal.SIGHUP, signal.SIGTERM]
        assert signals.take() == (1.0, 1.0)
        assert signals.take() == (1.0, 0.0), "a wish to save is granted once"
        with pytest.raises(KeyboardInterrupt):  # a stop is under way: Ctrl+C means now
            signal.raise_signal(signal.SIGINT)
    assert capfd.readouterr() == ("", "")


def during(monkeypatch, run, module, name: str, number: int):
    """Sends this process a signal the first time that a function of the engine is called."""
    whole, sent = getattr(module, name), []

    def wrapped(*words):
        if not sent:
            sent.append(signal.raise_signal(number))
        return whole(*words)

    monkeypatch.setattr(module, name, wrapped)


def test_an_early_warning_saves_and_the_run_continues(quick_config, tmp_path, monkeypatch):
    run = prepare_run(quick_config, tmp_path, resume=None)
    saved, save = [], run.checkpoints.save
    run.checkpoints.save = lambda name, content: saved.append((name, content["progress"]["step"])) or save(name, content)
    during(monkeypatch, run, trainer, "train_window", signal.SIGUSR1)
    assert fit(run)["epochs"] == 2
    assert saved[0] == ("latest.pt", 1)


def test_a_signal_during_validation_stops_at_once_and_loses_no_step(quick_config, tmp_path, monkeypatch):
    fit(prepare_run(quick_config, tmp_path / "whole", resume=None))
    run = prepare_run(quick_config, tmp_path / "parts", resume=None)
    during(monkeypatch, run, validation, "predict", signal.SIGTERM)
    run.valid.plan.batch_size = 1  # so that images are left when the signal comes
    with pytest.raises(Stopped, match="SIGTERM"):
        fit(run)
    run.close()
    progress = read_checkpoint(tmp_path / "parts" / "checkpoints" / "latest.pt")["progress"]
    assert (progress["epoch"], progress["windows"], progress["step"]) == (0, 2, 2)
    fit(prepare_run(quick_config, tmp_path / "parts", resume=tmp_path / "parts"))
    assert compare_runs(tmp_path / "whole", tmp_path / "parts") == []


def test_a_run_killed_in_validation_writes_no_line_twice(quick_config, tmp_path, monkeypatch):
    fit(prepare_run(quick_config, tmp_path / "whole", resume=None))
    run = prepare_run(quick_config, tmp_path / "parts", resume=None)
    monkeypatch.setattr(trainer, "save_epoch", lambda *words: 1 / 0)  # after the epoch's lines, before its checkpoint
    with pytest.raises(ZeroDivisionError):
        fit(run)
    run.close()
    monkeypatch.undo()
    from side_task import SideTask

    from landmarks.tasks import TASKS

    monkeypatch.setitem(TASKS, "side", SideTask)
    fit(prepare_run(quick_config, tmp_path / "parts", resume=tmp_path / "parts"))
    assert compare_runs(tmp_path / "whole", tmp_path / "parts") == []


def test_workers_leave_signals_to_the_training_process(synthetic_root, tiny_config):
    data = replace(tiny_config.data, workers=1)
    _, dataset = open_dataset(data, "train", augment=None, seed=0)
    batches = iter(make_loader(dataset, BatchPlan(len(dataset), 2, seed=0, shuffle=False), data, pin_memory=False))
    (worker,) = batches.gi_frame.f_locals["batches"]._workers
    seen = []
    for _ in range(2):  # just born, and at work
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGINT):
            os.kill(worker.pid, number)
        seen.append(next(batches))
    seen += list(batches)
    assert sum(len(batch.index) for batch in seen) == 15


def test_workers_that_die_with_the_signal_do_not_keep_a_run_from_saving(quick_config, tmp_path, monkeypatch):
    run = prepare_run(quick_config, tmp_path, resume=None)

    def dead(batches, number):
        run.learner.signals.stop.append(signal.SIGTERM)
        raise DataError("a.png: loader worker 0 died here (SIGKILL)")

    monkeypatch.setattr(trainer, "islice", dead)
    with pytest.raises(Stopped):
        fit(run)
    run.close()
    assert read_checkpoint(tmp_path / "checkpoints" / "latest.pt")["progress"]["step"] == 0


def test_a_run_on_the_processor_leaves_cuda_alone(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", lambda: pytest.fail("CUDA was initialised"))
    assert "cuda" not in capture_generators()
