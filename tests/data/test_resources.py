"""Limits of the machine: processor quotas of nested groups, and a folder for notes that no other user can plant."""

import os

import pytest

from landmarks.data import cache
from landmarks.data.resources import usable_cores


@pytest.fixture
def many_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)


def test_the_tightest_quota_above_a_process_counts(tmp_path, many_cores):
    proc, group = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)
    (group / "a" / "b").mkdir(parents=True)
    assert usable_cores(proc, group) == 16
    (proc / "self" / "cgroup").write_text("0::/a/b\n")
    (group / "a" / "b" / "cpu.max").write_text("max 100000\n")
    (group / "a" / "cpu.max").write_text("300000 100000\n")
    assert usable_cores(proc, group) == 3
    (group / "cpu.max").write_text("50000 100000\n")
    assert usable_cores(proc, group) == 1
    old = tmp_path / "v1"
    (old / "cpu" / "job").mkdir(parents=True)
    (proc / "self" / "cgroup").write_text("9:memory:/m\n3:cpu,cpuacct:/job\n")
    (old / "cpu" / "cpu.cfs_quota_us").write_text("-1")
    (old / "cpu" / "job" / "cpu.cfs_quota_us").write_text("200000")
    (old / "cpu" / "job" / "cpu.cfs_period_us").write_text("100000")
    assert usable_cores(proc, old) == 2


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="Windows has a temporary folder for each user")
def test_notes_of_ranks_lie_in_a_folder_of_this_user_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(cache.tempfile, "gettempdir", lambda: str(tmp_path))
    note = cache._note("key")
    assert note.parent.stat().st_mode & 0o077 == 0
    note.parent.chmod(0o755)
    with pytest.raises(OSError, match="others can write"):
        cache._note("key")
    note.parent.rmdir()
    (tmp_path / "planted").mkdir(mode=0o700)
    note.parent.symlink_to(tmp_path / "planted")
    with pytest.raises(OSError, match="others can write"):
        cache._note("key")
