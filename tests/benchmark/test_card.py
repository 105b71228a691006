"""The benchmark of a card without one: failing parts, device clocks, fitted constants, the folder to carry."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from landmarks.benchmark import clock
from landmarks.benchmark.card import command, pack
from landmarks.benchmark.card.bench import Job
from landmarks.benchmark.card.fit import fitted
from landmarks.benchmark.card.parts import PARTS, Part, run_parts
from landmarks.benchmark.card.tables import markdown
from landmarks.commands.program import main
from landmarks.config import LossConfig
from landmarks.engine.constants import CONSTANTS_FILE, read_constants, write_constants
from landmarks.engine.memory import MIB
from landmarks.tasks.landmarks.heatmap import decode_with_shape
from landmarks.tasks.landmarks.loss import heatmap_loss_sum

NAMES = [part.name for part in PARTS]


@pytest.fixture
def no_wheels(monkeypatch):
    """The test's own environment has all packages, and no network is asked."""
    monkeypatch.setattr(pack, "fetch_wheels", lambda folder: folder.mkdir())


@pytest.mark.parametrize("number", range(len(PARTS)))
def test_a_part_that_fails_leaves_the_others_alone(number, tmp_path):
    broken = ("raises", "hangs", "dies", "raises", "has_a_failing_item")[number]
    parts = [Part(name=name, module="card_parts:run_good", share=0.5) for name in NAMES]
    parts[number] = Part(name=NAMES[number], module=f"card_parts:{broken}", share=0.015 if broken == "hangs" else 0.5)
    reports = []
    job = Job(dry=True, data_format="synthetic", data_root="", folder=tmp_path)
    found = run_parts(job, parts, 300, lambda outcomes: reports.append(json.dumps(outcomes)))
    assert list(found) == NAMES
    assert len(reports) >= len(NAMES)
    for name, part in found.items():
        assert part["items"]["sum"]["figures"] == {"figure": 2}, name
        assert part["state"] == "ok" or name == NAMES[number]
    failed = found[NAMES[number]]
    if broken == "raises":
        assert failed["state"] == "failed"
        assert failed["line"].startswith(
            "RuntimeError: CUDA error: an illegal memory access was encountered (card_parts.py, line"
        )
    elif broken == "dies":
        assert (failed["state"], failed["line"]) == ("failed", "its process died (SIGKILL)")
    elif broken == "hangs":
        assert failed["state"] == "ended"
        assert failed["items"]["endless"] == {"state": "begun"}
    else:
        assert failed["items"]["broken"]["state"] == "failed"
        assert failed["items"]["broken"]["line"].startswith("KeyError: 'missing'")
        assert failed["items"]["too late"]["state"] == "not reached"
    results = {"parts": found, "seconds": 1.0, "dry": True, "date": "2026-11-28", "constants": None}
    assert f"| {NAMES[number]} | {failed['state']} |" in markdown(results)


def test_a_run_without_a_card_says_so(capsys):
    if torch.cuda.is_available():
        pytest.skip("this machine has a card")
    assert main(["benchmark", "card"]) == 2
    assert "--dry shows the parts on the processor" in capsys.readouterr().err


class Event:
    """A device's event: the time stands still but for what the work adds."""

    now = 0.0

    def __init__(self, enable_timing: bool) -> None:
        assert enable_timing

    def record(self) -> None:
        self.at = Event.now

    def elapsed_time(self, end: "Event") -> float:
        return end.at - self.at  # ms, as torch gives it


