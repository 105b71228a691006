"""Fine-tuning to a clinic's films: norms stay frozen, the same films give the same weights, each film is judged unseen."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from landmarks.checkpointfile import read_checkpoint, write_checkpoint
from landmarks.commands import adapt as command
from landmarks.configfile import config_to_dict
from landmarks.engine import finetune
from landmarks.evaluation.adapt import Adapted, adapt, judge_further, predict_films, write_adapted, write_adapted_onnx
from landmarks.evaluation.evaluate import true_points
from landmarks.formats.reading import read_dataset
from landmarks.formats.records import RecordSet
from landmarks.inference.export import export_onnx, smooth_noise
from landmarks.inference.onnx import open_onnx
from landmarks.inference.predictor import Predictor
from landmarks.schema import LandmarkSet
from landmarks.shape import fit_shape
from landmarks.tasks.landmarks.task import LandmarkTask


@pytest.fixture
def base(tiny_config, synthetic_root, tmp_path, monkeypatch) -> Path:
    """A checkpoint of random weights with a shape model, on a data set that is at hand."""
    monkeypatch.setattr(finetune, "STEPS", 2)
    records = read_dataset("aariz", synthetic_root, split="train")
    rng = np.random.default_rng(0)
    points = np.concatenate([true_points(records) + rng.normal(0, 2, (15, 29, 2)) for _ in range(3)])
    shape = fit_shape(points, records.landmarks.symbols, np.full((45, 2), 0.3))
    config = replace(tiny_config, data=replace(tiny_config.data, format="aariz"))
    task = LandmarkTask(config, records.landmarks, shape)
    torch.manual_seed(0)
    model = task.build_network(pretrained=False, recompute="none")
    content = {"model": model.state_dict(), "ema": None, "config": config_to_dict(config), "task": task.to_dict()}
    write_checkpoint(tmp_path / "base.pt", content)
    return tmp_path / "base.pt"


def test_tuning_moves_weights_alone_and_repeats(base, synthetic_root):
    films = read_dataset("aariz", synthetic_root, split="test")
    predictor = Predictor.load(base, device="cpu")
    found, opened = predict_films(predictor, films), finetune.open_base(base)
    assert len(opened.old.records) == 15
    before = read_checkpoint(base)["model"]
    tuned, again = (finetune.weights_of(finetune.tune(opened, predictor.card.shape, found, films, seed=3)) for _ in range(2))
    moved = {name for name, value in tuned.items() if not torch.equal(value, before[name])}
    assert any(name.endswith("conv1.weight") for name in moved)
    assert not any("running_" in name for name in moved)
    for name, value in tuned.items():
        assert torch.equal(value, again[name]), name


def test_an_exported_model_is_tuned_and_exported_again(base, synthetic_root, tmp_path):
    export_onnx(base, tmp_path / "base.onnx", half=True)
    films, predictor = read_dataset("aariz", synthetic_root, split="test"), Predictor.load(tmp_path / "base.onnx")
    found, opened = predict_films(predictor, films), finetune.open_base(tmp_path / "base.onnx")
    tuned = finetune.tune(opened, predictor.card.shape, found, films, seed=3)
    symbols = predictor.landmarks.symbols
    own = RecordSet(landmarks=LandmarkSet(name="own", symbols=("X",)), records=films.select((symbols[0],)).records)
    further, _, _ = judge_further(predictor.card.shape, symbols, found, own)
    made = replace(adapt(predictor, films), further=further)
    path = write_adapted_onnx(
        tmp_path / "base.onnx", tmp_path / "clinic", predictor.card, made, 0.9, finetune.weights_of(tuned)
    )
    adapted, images = open_onnx(path), smooth_noise(predictor.card.image_size, 2)
    with torch.no_grad():
        maps = tuned(torch.from_numpy(images))
    np.testing.assert_allclose(adapted.maps(images), maps, atol=3e-3)
    assert np.abs(predictor.network.maps(images) - maps.numpy()).max() > 3e-3
    assert adapted.card.habit is not None
    assert adapted.card.further.landmarks.symbols == ("X",)
    again = Predictor.load(write_adapted(base, tmp_path / "again", made, finetune.weights_of(tuned)), device="cpu")
    assert again.landmarks.symbols == (*symbols, "X")
    assert np.isfinite(again(films.records[0].image_path, as_it_is=True).points_px).all()
    assert adapted.card.precision == "fp16"


def test_batches_are_half_new_and_take_every_film_in_turn(monkeypatch):
    monkeypatch.setattr(finetune, "default_collate", lambda samples: samples)
    rows = np.array([[row for _, row in batch] for batch in finetune._batches(Keys(8), 3, 0, 9)])
    assert (rows < 3).sum(axis=1).tolist() == [2] * 9
    np.testing.assert_array_equal(np.bincount(rows.ravel(), minlength=8)[:3], 6)
    assert set(np.bincount(rows.ravel(), minlength=8)[3:]) == {3, 4}
    alone = np.array([[row for _, row in batch] for batch in finetune._batches(Keys(3), 3, 0, 9)])
    np.testing.assert_array_equal(np.bincount(alone.ravel()), 12)


class Keys:
    """A data set whose samples are their keys."""

    def __init__(self, num: int) -> None:
        self._num = num

    def __len__(self) -> int:
        return self._num

    def __getitem__(self, key: tuple[int, int]) -> tuple[int, int]:
        return key


def adapted(error: float, habit) -> Adapted:
    return Adapted(habit=habit, before=np.full(3, 4.0), after=np.full(3, error), unit="mm", evaluation=None)


@pytest.mark.parametrize(("with_tuning", "weights", "line"), [(3.0, True, "3.000"), (3.45, False, "does not help (3.450 mm")])
def test_command_keeps_what_helps_on_unseen_films(base, synthetic_root, monkeypatch, capsys, with_tuning, weights, line):
    monkeypatch.setattr("landmarks.evaluation.adapt.judge_habit", lambda *_: adapted(3.5, "habit"))
    monkeypatch.setattr(finetune, "judge_tuning", lambda *_: adapted(with_tuning, "tuned"))
    films, predictor = read_dataset("aariz", synthetic_root, split="test"), Predictor.load(base, device="cpu")
    made, found = command._chosen(predictor, predict_films(predictor, films), films, base)
    assert made.habit == ("tuned" if weights else "habit")
    assert (found is not None) == weights
    assert line in capsys.readouterr().out
