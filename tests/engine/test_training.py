"""The engine: accumulation is exact, loss falls, a resumed run is the same run, mistakes are told in one line."""

import dataclasses
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from landmarks.checkpointfile import CheckpointError, read_checkpoint, write_checkpoint
from landmarks.data.loading import part_of
from landmarks.engine.build import prepare_run
from landmarks.engine.soak import compare_runs
from landmarks.engine.step import batch_loss
from landmarks.engine.trainer import fit

ROOT = Path(__file__).parents[2]


def changed(config, **sections):
    return dataclasses.replace(
        config, **{name: dataclasses.replace(getattr(config, name), **values) for name, values in sections.items()}
    )


def gradients(run, window):
    """Gradients of one window, as train_window takes them."""
    learner = run.learner
    learner.model.zero_grad()
    weight = sum(learner.task.weight_sum(batch.target) for batch in window)
    for batch in window:
        (batch_loss(learner, batch) / weight).backward()
    return {name: p.grad.clone() for name, p in learner.model.named_parameters()}


@pytest.mark.parametrize("sizes", [(2, 2, 2), (4, 2), (4, 1, 1)])
def test_accumulated_gradients_are_those_of_the_whole_batch(tiny_config, tmp_path, sizes):
    run = prepare_run(tiny_config, tmp_path, resume=None)
    run.learner.model.eval()  # BatchNorm aside
    samples = [run.train.dataset[(0, i)] for i in range(6)]
    samples[1].target.weights[:20] = 0  # unequal numbers of visible landmarks
    batch = torch.utils.data.default_collate(samples)
    parts, start = [], 0
    for size in sizes:
        parts.append(part_of(batch, slice(start, start + size)))
        start += size
    whole, split = gradients(run, [batch]), gradients(run, parts)
    scale = max(g.abs().max() for g in whole.values())
    for name, gradient in whole.items():
        torch.testing.assert_close(split[name], gradient, atol=1e-6 * scale.item(), rtol=1e-4)
    run.close()


def test_loss_falls_and_errors_shrink(tiny_config, tmp_path):
    config = changed(tiny_config, train={"epochs": 12, "accumulate": 1, "validate_every": 3})
    summary = fit(prepare_run(config, tmp_path, resume=None))
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in lines if line["kind"] == "train"]
    valid = [line["mre_mm"] for line in lines if line["kind"] == "valid"]
    assert losses[-1] < 0.5 * losses[0]
    assert valid[-1] < 0.7 * valid[0]
    assert summary["best"] == min(valid)
    assert {p.name for p in (tmp_path / "checkpoints").iterdir()} == {"best.pt", "latest.pt", "epoch_010.pt"}
    assert (tmp_path / "config.yaml").is_file()
    assert list((tmp_path / "tensorboard").iterdir())


def test_a_resumed_run_is_the_same_run(tiny_config, tmp_path, caplog):
    fit(prepare_run(tiny_config, tmp_path / "whole", resume=None))
    stopped = changed(tiny_config, train={"save_every_steps": 1})
    run = prepare_run(stopped, tmp_path / "parts", resume=None)
    kept = run.checkpoints.save

    def save_then_die(name, content):
        kept(name, content)
        raise KeyboardInterrupt  # right after the first step of the first epoch

    run.checkpoints.save = save_then_die
    with pytest.raises(KeyboardInterrupt):
        fit(run)
    run.close()
    resumed = prepare_run(changed(stopped, data={"workers": 1}), tmp_path / "parts", resume=tmp_path / "parts")
    assert (resumed.progress.epoch, resumed.progress.windows) == (0, 1)
    fit(resumed)
    assert "epoch 1 of 2, step 1" in caplog.text
    assert compare_runs(tmp_path / "whole", tmp_path / "parts") == []
    finished = prepare_run(stopped, tmp_path / "parts", resume=tmp_path / "parts")
    assert "already finished" in caplog.text
    finished.close()


def test_resuming_something_else_is_refused(tiny_config, tmp_path):
    fit(prepare_run(tiny_config, tmp_path, resume=None))
    with pytest.raises(CheckpointError, match="already holds a run"):
        prepare_run(tiny_config, tmp_path, resume=None)
    with pytest.raises(CheckpointError, match=r"not the same run \(train.lr was 0.002, is 0.001\)"):
        prepare_run(changed(tiny_config, train={"lr": 1e-3}), tmp_path, resume=tmp_path)
    with pytest.raises(CheckpointError, match="trained on the landmarks A, ANS"):
        prepare_run(changed(tiny_config, data={"landmarks": ("S", "N")}), tmp_path, resume=tmp_path)
    (tmp_path / "other" / "checkpoints").mkdir(parents=True)
    (tmp_path / "other" / "checkpoints" / "latest.pt").write_bytes(b"days of work")
    with pytest.raises(CheckpointError, match="other: holds a run of its own"):
        prepare_run(tiny_config, tmp_path / "other", resume=tmp_path / "checkpoints" / "latest.pt")


