"""The program: its list of commands, exit codes, and how soon help is there."""

import subprocess
import sys
from pathlib import Path

import pytest

from landmarks.commands import program

ROOT = Path(__file__).parents[2]


def test_every_command_has_a_module_a_door_and_a_help(capsys):
    files = {path.stem for path in (ROOT / "landmarks" / "commands").glob("*.py")}
    assert set(program.COMMANDS) == files - {"__init__", "program", "arguments", "console"}
    assert program.main(["--help"]) == 0
    overview = capsys.readouterr().out
    for name, summary in program.COMMANDS.items():
        assert f"{name} " in overview
        assert summary in overview
        assert f'run("{name}")' in (ROOT / "tools" / f"{name}.py").read_text(encoding="utf-8")
        with pytest.raises(SystemExit, match="0"):
            program.main([name, "--help"])
        assert f"usage: landmarks {name}" in capsys.readouterr().out


def test_help_imports_neither_torch_nor_numpy():
    names = [name for name in program.COMMANDS if name != "benchmark"]
    code = f"""
import contextlib, sys
from landmarks.commands.program import main
main(["--help"])
for name in {names}:
    with contextlib.suppress(SystemExit):
        main([name, "--help"])
assert not {{"torch", "numpy", "cv2", "omegaconf"}} & sys.modules.keys()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ValueError("a setting: wrong"), 2, "a setting: wrong"),
        (PermissionError(13, "Permission denied", "a.csv"), 2, "a.csv: Permission denied"),
        (OSError(28, "No space left on device"), 2, "[Errno 28] No space left on device"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (
            ModuleNotFoundError("No module named 'pydicom'", name="pydicom"),
            2,
            "the Python package 'pydicom' is missing; install",
        ),
    ],
)
def test_exit_codes(monkeypatch, capsys, error, code, line):
    def fail(words):
        raise error

    monkeypatch.setattr("landmarks.commands.cache.main", fail)
    assert program.run("cache", []) == code
    shown = capsys.readouterr().err
    assert shown.startswith(line)
    assert shown.count("\n") == 1


def test_faults_of_our_own_keep_their_traceback(monkeypatch):
    monkeypatch.setattr("landmarks.commands.cache.main", lambda words: {}["missing"])
    with pytest.raises(KeyError):
        program.run("cache", [])


def test_an_unknown_command_names_the_known_ones(capsys):
    assert program.main(["tain"]) == 2
    assert capsys.readouterr().err.startswith("tain: unknown command; the commands are train, eval")
