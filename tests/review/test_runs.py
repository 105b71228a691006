"""Trainings from the page: run folders are read as they are, only offered settings are taken, runs outlive the page."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from landmarks.filelock import holder
from landmarks.review.runfolders import console_lines, describe_run, find_runs
from landmarks.review.runjournal import read_curves
from landmarks.review.training import Trainings
from landmarks.settings import SettingError
from tests.review.conftest import start_server, stop_server
from tests.review.test_page import until

RECIPE = """# A tiny run.
#   python tools/train.py --config tiny.yaml
data: {format: synthetic, image_size: [64, 64], synthetic_num: 10, workers: 0}
model: {backbone: hrnet_w18_small, head_channels: 32}
heatmap: {shape: false}
train: {epochs: 200, batch_size: 4, lr: 1e-3, warmup_epochs: 1, save_every_steps: 1, keep_every: 0, log_images: 1}
"""


@pytest.fixture
def trainings(tmp_path):
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "tiny.yaml").write_text(RECIPE)
    return Trainings(tmp_path / "runs", tmp_path / "recipes", tmp_path / "data")


def make_run(trainings, name: str, lines: list[dict], *, checkpoint: bool = True, tail: str = ""):
    folder = trainings.folder / name
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").write_text("train:\n  epochs: 10\n")
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + tail)
    if checkpoint:
        (folder / "checkpoints" / "latest.pt").write_bytes(b"")
    return folder


def epochs(num: int) -> list[dict]:
    """Epochs of five steps, 30 s each."""
    lines = []
    for epoch in range(1, num + 1):
        for step in range(5 * epoch - 4, 5 * epoch + 1):
            lines.append({"kind": "step", "epoch": epoch, "step": step, "loss": 100 / step, "lr": 0.001})
        times = {"seconds": 30.0 * epoch, "peak_memory_mib": 512.0}
        lines.append({"kind": "train", "epoch": epoch, "step": 5 * epoch, "loss": 1.0, "times": times})
        lines.append({"kind": "valid", "epoch": epoch, "step": 5 * epoch, "mre_mm": 9.0 - epoch, "best": 9.0 - epoch})
    return lines


HOLD = "import sys; from pathlib import Path; from landmarks.filelock import hold_for_life as hold; \
lock = hold(Path(sys.argv[1])); print(lock is not None, flush=True); sys.stdin.read()"


def test_a_run_of_another_process_is_seen_with_its_time_left(trainings):
    begun = [{"kind": "step", "epoch": 5, "step": step, "loss": 5.0, "lr": 1e-3} for step in (21, 22)]
    folder = make_run(trainings, "mine", epochs(4) + begun, tail='{"kind": "step", "ep')
    words = [sys.executable, "-c", HOLD, str(folder / ".lock")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline().strip() == "True"
        assert holder(folder / ".lock") == other.pid
        (found,) = trainings.runs()
        assert (found["state"], found["epoch"], found["epochs"], found["step"]) == ("running", 4, 10, 22)
        # two of five steps of the fifth epoch are done
        assert found["seconds_left"] == pytest.approx(30 * (10 - 4 - 0.4))
        assert (found["score"], found["value"], found["best"], found["peak_memory_mib"]) == ("mre_mm", 5.0, 5.0, 512.0)
        with (folder / "metrics.jsonl").open("a") as journal:
            journal.write('och": 5, "step": 24, "loss": 5.0}\n')
        assert trainings.runs()[0]["seconds_left"] == pytest.approx(30 * (10 - 4 - 0.8))
        # a resumed run writes its journal anew, without what came after its checkpoint
        (folder / "metrics.jsonl").unlink()
        (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in epochs(2)))
        assert (trainings.runs()[0]["epoch"], trainings.runs()[0]["step"]) == (2, 10)
        with pytest.raises(ValueError, match="only a run that was stopped"):
            trainings.resume("mine")
        other.stdin.close()
    assert trainings.runs()[0]["state"] == "stopped"
    with pytest.raises(ValueError, match="no process"):
        trainings.stop("mine")


def test_states_and_curves(trainings):
    done = make_run(trainings, "done", epochs(200))
    (done / "summary.json").write_text('{"best": 1.0}')
    broken = make_run(trainings, "broken", [], checkpoint=False)
    (broken / "console.log").write_text("epoch 1:  0%|\repoch 1: 40%|\x1b[A\nno such data set\n")
    (trainings.folder / "no run").mkdir()
    assert {name: describe_run(path)["state"] for name, path in find_runs(trainings.folder).items()} == {
        "done": "finished",
        "broken": "failed",
    }
    assert console_lines(broken) == ["epoch 1: 40%|", "no such data set"]
    curves = read_curves(done / "metrics.jsonl")
    assert len(curves["loss"]) == 250
    assert curves["loss"][0] == [4, pytest.approx((100 + 50 + 100 / 3 + 25) / 4)]
    assert curves["valid"]["mre_mm"][-1] == [1000, 9.0 - 200]


def test_only_offered_settings_are_taken_and_checked_as_on_the_command_line(trainings):
    form = trainings.form("tiny")
    assert form["about"] == "A tiny run."
    shown = {field["name"]: field["value"] for field in form["fields"]}
    assert (shown["train.epochs"], shown["data.image_size"]) == ("200", "[64,64]")
    assert trainings.overrides("tiny", shown | {"train.epochs": "3"}, []) == ["train.epochs=3"]
    for name, value, words in (
        ("data.root", "/etc", "not a setting that the page offers"),
        ("model.init_from", "x.pt", "not a setting that the page offers"),
        ("train.epochs", "0", "train.epochs: found 0; write 1 or more"),
        ("train.epochs", "${oc.env:HOME}", "train.epochs: found"),
        ("train.epochs", "1\ndata.root=/etc", "write a text"),
        ("train.lr", "fast", "train.lr: found 'fast'; write a number"),
    ):
        with pytest.raises(SettingError, match=words.replace(".", r"\.")):
            trainings.overrides("tiny", {name: value}, [])
    for name in ("", "-x", "../x", "a/b", "a.b", "x" * 65, None, "a\0"):
        with pytest.raises(ValueError, match="name: write"):
            trainings.start(name, "tiny", [])
    with pytest.raises(KeyError):
        trainings.overrides("../tiny", {}, [])


def until_file(done, seconds: float = 400) -> None:
    """Waits for what another process writes."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.fixture
