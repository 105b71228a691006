"""Two processes train and validate like one with the same global batch."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from landmarks.distributed import join, rank_info
from landmarks.engine.soak import metric_lines

ROOT = Path(__file__).parents[2]
OUT_OF_MEMORY_ON_RANK_1 = """
import os, runpy, torch
from landmarks.engine import step
whole, calls = step.batch_loss, []
def injected(*words):
    calls.append(whole(*words))
    if os.environ["RANK"] == "1" and len(calls) == 5:
        raise torch.OutOfMemoryError("injected")
    return calls[-1]
step.batch_loss = injected
runpy.run_path("tools/train.py", run_name="__main__")
"""


def run(output, synthetic_root, processes, words, script="tools/train.py"):
    settings = [f"data.root={synthetic_root}", "data.image_size=[64,64]", "data.workers=0", "model.head_channels=16"]
    settings += ["train.precision=fp32", "train.epochs=2", "train.batch_size=4", "train.accumulate=3", "train.validate_every=1"]
    settings += ["train.time_steps=0"]  # no step before the run: memory gives out in the fifth loss that it computes
    launch = [sys.executable]
    if processes > 1:
        launch += ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
    command = [*launch, str(script), "--config", "configs/demo.yaml", "--output", str(output), *settings, *words]
    environment = {"OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def outputs(synthetic_root, tmp_path_factory):
    """15 images (odd), micro-batches of 4 (the last has 3), windows of 3 (the last has 1), frozen BatchNorm."""
    folder = tmp_path_factory.mktemp("ranks")
    words = ["train.batch_norm=frozen"]
    run(folder / "one", synthetic_root, 1, words)
    spoken = run(folder / "two", synthetic_root, 2, words).stderr
    return folder, spoken


def test_two_ranks_are_one_run(outputs):
    folder, spoken = outputs
    one, two = (metric_lines(folder / name) for name in ("one", "two"))
    assert [line["kind"] for line in one] == [line["kind"] for line in two]
    for line, other in zip(one, two, strict=True):
        assert line.keys() == other.keys()
        for key, value in line.items():
            if isinstance(value, float):
                tolerance = 1e-6 if key == "loss" else 1e-3
                assert other[key] == pytest.approx(value, rel=tolerance), (line, key)
            else:
                assert other[key] == value
    assert spoken.count("valid MRE") == 2, "only rank 0 logs, once an epoch"
    assert json.loads((folder / "two" / "summary.json").read_text())["epochs"] == 2


def test_a_rank_without_memory_takes_the_window_back_on_both(outputs, synthetic_root, tmp_path):
    folder, _ = outputs
    (tmp_path / "injected.py").write_text(OUT_OF_MEMORY_ON_RANK_1)
    spoken = run(tmp_path / "two", synthetic_root, 2, ["train.batch_norm=frozen"], tmp_path / "injected.py").stderr
    assert "out of memory at step 3: micro-batch 2 -> 1 images" in spoken
    undisturbed, lines = (metric_lines(path / "two") for path in (folder, tmp_path))
    assert [line.pop("kind") for line in lines].count("memory") == 1
    lines = [line for line in lines if "micro_batch" not in line]
    for line, other in zip(undisturbed, lines, strict=True):
        for key, value in other.items():
            assert value == pytest.approx(line[key], rel=1e-6 if key == "loss" else 1e-3)


def test_evaluation_on_two_ranks_is_exactly_the_one_on_one(outputs, synthetic_root):
    folder, _ = outputs
    results = []
    for launch in ([], ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]):
        command = [sys.executable, *launch, "tools/eval.py", "--checkpoint", str(folder / "one/checkpoints/latest.pt")]
        command += ["--split", "all", "--output", str(folder / f"evaluation{len(launch)}"), "train.val_batch_size=5"]
        environment = {"OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"}
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, env=environment)
        assert done.returncode == 0, done.stderr
        results.append(json.loads((folder / f"evaluation{len(launch)}" / "metrics.json").read_text()))
    assert results[0]["num_points"] == results[1]["num_points"]
    assert results[0]["mre_mm"] == pytest.approx(results[1]["mre_mm"], rel=1e-6)


def test_what_torchrun_did_not_set_is_named(monkeypatch):
    monkeypatch.setenv("RANK", "x")
    with pytest.raises(ValueError, match="environment variable RANK: found 'x'; unset it"):
        rank_info()
    monkeypatch.delenv("RANK")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match="WORLD_SIZE is 2 without RANK"):
        join("cpu")
