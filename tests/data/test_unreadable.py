"""Images that break: named, left out of statistics, and read again, because an error may pass."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from landmarks.config import DataConfig
from landmarks.data import packfile
from landmarks.data.loading import open_dataset
from landmarks.data.targets import PointTarget
from landmarks.formats.records import DataError
from landmarks.radiograph import ImageError


@pytest.fixture
def data(tmp_path) -> DataConfig:
    """Six images of their own gray value; the second is no image."""
    (tmp_path / "images").mkdir()
    rows = ["image,P_x,P_y"]
    for i in range(6):
        cv2.imwrite(str(tmp_path / "images" / f"{i}.png"), np.full((64, 64), 50 + 30 * i, np.uint8))
        rows.append(f"{i}.png,10,20")
    (tmp_path / "landmarks.csv").write_text("\n".join(rows))
    return DataConfig(
        format="table", root=str(tmp_path), image_size=(64, 64), on_error="skip", cache_dir=str(tmp_path / "cache")
    )


@pytest.mark.parametrize("mode", ["none", "ram", "disk"])
def test_a_neighbour_stands_in_for_an_image_that_cannot_be_read(data, mode):
    path = Path(data.root) / "images" / "1.png"
    path.write_bytes(path.read_bytes()[:40])
    _, dataset = open_dataset(replace(data, cache=mode), "all", augment=None, seed=0)
    sample, neighbour = dataset[(0, 1)], dataset[(0, 2)]
    assert "1.png" in sample.error
    assert sample.index == 1
    assert torch.equal(sample.image, neighbour.image), "black would shift BatchNorm's statistics"
    assert isinstance(sample.target, PointTarget)
    assert not sample.target.weights.any()


def test_a_read_error_that_passes_is_forgotten(data, monkeypatch):
    whole = packfile.read_gray

    def failing(path):
        if path.name == "1.png":
            raise ImageError(f"{path}: cannot be read (Input/output error)")
        return whole(path)

    monkeypatch.setattr(packfile, "read_gray", failing)
    _, first = open_dataset(replace(data, cache="disk"), "all", augment=None, seed=0)
    assert "Input/output error" in first[(0, 1)].error
    with pytest.raises(DataError, match="Input/output error"):
        open_dataset(replace(data, cache="disk", on_error="stop"), "all", augment=None, seed=0)
    monkeypatch.undo()
    assert first[(0, 1)].error == ""
    assert int(first[(0, 1)].image[0, 32, 32]) == 80
    for on_error in ("skip", "stop"):
        _, again = open_dataset(replace(data, cache="disk", on_error=on_error), "all", augment=None, seed=0)
        assert again[(0, 1)].error == ""