def server(films, trainings, monkeypatch):
    # data sets and caches of the runs lie below the folder that the page was started in
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [os.getcwd(), os.environ.get("PYTHONPATH")])))
    monkeypatch.chdir(trainings.folder.parent)
    server = start_server(films, "--recipes", "recipes")
    yield server
    if server.process.poll() is None:
        stop_server(server)
    for path in find_runs(trainings.folder).values():
        if process_id := holder(path / ".lock"):
            os.kill(process_id, signal.SIGKILL)


def test_start_watch_stop_and_resume(open_page, server, trainings):
    page = open_page()
    page.click("#trainings-room")
    page.click("#new-run")
    page.fill("dialog [name=name]", "first")
    page.fill("dialog [data-setting='train.epochs']", "none")
    page.click("dialog [type=submit]")
    page.wait_for_selector("dialog [role=alert]:has-text('train.epochs: found')")
    page.fill("dialog [data-setting='train.epochs']", "60")
    page.click("dialog [type=submit]")
    page.wait_for_selector("#run h2:text-is('first')")
    page.wait_for_selector("#run .facts:has-text('1 / 60')", timeout=400_000)
    page.wait_for_selector("#run .curve .drawn")
    page.wait_for_selector("#run .pictures img")
    page.click("#stop-run")
    page.wait_for_selector("#resume-run:visible", timeout=200_000)
    path = trainings.folder / "first"
    assert describe_run(path)["state"] == "stopped"
    page.click("#resume-run")
    until(page, lambda: holder(path / ".lock"), seconds=400)
    process_id = holder(path / ".lock")
    # the run outlives the page and its server
    page.close()
    stop_server(server)
    until_file(lambda: any("resumed from" in line for line in console_lines(path)))
    assert holder(path / ".lock") == process_id
    (found,) = trainings.runs()
    assert (found["state"], found["epochs"]) == ("running", 60)
    assert found["epoch"] >= 1


def test_a_run_of_another_task_offers_the_page_no_model(tmp_path):
    for name, task in (("points", "landmarks"), ("stages", "cvm")):
        best = tmp_path / name / "checkpoints" / "best.pt"
        best.parent.mkdir(parents=True)
        best.touch()
        (tmp_path / name / "config.yaml").write_text(f"model:\n  task: {task}\n", encoding="utf-8")
    assert describe_run(tmp_path / "points")["has_model"]
    assert not describe_run(tmp_path / "stages")["has_model"]
