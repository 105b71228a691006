"""Two data sets in one training: figures of each, a resumed run that is the same run, an evaluation and a check of each."""

import dataclasses
import json

import pytest

import landmarks.commands.eval as eval_command
from landmarks.checkpointfile import CheckpointError
from landmarks.commands.program import run as run_command
from landmarks.configfile import save_config
from landmarks.dataconfig import SetConfig
from landmarks.engine.build import prepare_run
from landmarks.engine.soak import compare_runs
from landmarks.engine.trainer import fit
from landmarks.evaluation import split


@pytest.fixture
def config(tiny_config, isbi_root, synthetic_root):
    isbi = SetConfig(format="isbi2015", root=str(isbi_root), weight=0.5)
    heads = SetConfig(format="aariz", root=str(synthetic_root), name="heads")
    data = dataclasses.replace(tiny_config.data, format="aariz", root="", sets=(isbi, heads), val_fraction=0.2)
    train = dataclasses.replace(tiny_config.train, epochs=1)
    return dataclasses.replace(
        tiny_config, data=data, train=train, heatmap=dataclasses.replace(tiny_config.heatmap, shape=False)
    )


def test_train_resume_evaluate_and_check(config, tmp_path, capsys, monkeypatch):
    fit(prepare_run(config, tmp_path / "whole", resume=None))
    lines = [json.loads(line) for line in (tmp_path / "whole" / "metrics.jsonl").read_text().splitlines()]
    valid = [line for line in lines if line["kind"] == "valid"]
    assert all(line["mre_mm_isbi2015"] > 0 and line["mre_mm_heads"] > 0 for line in valid)

    stopping = dataclasses.replace(config, train=dataclasses.replace(config.train, save_every_steps=1))
    stopped = prepare_run(stopping, tmp_path / "parts", resume=None)
    kept = stopped.checkpoints.save

    def save_then_die(name, content):
        kept(name, content)
        raise KeyboardInterrupt

    stopped.checkpoints.save = save_then_die
    with pytest.raises(KeyboardInterrupt):
        fit(stopped)
    stopped.close()
    lighter = (dataclasses.replace(config.data.sets[0], weight=0.25), config.data.sets[1])
    other = dataclasses.replace(stopping, data=dataclasses.replace(config.data, sets=lighter))
    with pytest.raises(CheckpointError, match=r"not the same run \(data\.sets was"):
        prepare_run(other, tmp_path / "parts", resume=tmp_path / "parts")
    fit(prepare_run(stopping, tmp_path / "parts", resume=tmp_path / "parts"))
    assert compare_runs(tmp_path / "whole", tmp_path / "parts") == []

    written, best = [], tmp_path / "whole" / "checkpoints" / "best.pt"
    monkeypatch.setattr(split, "judge", lambda evaluation, *arguments, **words: evaluation)
    monkeypatch.setattr(eval_command, "_write", lambda output, results, stress: written.append(output.name))
    assert run_command("eval", ["--checkpoint", str(best), "--split", "valid"]) == 0
    assert run_command("eval", ["--checkpoint", str(best), "--split", "test1"]) == 0
    assert written == ["evaluation_valid_isbi2015", "evaluation_valid_heads", "evaluation_test1_isbi2015"]
    assert run_command("eval", ["--checkpoint", str(best), "--split", "test3"]) == 2
    assert "no images of split 'test3'" in capsys.readouterr().err
    save_config(config, tmp_path / "recipe.yaml")
    words = ["--config", str(tmp_path / "recipe.yaml"), "--output", str(tmp_path / "check"), "--cache-dir", str(tmp_path)]
    assert run_command("check_data", words) in (0, 1)
    assert {path.name for path in (tmp_path / "check").iterdir()} == {"isbi2015", "heads"}
