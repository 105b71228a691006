"""What differs on Windows, as far as another system can show it: encodings of files, and processes that are spawned."""

import ast
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from landmarks import wholefile
from landmarks.checkpointfile import write_checkpoint
from landmarks.engine import stopping
from landmarks.engine.checkpoint import CheckpointFolder, epoch_name
from landmarks.review.folder import keep_upload
from landmarks.review.store import Store

PACKAGE = Path(__file__).parents[2] / "landmarks"


def test_text_files_are_utf8_whatever_the_code_page():
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                named = {keyword.arg for keyword in node.keywords}
                reads = node.func.attr == "read_text" and not node.args
                writes = node.func.attr == "write_text" and len(node.args) == 1
                assert not (reads or writes) or "encoding" in named, f"{path}:{node.lineno}: no encoding"


def test_a_command_whose_workers_are_spawned(tmp_path):
    """synthesize always spawns: what starts it must be importable again, through the door and as a module."""
    tool = str(PACKAGE.parent / "tools" / "synthesize.py")
    for number, start in enumerate(([tool], ["-m", "landmarks", "synthesize"])):
        words = ["--output", str(tmp_path / f"a b {number} \u00e9"), "--num", "10", "--height", "64", "--workers", "2"]
        done = subprocess.run([sys.executable, *start, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "10 images in" in done.stdout


def open_elsewhere(monkeypatch, times: int) -> list[Path]:
    """Lets os.replace fail as Windows does where another program has the target open; returns what was refused."""
    whole, refused = os.replace, []

    def replace(part, target):
        if len(refused) < times:
            refused.append(Path(target))
            raise PermissionError(13, "Access is denied", str(part), 5, str(target))
        whole(part, target)

    monkeypatch.setattr(os, "replace", replace)
    monkeypatch.setattr(wholefile, "_PAUSES", (0.0,) * 3)
    return refused


def test_a_file_that_a_scanner_has_open_for_a_moment_is_replaced_all_the_same(tmp_path, monkeypatch):
    refused = open_elsewhere(monkeypatch, 3)
    write_checkpoint(tmp_path / "latest.pt", {"model": {}})
    assert refused == [tmp_path / "latest.pt"] * 3
    assert [path.name for path in tmp_path.iterdir()] == ["latest.pt"]


def test_a_file_that_stays_open_is_named_and_left_as_it_is(tmp_path, monkeypatch):
    target = tmp_path / "results.json"
    target.write_text("before")
    (tmp_path / "part").write_text("after")
    open_elsewhere(monkeypatch, 9)
    with pytest.raises(PermissionError, match="open in another program") as caught:
        wholefile.put_in_place(tmp_path / "part", target)
    assert caught.value.filename == str(target)
    assert target.read_text() == "before"


def test_an_old_checkpoint_that_somebody_reads_does_not_end_a_run(tmp_path, monkeypatch):
    folder = CheckpointFolder(tmp_path, keep=1)
    folder.save(epoch_name(1), {"model": {}})

    def refuse(path, missing_ok=False):
        if path.name == epoch_name(1):
            raise PermissionError(13, "Access is denied", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    folder.save(epoch_name(2), {"model": {}})
    assert (folder.folder / epoch_name(2)).is_file()


def test_an_upload_is_flushed_through_a_file_that_is_open_for_writing(tmp_path, monkeypatch):
    """Windows flushes no others."""
    store = Store(tmp_path)
    (store.home / "films").mkdir()
    part = store.home / "films" / "a.part"
    part.write_bytes(b"film")
    whole = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: os.write(handle, b"") or whole(handle))
    assert keep_upload(store, part, "a.png", "0" * 64)[1]
    store.close()


def test_ctrl_break_is_noted_where_there_is_one(monkeypatch):
    monkeypatch.setattr(signal, "SIGBREAK", signal.SIGWINCH, raising=False)
    signals = stopping.Signals()
    with signals.collect():
        signal.raise_signal(signal.SIGWINCH)
    assert signals.stop == [signal.SIGWINCH]


def test_files_are_renamed_in_one_place():
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and path.name != "wholefile.py":
                name, num = node.func.attr, len(node.args) + len(node.keywords)
                of_os = isinstance(node.func.value, ast.Name) and node.func.value.id == "os"
                renames = name == "rename" or (name == "replace" and (num == 1 or of_os))
                assert not renames, f"{path}:{node.lineno}: put_in_place"