def test_seconds_on_a_device_come_from_its_events(monkeypatch):
    waits = []
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "synchronize", waits.append)

    def work() -> None:
        Event.now += 250.0

    device = torch.device("cuda", 0)
    assert clock.seconds_of(work, device, warm_up=2, repeats=3) == [0.25] * 3
    assert Event.now == 5 * 250
    assert waits == [device, device], "it waits after the warm-up and at the end, never between"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_loss_and_decoder_mix_no_devices(dtype):
    with FakeTensorMode():  # tensors of a card without one: an operation on two devices is an error all the same
        maps = torch.empty(2, 29, 64, 48, device="cuda", dtype=dtype).requires_grad_()
        points_hm, weights = torch.empty(2, 29, 2, device="cuda"), torch.empty(2, 29)
        total = heatmap_loss_sum(maps, points_hm, weights, 2.0, LossConfig())
        decoded, shape = decode_with_shape(maps, 2.0)
        found = (total, decoded.points_hm, decoded.peaks, shape.covariance_hm, shape.outside)
        assert {(tensor.device.type, tensor.dtype) for tensor in found} == {("cuda", torch.float32)}


def measured(constants, shapes) -> dict:
    """Results as a card would give them that is exactly what the planner's model says."""
    items = {}
    for number, (passes, activations, flops) in enumerate(shapes):
        reserved = 600 + activations * (1 + constants.fragmentation) + constants.workspace_mib
        seconds = passes * constants.pass_seconds + flops / constants.tflops
        predicted = {"accumulate": passes, "activations": activations * MIB, "static": 600 * MIB, "flops": flops * 1e12}
        figures = {"predicted": predicted, "fits": True, "reserved MiB": reserved, "seconds": seconds}
        items[str(number)] = {"state": "ok", "figures": figures}
    items["context after steps"] = {"state": "ok", "figures": {"context MiB": constants.context_mib}}
    return {"date": "2026-11-28", "parts": {"memory": {"state": "ok", "items": items}}}


def test_fitted_constants_are_those_that_the_steps_were_made_with(tmp_path, monkeypatch, capsys):
    truth = replace(
        read_constants(), context_mib=512.0, workspace_mib=300.0, fragmentation=0.08, pass_seconds=0.02, tflops=40.0
    )
    shapes = [(1, 4000.0, 8.0), (2, 2000.0, 8.0), (4, 1000.0, 9.0), (3, 900.0, 6.5)]
    results = measured(truth, shapes)
    found = fitted(results)
    for name, value in asdict(truth).items():
        if name != "source":
            assert getattr(found, name) == pytest.approx(value, rel=1e-3), name
    # one step that took more than the others say: it is still predicted
    results["parts"]["memory"]["items"]["0"]["figures"]["reserved MiB"] += 100
    found = fitted(results)
    for item in results["parts"]["memory"]["items"].values():
        if "predicted" in item["figures"]:
            activations = item["figures"]["predicted"]["activations"] / MIB
            predicted = 600 + activations * (1 + found.fragmentation) + found.workspace_mib
            assert predicted >= item["figures"]["reserved MiB"] - 0.2
    assert fitted(measured(truth, shapes[:2])) is None
    (tmp_path / "card.json").write_text(json.dumps(results | {"constants": asdict(found)}), encoding="utf-8")
    written = []
    monkeypatch.setattr(command, "write_constants", written.append)
    assert main(["benchmark", "card", "--fit", str(tmp_path / "card.json")]) == 0
    assert written == [found]
    (tmp_path / "none.json").write_text(json.dumps(results | {"constants": None}), encoding="utf-8")
    assert main(["benchmark", "card", "--fit", str(tmp_path / "none.json")]) == 2
    assert "the memory part measured too little" in capsys.readouterr().err
    write_constants(found, tmp_path / "constants.json")
    assert read_constants(tmp_path / "constants.json") == found
    assert json.loads(CONSTANTS_FILE.read_text(encoding="utf-8"))["source"]


def test_a_folder_that_cannot_be_carried(tmp_path, no_wheels, monkeypatch, synthetic_root, capsys):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    assert main(["benchmark", "card", "--pack", str(tmp_path / "full")]) == 2
    assert "not empty; name a new folder" in capsys.readouterr().err
    monkeypatch.setattr(pack, "_MOST_BYTES", 1000)
    words = ["--data", str(synthetic_root), "--format", "synthetic"]
    assert main(["benchmark", "card", "--pack", str(tmp_path / "large"), *words]) == 2
    assert "more than 60" in capsys.readouterr().err
    assert Path(tmp_path / "large" / "run.py").exists()
