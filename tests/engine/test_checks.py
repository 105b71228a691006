"""What would train for nothing is said before the first step; what slows a run down is said while it runs."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from landmarks.data.loading import read_split
from landmarks.engine import processor
from landmarks.engine.network import set_up_torch
from landmarks.engine.processor import ProcessorWatch
from landmarks.engine.run import read_records
from landmarks.formats.records import DataError
from landmarks.settings import SettingError
from landmarks.tasks import task_type


def without(records, *symbols):
    """The same records, these landmarks annotated nowhere."""
    columns = [records.landmarks.index(symbol) for symbol in symbols]
    found = []
    for record in records.records:
        points = record.points_px.copy()
        points[columns] = np.nan
        found.append(replace(record, points_px=points))
    return replace(records, records=tuple(found))


def test_data_without_points_is_refused_and_a_landmark_without_any_is_named(tiny_config, caplog):
    train, valid = (read_split(tiny_config.data, split, seed=0) for split in ("train", "valid"))
    task = task_type(tiny_config).from_records(tiny_config, train)
    task.check(train, valid)
    assert caplog.text == ""
    task.check(without(train, "S", "Po"), valid)
    assert "no training image has S, Po: what the model finds for them will mean nothing" in caplog.text
    with pytest.raises(DataError, match=r"data\.val_split: no image has an annotated landmark"):
        task.check(train, without(valid, *valid.landmarks.symbols))
    with pytest.raises(DataError, match=r"data\.train_split: no image has an annotated landmark"):
        task.check(without(train, *train.landmarks.symbols), valid)


def test_validation_images_that_are_trained_on_are_said(tiny_config, caplog):
    read_records(tiny_config)
    assert "trained on" not in caplog.text
    read_records(replace(tiny_config, data=replace(tiny_config.data, val_split=tiny_config.data.train_split)))
    assert "15 of 15 validation images are trained on" in caplog.text


def test_an_input_of_one_coarse_pixel_is_refused(tiny_config):
    with pytest.raises(SettingError, match=r"data\.image_size: found \[32, 32\]; write .* one of them 64 or more"):
        replace(tiny_config.data, image_size=(32, 32))
    assert replace(tiny_config.data, image_size=(32, 64)).image_size == (32, 64)


def test_a_shared_processor_is_noticed_within_a_long_epoch_and_said_once(monkeypatch):
    looks, clock = iter([(0, 0), (10, 10), (20, 20), (30, 30), (40, 40)]), iter(range(0, 1000, 50))
    monkeypatch.setattr(ProcessorWatch, "_read", lambda self: next(looks))
    monkeypatch.setattr(processor.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    watch = ProcessorWatch(torch.device("cpu"))
    told = [bool(watch.look_after_window()) for _ in range(3)]
    assert told == [False, True, False]
    assert watch.look() == "", "told in this epoch"
    assert watch.look()


def test_threads_are_set_and_a_shared_processor_is_noticed_only_where_fewer_would_help(tiny_config, monkeypatch):
    before, cpu = torch.get_num_threads(), torch.device("cpu")
    looks = iter([(0, 0), (900, 100), (1800, 1000), (2000, 1400), (2100, 2400)])
    monkeypatch.setattr(ProcessorWatch, "_read", lambda self: next(looks))
    try:
        set_up_torch(replace(tiny_config, train=replace(tiny_config.train, threads=4)), cpu)
        assert torch.get_num_threads() == 4
        watch = ProcessorWatch(cpu)
        assert watch.look() == "", "a tenth of the time"
        line = watch.look()
        assert "waited 50 % of their time for a core; train.threads=2 (now 4)" in line
        assert "waited 67 %" in watch.look()
        torch.set_num_threads(1)
        assert watch.look() == "", "one thread waits for no other"
    finally:
        torch.set_num_threads(before)
