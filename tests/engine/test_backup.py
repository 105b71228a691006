"""What a run leaves beside its checkpoints: a verified copy on another disk, its log, and how long it takes."""

import json
import shutil
from dataclasses import replace

import pytest

from landmarks.checkpointfile import verify_checkpoint
from landmarks.commands import plan
from landmarks.config import Stage
from landmarks.configfile import save_config
from landmarks.engine.build import prepare_run
from landmarks.engine.learner import Learner
from landmarks.engine.soak import compare_runs
from landmarks.engine.stopping import Stopped
from landmarks.engine.timing import announce_time
from landmarks.engine.trainer import fit


def changed(config, **sections):
    return replace(config, **{name: replace(getattr(config, name), **values) for name, values in sections.items()})


def test_a_run_continues_from_its_backup(quick_config, tmp_path, monkeypatch):
    config = changed(quick_config, train={"backup": str(tmp_path / "disk"), "log_images": 0})
    fit(prepare_run(config, tmp_path / "whole", resume=None))
    run = prepare_run(config, tmp_path / "parts", resume=None)
    monkeypatch.setattr(Learner, "is_asked_to_stop", lambda learner: learner.progress.epoch == 1)
    with pytest.raises(Stopped):
        fit(run)
    run.close()
    shutil.rmtree(tmp_path / "parts")  # its disk is gone
    for name in ("latest.pt", "best.pt"):
        verify_checkpoint(tmp_path / "disk" / "parts" / "checkpoints" / name)
    fit(prepare_run(config, tmp_path / "again", resume=tmp_path / "disk" / "parts"))
    assert compare_runs(tmp_path / "whole", tmp_path / "again")[:-1] == [], "but for the lines of the first epoch"
    with pytest.raises(ValueError, match=r"parts holds the backup of an earlier run"):
        prepare_run(config, tmp_path / "parts", resume=None)


def test_a_lost_backup_disk_is_one_warning(quick_config, tmp_path, caplog):
    config = changed(quick_config, train={"backup": str(tmp_path / "disk"), "log_images": 0})
    run = prepare_run(config, tmp_path / "run", resume=None)
    shutil.rmtree(tmp_path / "disk")
    fit(run)
    assert caplog.text.count("train.backup: no copy in") == 1
    assert not (tmp_path / "disk").exists(), "what would lie under a lost disk is not made"
    verify_checkpoint(tmp_path / "run" / "checkpoints" / "latest.pt")


def test_a_log_file_is_appended_and_says_how_the_run_ended(quick_config, tmp_path, monkeypatch):
    run = prepare_run(quick_config, tmp_path / "run", resume=None)
    monkeypatch.setattr(Learner, "is_asked_to_stop", lambda learner: learner.progress.epoch == 1)
    with pytest.raises(Stopped):
        fit(run)
    run.close()
    fit(prepare_run(quick_config, tmp_path / "run", resume=tmp_path / "run"))
    lines = (tmp_path / "run" / "train.log").read_text(encoding="utf-8").splitlines()
    said = [line.split(" ", 3)[3] for line in lines]
    epochs = [line.split()[1] for line in said if line.startswith("epoch ")]
    assert epochs == ["1/2", "2/2"]
    assert any(line.startswith("Stopped: SIGTERM") for line in said)
    assert any(line.startswith("resumed from ") for line in said)


def test_timing_changes_nothing_of_the_run(quick_config, tmp_path, caplog):
    stages = (Stage(epochs=1), Stage(epochs=1, changes={"data": {"image_size": (96, 64)}, "train": {"backbone_share": 0.0}}))
    config = replace(changed(quick_config, train={"log_images": 0, "time_steps": 2}), stages=stages)
    fit(prepare_run(config, tmp_path / "plain", resume=None))
    run = prepare_run(config, tmp_path / "timed", resume=None)
    announce_time(run)
    assert "the run takes about 0:00:" in caplog.text
    assert (tmp_path / "timed" / "train.log").is_file()
    fit(run)
    assert compare_runs(tmp_path / "plain", tmp_path / "timed") == []


def test_plan_says_the_time_of_every_stage(quick_config, tmp_path, capsys):
    stages = (Stage(epochs=2), Stage(epochs=5, changes={"data": {"image_size": (96, 64)}}))
    save_config(replace(quick_config, stages=stages), tmp_path / "staged.yaml")
    words = ["train.validate_every=7", "train.time_steps=2"]
    assert plan.main(["--config", str(tmp_path / "staged.yaml"), "--time", "--json", str(tmp_path / "time.json"), *words]) == 0
    table = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in table[2:]] == ["1", "2", "all", "the"]
    assert "% of it loading" in table[-1]
    found = json.loads((tmp_path / "time.json").read_text())
    for one, epochs in zip(found["stages"], (2, 5), strict=True):
        assert one["epochs"] == epochs
        assert 0 < one["loading"] < 1
        assert one["epoch"] > one["step"] > 0
        assert one["seconds"] == pytest.approx(one["opening"] + epochs * (one["epoch"] + one["others"]))
    assert found["seconds"] == pytest.approx(sum(one["seconds"] for one in found["stages"]))
