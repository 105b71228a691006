"""The cache is always right: killed, doubled and stale builds, full disks, tight memory, several ranks."""

import os
import pickle
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from landmarks.config import DataConfig
from landmarks.data import cache, packfile
from landmarks.data.cache import cache_key, open_store
from landmarks.data.cachefolder import clear_caches, list_caches
from landmarks.data.loading import read_split
from landmarks.data.resources import available_memory
from landmarks.formats.records import DataError
from landmarks.images import shrink
from landmarks.radiograph import read_gray

BUILD = """
import logging, sys
from pathlib import Path
from landmarks.config import DataConfig
from landmarks.data.cache import open_store
from landmarks.formats.reading import read_dataset
print("start", flush=True)
logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
data = DataConfig(format="aariz", root=sys.argv[1], image_size=(256, 256), cache=sys.argv[3], cache_dir=sys.argv[2])
records = read_dataset("aariz", sys.argv[1], split="train").records
store = open_store(records, data)
print("done", store.num_bytes, flush=True)
{more}
"""


def settings(root, folder, **changed) -> DataConfig:
    return DataConfig(**{"format": "aariz", "root": str(root), "image_size": (256, 256), "cache": "disk",
                         "cache_dir": str(folder)} | changed)  # fmt: skip


def assert_right(store, records, data) -> None:
    assert len(records) > 0
    for i, record in enumerate(records):
        image, source_size = store.image(i)
        expected = read_gray(record.image_path)
        assert source_size == expected.shape
        np.testing.assert_array_equal(image, shrink(expected, data.image_size, data.cache_scale)[0])


@pytest.fixture
def set_of_15(synthetic_root, tmp_path):
    data = settings(synthetic_root, tmp_path / "cache")
    return read_split(data, "train", seed=0).records, data


