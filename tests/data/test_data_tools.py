"""The commands around data: exit codes, one line for a user's error, and nothing on the wrong stream."""

import subprocess
import sys
from pathlib import Path

import pytest

from landmarks.commands.program import run

TOOLS = Path(__file__).parents[2] / "tools"


def call(tool: str, *words) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, str(TOOLS / tool), *map(str, words)], capture_output=True, text=True)


def test_check_prepare_and_cache_from_the_command_line(synthetic_root, tmp_path):
    small = tmp_path / "small"
    done = call("prepare_data.py", "--root", synthetic_root, "--format", "aariz", "--output", small, "--long-side", 200)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("21 images in")
    again = call("prepare_data.py", "--root", synthetic_root, "--format", "aariz", "--output", small)
    assert again.returncode == 2
    assert again.stderr.count("\n") == 1
    words = ("--format", "aariz", "--cache-dir", tmp_path / "cache", "--output", tmp_path / "out")
    assert call("check_data.py", "--root", small, *words).returncode == 0
    next((small / "test" / "Cephalograms").iterdir()).write_bytes(b"")
    found = call("check_data.py", "--root", small, *words)
    assert found.returncode == 1
    assert "unreadable image" in found.stdout
    unstored = call("check_data.py", "--root", small, "--format", "aariz", "--cache-dir", tmp_path / "out" / "check.json")
    assert (unstored.returncode, unstored.stdout) == (1, found.stdout)
    assert "warning: " in unstored.stderr.splitlines()[-1]
    missing = call("check_data.py", "--root", tmp_path / "nowhere", *words)
    assert missing.returncode == 2
    assert missing.stderr.count("\n") == 1
    listed = call("cache.py", "list", "--cache-dir", tmp_path / "cache")
    assert (listed.returncode, listed.stdout) == (0, f"no caches in {tmp_path / 'cache'}\n")


@pytest.mark.parametrize(
    ("tool", "call", "error", "code", "line"),
    [
        ("prepare_data", "prepare.run.prepare", KeyboardInterrupt(), 130,
         "interrupted; the same command resumes from here"),
        ("prepare_data", "prepare.run.prepare", OSError(28, "No space left on device"), 2,
         "out: No space left on device; run the same command again to resume"),
        ("check_data", "check.run.check_dataset", KeyboardInterrupt(), 130, "interrupted"),
        ("train", "engine.build.prepare_run", PermissionError(13, "Permission denied", "a.csv"), 2,
         "a.csv: Permission denied"),
        ("train", "engine.trainer.fit", OSError(28, "No space left on device"), 1,
         "out: No space left on device; the last sound checkpoint is kept"),
    ],
)  # fmt: skip
def test_one_line_when_a_command_is_broken_off(monkeypatch, capsys, tool, call, error, code, line):
    def fail(*words, **settings):
        raise error

    if call.endswith("fit"):
        monkeypatch.setattr("landmarks.engine.build.prepare_run", lambda *words, **settings: "a run")
        monkeypatch.setattr("landmarks.engine.timing.announce_time", lambda run: None)
    monkeypatch.setattr(f"landmarks.{call}", fail)
    words = ("--config", TOOLS.parent / "configs" / "demo.yaml") if tool == "train" else ("--root", "t", "--format", "table")
    assert run(tool, [*map(str, words), "--output", "out"]) == code
    assert capsys.readouterr().err == line + "\n"


def test_a_cache_that_cannot_be_removed_is_named(monkeypatch, capsys, tmp_path):
    (tmp_path / "a.cache").mkdir()  # stands for one of another user: a folder is no file to unlink either
    (tmp_path / "b.cache").write_bytes(b"[]")
    assert run("cache", ["clear", "--cache-dir", str(tmp_path)]) == 2
    assert f"{tmp_path / 'a.cache'}: cannot be removed" in capsys.readouterr().err
    assert not (tmp_path / "b.cache").exists()


def test_a_reader_who_has_seen_enough(synthetic_root, tmp_path):
    words = ("--root", synthetic_root, "--format", "aariz", "--cache-dir", tmp_path)
    with subprocess.Popen(
        [sys.executable, TOOLS / "check_data.py", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as piped:
        piped.stdout.close()
        assert b"Broken" not in piped.stderr.read()
    assert piped.returncode in (0, 1)  # nothing found, or findings: both are a check that ran to its end
