"""Cross-validation of a tiny run: resumes, judges every film out of its fold, leaves an ensemble that is a model."""

import json

import pytest

from landmarks.commands import crossval, eval
from landmarks.formats.records import DataError

TINY = ["data.image_size=[64,64]", "data.workers=0", "data.cache=none", "model.backbone=hrnet_w18_small", "train.epochs=1",
        "model.head_channels=16", "train.precision=fp32", "train.log_images=0", "train.warmup_epochs=0"]  # fmt: skip


def test_folds_one_by_one_then_the_rest(synthetic_root, tmp_path, capsys):
    recipe, output = tmp_path / "tiny.yaml", tmp_path / "folds"
    recipe.write_text(f"data:\n  format: aariz\n  root: {synthetic_root.as_posix()}\n")
    words = ["--config", str(recipe), "--folds", "2", "--output", str(output), "--coverage", "0.8", *TINY]
    assert crossval.main(["--only", "2", *words]) == 0
    assert "still to be trained: fold_1" in capsys.readouterr().out
    trained = (output / "fold_2" / "checkpoints" / "latest.pt").stat().st_mtime_ns
    assert crossval.main(words) == 0
    assert (output / "fold_2" / "checkpoints" / "latest.pt").stat().st_mtime_ns == trained
    assert "ensemble.json" in capsys.readouterr().out
    metrics = json.loads((output / "evaluation_out_of_fold" / "metrics.json").read_text())
    assert metrics["num_images"] == 18, "15 of train and 3 of valid"
    model = output / "ensemble.json"
    assert len(json.loads(model.read_text())["calibration"]["images"]) == 18
    assert eval.main(["--checkpoint", str(model), "--split", "test"]) == 0
    figures = json.loads((output / "evaluation_test" / "metrics.json").read_text())
    assert figures["confidence"]["calibrated"] is not None
    with pytest.raises(DataError, match="was held out from one model"):
        eval.main(["--checkpoint", str(model), "--split", "valid"])


def test_wrong_numbers_are_refused_before_any_work(tmp_path):
    with pytest.raises(ValueError, match="--only: found 6"):
        crossval.main(["--config", "none.yaml", "--only", "6"])
    with pytest.raises(ValueError, match="--coverage: found 90"):
        crossval.main(["--config", "none.yaml", "--coverage", "90"])