def build_in_child(records, data, seconds_an_image: float = 0.0) -> int:
    """A build in a forked process, which is there at once; returns its id."""
    child = os.fork()
    if child == 0:
        try:
            real = packfile.read_gray
            packfile.read_gray = lambda path: time.sleep(seconds_an_image) or real(path)
            open_store(records, data)
        finally:
            os._exit(0)
    return child


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked builds")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_killed_builds_leave_a_right_cache(set_of_15, caplog):
    records, data = set_of_15
    begin = time.monotonic()
    os.waitpid(build_in_child(records, data, 0.01), 0)
    whole = time.monotonic() - begin
    clear_caches(Path(data.cache_dir))
    killed, rng = 0, random.Random(0)
    for _ in range(20):
        child = build_in_child(records, data, 0.01)
        time.sleep(rng.uniform(0, whole))
        os.kill(child, signal.SIGKILL)
        killed += os.waitpid(child, 0)[1] != 0
        final = Path(data.cache_dir) / f"{cache_key([r.image_path for r in records], data)}.cache"
        if final.exists():  # this one was finished before the signal came
            caplog.clear()
            assert_right(open_store(records, data), records, data)
            assert not caplog.messages
            final.unlink()
    assert killed >= 5
    assert_right(open_store(records, data), records, data)
    assert [p.name for p in Path(data.cache_dir).iterdir() if "unfinished" in p.name] == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks builds")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_builds_at_once_make_one_cache(set_of_15, caplog):
    records, data = set_of_15
    children = [build_in_child(records, data, 0.01) for _ in range(4)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    assert len(list(Path(data.cache_dir).iterdir())) == 1
    assert_right(open_store(records, data), records, data)
    assert not caplog.messages


def test_one_changed_byte_is_noticed(synthetic_root, tmp_path, caplog):
    import shutil

    root = shutil.copytree(synthetic_root, tmp_path / "set")
    data = settings(root, tmp_path / "cache")
    records = read_split(data, "train", seed=0).records
    open_store(records, data)
    caplog.clear()
    open_store(records, data)
    assert not caplog.messages  # the second run builds nothing
    path = next(r.image_path for r in records if r.image_path.suffix.lower() == ".bmp")
    before, content = path.stat(), bytearray(path.read_bytes())
    content[-1] ^= 0xFF
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # even where a copying tool sets the old time back
    assert_right(open_store(records, data), records, data)
    assert "15 images decoded" in caplog.messages[0]
    assert "images/s" in caplog.messages[0]


def test_a_damaged_cache_file_is_built_again(set_of_15):
    records, data = set_of_15
    open_store(records, data)
    (listed,) = list_caches(Path(data.cache_dir))
    assert "15 images" in listed.about
    content = listed.path.read_bytes()
    for damaged in (content[:-1], content[: len(content) // 2], b"", content + b"x"):
        listed.path.write_bytes(damaged)
        assert_right(open_store(records, data), records, data)
    assert clear_caches(Path(data.cache_dir)) == (len(content), [])
    assert list(Path(data.cache_dir).iterdir()) == []


def test_no_room_falls_back_with_a_line(set_of_15, tmp_path, monkeypatch, caplog):
    records, data = set_of_15
    (tmp_path / "file").write_text("")
    blocked = settings(data.root, tmp_path / "file" / "cache")
    assert_right(open_store(records, blocked), records, data)
    assert len(caplog.messages) == 2
    assert "not on disk" in caplog.messages[0]
    assert "in memory" in caplog.messages[1]

    def full(*_):
        raise OSError(28, "No space left on device")

    caplog.clear()
    monkeypatch.setattr(cache, "write_pack", full)
    assert_right(open_store(records, data), records, data)
    assert "No space left" in caplog.messages[0]
    assert "cache: none" in caplog.messages[-1]
    assert list(Path(data.cache_dir).iterdir()) == []


@pytest.mark.parametrize(
    ("memory", "disk", "chosen"), [(8 << 30, 8 << 30, "ram"), (1 << 20, 8 << 30, "disk"), (1 << 20, 0, "none")]
)
def test_auto_looks_at_memory_and_disk(set_of_15, monkeypatch, memory, disk, chosen, caplog):
    records, data = set_of_15
    monkeypatch.setattr(cache, "available_memory", lambda: memory)
    monkeypatch.setattr(cache, "_free_disk", lambda folder: disk)
    auto = settings(data.root, data.cache_dir, cache="auto")
    assert_right(open_store(records, auto), records, data)
    assert caplog.messages[0].startswith(f"cache: {chosen} (")
    if chosen == "disk":
        monkeypatch.setattr(cache, "available_memory", lambda: 8 << 30)
        caplog.clear()
        open_store(records, auto)
        assert caplog.messages == [f"cache: disk (an earlier run left it in {data.cache_dir})"]


def test_spawned_workers_map_the_same_file(set_of_15):
    records, data = set_of_15
    for mode in ("disk", "ram"):
        store = open_store(records, settings(data.root, data.cache_dir, cache=mode))
        packed = pickle.dumps(store)
        assert len(packed) < 1000
        assert_right(pickle.loads(packed), records, data)


def test_a_broken_image_stops_also_a_run_that_finds_the_cache(synthetic_root, tmp_path):
    import shutil

    root = shutil.copytree(synthetic_root, tmp_path / "set")
    skipping = settings(root, tmp_path / "cache", on_error="skip")
    records = read_split(skipping, "train", seed=0).records
    records[0].image_path.write_bytes(b"")
    open_store(records, skipping)
    with pytest.raises(DataError, match="broken or truncated"):
        open_store(records, settings(root, tmp_path / "cache"))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_ranks_share_one_copy(synthetic_root, tmp_path):
    """Two training processes of one launcher: together they hold the images' memory once."""
    more = (
        "import numpy as np\nfor i in range(15): store.image(i)[0].sum()\nprint('ready', flush=True)\n"
        "sys.stdin.readline()\nlines = open('/proc/self/smaps').read().splitlines()\n"
        "at = [i for i, line in enumerate(lines) if 'landmarks-cache' in line]\n"
        "print('pss', sum(int(l.split()[1]) for i in at for l in lines[i:i+6] if l.startswith('Pss:')), flush=True)\n"
        "sys.stdin.readline()"
    )
    env = {"LOCAL_WORLD_SIZE": "2"}
    ranks = []
    for rank in range(2):
        command = [sys.executable, "-c", BUILD.replace("{more}", more), str(synthetic_root), str(tmp_path), "ram"]
        ranks.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                      text=True, env=os.environ | env | {"LOCAL_RANK": str(rank)}))  # fmt: skip
    texts = [[rank.stdout.readline() for _ in range(2)] for rank in ranks]
    while not all(text[-1].startswith("done") for text in texts):
        for rank, text in zip(ranks, texts, strict=True):
            if not text[-1].startswith("done"):
                text.append(rank.stdout.readline())
    assert sorted(len(text) for text in texts) == [2, 3], "one of them builds"
    assert [rank.stdout.readline() for rank in ranks] == ["ready\n"] * 2
    for rank in ranks:
        rank.stdin.write("\n")
        rank.stdin.flush()
    pss = [int(rank.stdout.readline().split()[1]) * 1024 for rank in ranks]
    num_bytes = int(texts[0][-1].split()[1])
    for rank in ranks:
        rank.communicate("\n")
    assert num_bytes < sum(pss) < 1.1 * num_bytes + 3 * 4096


def test_available_memory_of_a_container(tmp_path):
    proc, group = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "meminfo").write_text("MemTotal: 99 kB\nMemAvailable:    8388608 kB\n")
    assert available_memory(proc, group) == 8 << 30
    (proc / "self" / "cgroup").write_text("0::/a/b\n")
    (group / "a" / "b").mkdir(parents=True)
    for folder, limit, used in ((group / "a" / "b", "max", 5 << 20), (group / "a", 1 << 30, 900 << 20)):
        (folder / "memory.max").write_text(f"{limit}\n")
        (folder / "memory.current").write_text(f"{used}\n")
    (group / "a" / "memory.stat").write_text(f"anon 1\ninactive_file {700 << 20}\n")
    assert available_memory(proc, group) == (1 << 30) - (200 << 20)
    old = tmp_path / "v1"
    (proc / "self" / "cgroup").write_text("3:cpu,cpuacct:/x\n9:memory:/docker/abc\n")
    (old / "memory").mkdir(parents=True)  # inside a container only the top is mounted
    (old / "memory" / "memory.limit_in_bytes").write_text(str(2 << 30))
    (old / "memory" / "memory.usage_in_bytes").write_text(str(1 << 30))
    assert available_memory(proc, old) == 1 << 30
    (old / "memory" / "memory.limit_in_bytes").write_text("9223372036854771712")
    assert available_memory(proc, old) == 8 << 30
