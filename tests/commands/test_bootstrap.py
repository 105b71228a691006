"""The way from a fresh clone: where the interpreter is on each system, what is run, and what a too old Python is told."""

import importlib.util
import subprocess
import sys
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bootstrap():
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "tools" / "bootstrap.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_interpreter_on_each_system(bootstrap):
    windows = bootstrap.environment_python(PureWindowsPath(r"C:\Users\A B\landmarks\.venv"), "nt")
    assert str(windows) == r"C:\Users\A B\landmarks\.venv\Scripts\python.exe"
    assert str(bootstrap.environment_python(PurePosixPath("/home/a/.venv"), "posix")) == "/home/a/.venv/bin/python"


def test_what_is_missing_is_one_line(bootstrap):
    assert bootstrap.problem((3, 10, 0)) == ""
    assert "3.10 or newer is needed, this is 3.9" in bootstrap.problem((3, 9, 1))
    assert "python3-venv" in bootstrap.problem((3, 12, 0), has_venv=False, platform="linux")
    assert "python.org" in bootstrap.problem((3, 12, 0), has_venv=False, platform="win32")


def test_it_installs_once_and_again_when_the_project_changes(bootstrap, tmp_path, monkeypatch):
    calls = []

    def run(command, **settings):
        calls.append(command)
        if "venv" in command:
            python = bootstrap.environment_python(tmp_path / ".venv")
            python.parent.mkdir(parents=True)
            python.write_text("")
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(bootstrap.subprocess, "run", run)
    for name in ("setup.cfg", "pyproject.toml"):
        (tmp_path / name).write_text("a")
    for _ in range(2):
        bootstrap.install("demo", tmp_path / ".venv", tmp_path)
    assert [("venv" in call, call[-1]) for call in calls] == [(True, str(tmp_path / ".venv")), (False, ".")]
    bootstrap.install("test", tmp_path / ".venv", tmp_path)
    assert calls[-1][-1] == ".[dev]"
    (tmp_path / "setup.cfg").write_text("b")
    bootstrap.install("demo", tmp_path / ".venv", tmp_path)
    assert len(calls) == 4


def test_the_demo_stops_at_the_first_failure(bootstrap, monkeypatch, tmp_path):
    ran = []

    def run(command, **settings):
        ran.append(command[3])
        return subprocess.CompletedProcess(command, 2)

    monkeypatch.setattr(bootstrap.subprocess, "run", run)
    monkeypatch.setattr(bootstrap, "install", lambda *words: tmp_path / "python")
    monkeypatch.setattr(bootstrap.shutil, "rmtree", lambda *words, **settings: None)
    assert bootstrap.main(["demo"]) == 2
    assert ran == ["train"]
    assert bootstrap.main(["nothing"]) == 2


def test_every_program_that_it_runs_exists(bootstrap):
    from landmarks.commands.program import COMMANDS

    for name in bootstrap.EXTRAS:
        for step in bootstrap.steps(name, []):
            assert step[1] in ("ruff", "pytest") or step[2] in COMMANDS


def test_it_needs_the_standard_library_alone():
    code = f"import runpy, sys; sys.argv = ['bootstrap.py']; runpy.run_path({str(ROOT / 'tools' / 'bootstrap.py')!r})"
    assert subprocess.run([sys.executable, "-S", "-I", "-c", code], check=False).returncode == 0
