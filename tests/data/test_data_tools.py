"""The commands around data: exit codes, one line for a user's error, and nothing on the wrong stream."""

import subprocess
import sys
from pathlib import Path

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
    missing = call("check_data.py", "--root", tmp_path / "nowhere", *words)
    assert missing.returncode == 2
    assert missing.stderr.count("\n") == 1
    listed = call("cache.py", "list", "--cache-dir", tmp_path / "cache")
    assert (listed.returncode, listed.stdout) == (0, f"no caches in {tmp_path / 'cache'}\n")
