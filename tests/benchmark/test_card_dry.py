"""The benchmark of a card, dry: every part out of a packed folder, on the processor."""

import json
import subprocess
import sys

from landmarks.benchmark.card import pack
from landmarks.benchmark.card.parts import PARTS
from landmarks.commands.program import main


def test_a_dry_run_out_of_a_packed_folder_goes_through_every_part(synthetic_root, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pack, "fetch_wheels", lambda folder: folder.mkdir())  # the environment has all packages
    packed = tmp_path / "packed"
    assert main(["benchmark", "card", "--pack", str(packed), "--data", str(synthetic_root), "--format", "synthetic"]) == 0
    assert f"{packed}: " in capsys.readouterr().out
    # an empty folder: no checkout, no recipes beside it
    command_line = [sys.executable, str(packed / "run.py"), "--dry", "--minutes", "60", "--json", "card.json"]
    environment = {"OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"}
    (tmp_path / "empty").mkdir()
    done = subprocess.run(command_line, cwd=tmp_path / "empty", env=environment, capture_output=True, text=True, timeout=3500)
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "empty" / "card.json").read_text(encoding="utf-8"))
    assert list(results["parts"]) == [part.name for part in PARTS]
    for name, part in results["parts"].items():
        assert part["state"] == "ok", (name, part.get("line"))
        for item, found in part["items"].items():
            assert found["state"] == "ok", (name, item, found)
            assert found["figures"].get("ok", True), (name, item, found)
    items = {name: part["items"] for name, part in results["parts"].items()}
    assert {"resume", "export", "ranks", "overflow", "recompute"} <= items["correctness"].keys()
    assert items["memory"]["recovery"]["figures"]["micro-batch"] == 1
    assert items["training"]["test films"]["figures"]["films"] == 3
    for title in ("### Correctness", "### 8 GB", "### Step", "### Other figures", "training: test films"):
        assert title in done.stdout