def test_a_second_run_into_the_same_folder_is_refused(tiny_config, tmp_path):
    hold = "import pathlib, sys; from landmarks.engine.runfolder import RunFolder"
    hold += "; folder = RunFolder(pathlib.Path(sys.argv[1])); folder.claim(); print('held', flush=True); input()"
    other = subprocess.Popen([sys.executable, "-c", hold, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout.readline() == b"held\n"
    with pytest.raises(ValueError, match="another run is writing here"):
        prepare_run(tiny_config, tmp_path, resume=None)
    other.kill()  # a crash leaves no lock behind
    other.communicate()
    prepare_run(tiny_config, tmp_path, resume=None).close()


def test_fine_tuning_takes_landmarks_by_symbol(tiny_config, tmp_path, caplog):
    fit(prepare_run(tiny_config, tmp_path / "first", resume=None))
    source = tmp_path / "first" / "checkpoints" / "best.pt"
    config = changed(tiny_config, data={"landmarks": ("N", "S"), "image_size": (96, 64)}, model={"init_from": str(source)})
    run = prepare_run(config, tmp_path / "second", resume=None)
    old = read_checkpoint(source)
    order = old["task"]["landmarks"]["symbols"]
    expected = old["ema"]["head.final.weight"][[order.index("N"), order.index("S")]]
    torch.testing.assert_close(run.learner.model.head.final.weight.detach(), expected)
    assert "2 landmark maps" in caplog.text
    run.close()


def test_checkpoints_are_whole_or_refused(tmp_path):
    path = tmp_path / "latest.pt"
    write_checkpoint(path, {"model": {"w": torch.arange(1000.0)}, "config": {}})
    content = path.read_bytes()
    torch.testing.assert_close(read_checkpoint(path)["model"]["w"], torch.arange(1000.0))
    generator = torch.Generator().manual_seed(0)
    for place in torch.randint(0, len(content), (50,), generator=generator).tolist():
        path.write_bytes(content[:place])
        with pytest.raises(CheckpointError, match=r"latest\.pt: (truncated|altered)"):
            read_checkpoint(path)
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :])
        with pytest.raises(CheckpointError, match=r"latest\.pt: (truncated|altered)"):
            read_checkpoint(path)


class Exploit:
    def __reduce__(self):
        return exec, ("raise SystemExit('code of a file was run')",)


def test_code_in_a_checkpoint_is_refused_unexecuted(tmp_path):
    write = tmp_path / "evil.pt"
    torch.save({"model": Exploit(), "config": {}}, write)
    with pytest.raises(CheckpointError):
        read_checkpoint(write)
    from landmarks.config import ModelConfig
    from landmarks.models.build import build_model

    with pytest.raises(ValueError, match="refused"):
        build_model(ModelConfig(backbone="hrnet_w18_small", pretrained=str(write)), 3)


def train_command(output, synthetic_root, *words):
    settings = [f"data.root={synthetic_root}", "data.image_size=[64,64]", "data.workers=1", "model.head_channels=32"]
    command = [sys.executable, "tools/train.py", "--config", "configs/demo.yaml", "--output", str(output)]
    return [*command, *settings, *words]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["train.bach_size=2"], "train.bach_size: unknown setting"),
        (["data.format=aariz", "data.root=/nowhere"], "/nowhere: no such folder"),
        (["loss.weights={Foo: 2}"], "loss.weights.Foo: unknown landmark"),
        (["--resume", "none.pt"], "none.pt: cannot be read"),
    ],
)
def test_a_users_mistake_is_one_line_and_leaves_nothing(synthetic_root, tmp_path, words, line):
    done = subprocess.run(train_command(tmp_path / "run", synthetic_root, *words), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith(line)
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_signal_saves_and_leaves(synthetic_root, tmp_path):
    command = train_command(tmp_path / "run", synthetic_root, "train.epochs=500", "train.validate_every=500")
    metrics, told = tmp_path / "run" / "metrics.jsonl", tmp_path / "stderr"
    with told.open("w") as file:  # a pipe that nobody reads would stop the run once it is full
        process = subprocess.Popen(command, cwd=ROOT, stderr=file)
    while not (metrics.is_file() and metrics.stat().st_size) and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    code, errors = process.wait(120), told.read_text()
    assert code == 130, errors
    assert "Traceback" not in errors
    assert read_checkpoint(tmp_path / "run" / "checkpoints" / "latest.pt")["progress"]["step"] > 0
