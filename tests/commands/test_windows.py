"""What differs on Windows, as far as another system can show it: encodings of files, and processes that are spawned."""

import ast
import subprocess
import sys
from pathlib import Path

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
