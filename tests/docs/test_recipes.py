"""The worked examples of docs/recipes.md, run as they stand on the page."""

import re
import types
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from landmarks.configfile import load_config
from landmarks.formats import FORMATS
from landmarks.formats.reading import read_dataset
from landmarks.formats.records import DataError
from landmarks.measurements import BY_NAME
from landmarks.norms.reading import read_definitions
from landmarks.settings import setting
from landmarks.stages import stage_settings
from landmarks.tasks.landmarks import loss as loss_module

PAGE = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text(encoding="utf-8")


def example(heading: str) -> str:
    """The first code block below a heading."""
    return re.search(rf"^## {re.escape(heading)}\n.*?```\w+\n(.*?)```", PAGE, flags=re.S | re.M)[1]


def test_a_format(tmp_path, monkeypatch):
    module = types.ModuleType("points_txt")
    exec(example("Add a format"), module.__dict__)
    monkeypatch.setitem(FORMATS, "points_txt", module)
    for name, text in (("a", "S 1 2\nN 3 4.5\n"), ("b", "N 5 6\n")):
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.zeros((20, 30), np.uint8))
        (tmp_path / f"{name}.txt").write_text(text)
    found = read_dataset("points_txt", tmp_path)
    assert found.landmarks.symbols == ("S", "N")
    np.testing.assert_array_equal(found.records[0].points_px, [[1, 2], [3, 4.5]])
    assert found.records[1].visible.tolist() == [False, True]
    (tmp_path / "b.txt").unlink()
    with pytest.raises(DataError, match=r"no points in b\.txt"):
        read_dataset("points_txt", tmp_path)


def test_stages(tmp_path):
    (tmp_path / "phases.yaml").write_text(example("Stages of a recipe"), encoding="utf-8")
    phases = [settings.train for settings in stage_settings(load_config(tmp_path / "phases.yaml", ["data.format=synthetic"]))]
    assert [(phase.backbone_share, phase.backbone_rate) for phase in phases] == [(0, 1), (0.25, 0.5), (0.5, 0.3), (1, 0.1)]
    assert {phase.epochs for phase in phases} == {25}


def test_a_task_is_tested_elsewhere():
    for path in re.findall(r"`(tests/tasks/\w+\.py)`", PAGE):
        assert (Path(__file__).parents[2] / path).is_file()


def test_a_loss(monkeypatch):
    names: dict = {}
    exec(example("Add a loss"), names)
    monkeypatch.setitem(loss_module._FORMULAS, "l1", names["_l1"])
    monkeypatch.setitem(loss_module._BACKGROUNDS, "l1", names["_l1_background"])
    maps = torch.rand(2, 3, 24, 20, generator=torch.Generator().manual_seed(0), requires_grad=True)
    points = torch.tensor([[[4.3, 7.6], [12.0, 3.0], [0.2, 22.9]]]).repeat(2, 1, 1)
    weights = torch.tensor([[1.0, 0.5, 0.0]]).repeat(2, 1)
    settings = SimpleNamespace(name="l1", foreground_weight=0.0)
    total = loss_module.heatmap_loss_sum(maps, points, weights, 1.0, settings)
    total.backward()
    x, y = torch.arange(20.0).double(), torch.arange(24.0).double()[:, None]
    targets = torch.exp(-((x - points[..., :1, None]) ** 2 + (y - points[..., 1:, None]) ** 2) / 2)
    plain = maps.detach().double().requires_grad_()
    wanted = ((plain - targets).abs() * weights[..., None, None]).sum()
    wanted.backward()
    torch.testing.assert_close(total.double(), wanted, rtol=1e-5, atol=0)
    torch.testing.assert_close(maps.grad.double(), plain.grad)


def test_a_backbone():
    names: dict = {}
    exec(example("Add a backbone"), names)
    network = names["SmallNet"](5)
    images = torch.randint(0, 255, (2, 1, 64, 96), dtype=torch.uint8)
    assert network(images).shape == (2, 5, 16, 24)
    network.train_only([1, 3])
    assert network.train()(images).shape == (2, 2, 16, 24)
    assert network.eval()(images).shape == (2, 5, 16, 24)
    network(images).sum().backward()
    assert all(weight.grad is not None for weight in network.parameters())
    assert {"recompute", "undecayed", "backbone_units"} <= set(dir(network))


def test_a_measurement(tmp_path):
    (tmp_path / "own.yaml").write_text(example("Add a measurement"), encoding="utf-8")
    definitions = read_definitions(tmp_path / "own.yaml")
    own = [definitions.measurements[name] for name in ("S-Gn", "N-S-Gn")]
    assert [(type(m.construct).__name__, m.unit, sorted(m.landmarks)) for m in own] == [
        ("Length", "mm", ["Gn", "S"]),
        ("Corner", "deg", ["Gn", "N", "S"]),
    ]
    assert not {"S-Gn", "N-S-Gn"} & BY_NAME.keys()
    assert "ours" in definitions.samples


def test_a_setting():
    line = example("Add a setting or a command")
    field = eval(line.split("=", 1)[1].strip(), {"setting": setting})
    assert (field.default, field.metadata["rule"].below) == (0.0, 1)
