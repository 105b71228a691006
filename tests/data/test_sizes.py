"""Sizes of images: read once, read again where a file has changed, kept outside the data set, whatever else happens."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from landmarks.config import DataConfig
from landmarks.data import sizes
from landmarks.data.cachefolder import clear_caches
from landmarks.data.sizes import image_sizes, sizes_file

NUM = 60


@pytest.fixture
def films(tmp_path) -> list[Path]:
    (tmp_path / "set").mkdir()
    for number in range(NUM):
        cv2.imwrite(str(tmp_path / "set" / f"{number:02d}.png"), np.zeros((10 + number, 20), np.uint8))
    return sorted((tmp_path / "set").iterdir())


@pytest.fixture
def data(tmp_path) -> DataConfig:
    return DataConfig(format="table", root=str(tmp_path / "set"), cache_dir=str(tmp_path / "cache"))


@pytest.fixture
def read(monkeypatch) -> list[str]:
    """Names of the files whose header is read."""
    names, image_size = [], sizes.image_size
    monkeypatch.setattr(sizes, "image_size", lambda path: names.append(path.name) or image_size(path))
    return names


def test_each_header_is_read_once_and_again_where_the_file_has_changed(films, data, read):
    films[1].write_bytes(b"no image")
    films[2].unlink()
    expected = [(10 + number, 20) for number in range(NUM)]
    expected[1] = expected[2] = None
    assert image_sizes(films, data) == expected
    assert len(read) == NUM - 1  # all but the missing one
    read.clear()
    before = films[0].stat()
    films[0].write_bytes(cv2.imencode(".png", np.zeros((10, 21), np.uint8))[1].tobytes())
    os.utime(films[0], ns=(before.st_atime_ns, before.st_mtime_ns))  # as copying tools do
    expected[0] = (10, 21)
    assert image_sizes(films, data) == expected
    assert sorted(read) == [films[0].name, films[1].name]
    freed, _ = clear_caches(Path(data.cache_dir))
    assert freed > 0
    read.clear()
    assert image_sizes(films, data) == expected
    assert len(read) == NUM - 1


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"version": 0, "sizes": {}}', '{"version": 1, "sizes": {"a": [1]}}'])
def test_a_damaged_file_is_read_as_none(films, data, damage):
    path = sizes_file(Path(data.root), Path(data.cache_dir))
    path.parent.mkdir(parents=True)
    path.write_text(damage)
    assert image_sizes(films, data)[5] == (15, 20)
    assert len(json.loads(path.read_text())["sizes"]) == NUM


def test_nothing_is_written_into_the_set_nor_without_a_cache(films, data, tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    for inside in ({"cache_dir": str(tmp_path / "set" / "cache")}, {"cache": "none"}):
        image_sizes(films, DataConfig(**{"format": "table", "root": data.root, "cache_dir": data.cache_dir} | inside))
        assert sorted((tmp_path / "set").iterdir()) == films
    assert len(list((tmp_path / "home").rglob("*.json"))) == 1
    assert not Path(data.cache_dir).exists()
    Path(data.cache_dir).write_text("a file where the folder should be")
    assert image_sizes(films, data)[0] == (10, 20)


def test_writers_at_once_leave_a_whole_file(films, data):
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: image_sizes(films, data), range(8)):
            assert found == [(10 + number, 20) for number in range(NUM)]
    folder = sizes_file(Path(data.root), Path(data.cache_dir)).parent
    (kept,) = folder.iterdir()
    assert len(json.loads(kept.read_text())["sizes"]) == NUM
