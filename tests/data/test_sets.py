"""Several data sets as one: every image has what its set names, and an epoch uses it as often as its set's weight says."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from landmarks.config import Config, DataConfig
from landmarks.configfile import config_from_dict, config_to_dict, override_config
from landmarks.data.batches import BatchPlan
from landmarks.data.loading import open_dataset
from landmarks.data.sets import read_split, usual_landmarks
from landmarks.dataconfig import SetConfig, single_sets
from landmarks.engine.resume import changed_settings
from landmarks.formats.records import DataError, NoSplitError
from landmarks.schema import AARIZ29, ISBI19
from landmarks.settings import SettingError


@pytest.fixture
def data(isbi_root, synthetic_root) -> DataConfig:
    sets = (
        SetConfig(format="isbi2015", root=str(isbi_root)),
        SetConfig(format="aariz", root=str(synthetic_root), name="heads", valid="", weight=1.5),
    )
    return DataConfig(sets=sets, image_size=(64, 64), workers=0, cache="none", val_fraction=0.2)


def test_every_image_has_what_its_set_names(data):
    train, valid = (read_split(data, split, seed=0) for split in ("train", "valid"))
    assert train.landmarks.symbols[:19] == ISBI19.symbols
    assert set(train.landmarks.symbols) == {*ISBI19.symbols, *AARIZ29.symbols}
    assert train.landmarks.title("Co") == "Condylion"
    assert train.landmarks.members("hard12") == tuple(s for s in AARIZ29.groups["hard12"] if s in train.landmarks.symbols)
    assert Counter(r.dataset for r in train.records) == {"isbi2015": 8, "heads": 15}
    assert {r.dataset for r in valid.records} == {"isbi2015"}
    assert valid.landmarks == train.landmarks, "a set that is not validated on has its landmarks all the same"
    for name, alone in single_sets(data).items():
        before = read_split(alone, alone.train_split, seed=0)
        columns = [train.landmarks.index(symbol) for symbol in before.landmarks.symbols]
        found = [record for record in train.records if record.dataset == name]
        assert [record.weight for record in found] == [1.5 if name == "heads" else 1.0] * len(found)
        for record, own in zip(found, before.records, strict=True):
            np.testing.assert_array_equal(record.points_px[columns], own.points_px)
            assert record.visible.sum() == own.visible.sum()
            assert record.readers.keys() == own.readers.keys()
    _, dataset = open_dataset(data, "train", augment=None, seed=0)
    assert [int(dataset[(0, i)].target.weights.sum()) for i in (0, 22)] == [18, 29]


def test_a_choice_of_landmarks_and_splits(data):
    chosen = read_split(replace(data, landmarks=("Co", "S")), "train", seed=0)
    assert chosen.landmarks.symbols == ("Co", "S")
    assert {record.dataset for record in read_split(data, "test1", seed=0).records} == {"isbi2015"}
    with pytest.raises(NoSplitError, match="no images of split 'test3'"):
        read_split(data, "test3", seed=0)
    with pytest.raises(DataError, match=r"data\.landmarks: unknown landmark 'Q'"):
        read_split(replace(data, landmarks=("Q",)), "train", seed=0)
    assert usual_landmarks(data).symbols == read_split(data, "train", seed=0).landmarks.symbols


def test_an_epoch_uses_images_by_weight():
    weights = [1, 1, 1, 1, 2.5, 2.5, 0.25, 0.25, 0.25, 0.25]
    plan = BatchPlan(10, 3, seed=1, shuffle=True, weights=weights)
    uses = Counter()
    for plan.epoch in range(200):
        keys = [key for batch in plan for key in batch]
        assert len(set(keys)) == len(keys) == plan.num == 10, "copies of an image are augmented differently"
        uses.update(index for _, index in keys)
    np.testing.assert_allclose([uses[i] / 200 for i in range(10)], weights, atol=0.1)
    plan.start = 2
    assert [key for batch in plan for key in batch] == keys[6:]
    plain, weighted = BatchPlan(7, 2, seed=5, shuffle=True), BatchPlan(7, 2, seed=5, shuffle=True, weights=[1] * 7)
    assert list(plain) == list(weighted)


def test_settings_of_sets_are_checked_and_survive_a_file(data):
    config = Config(data=data)
    assert config_from_dict(config_to_dict(config)) == config
    assert override_config(config, ["data.sets=[]", "data.root=elsewhere"]).data.sets == ()
    moved = replace(data, sets=(replace(data.sets[0], root="moved"), data.sets[1]))
    assert changed_settings(config, Config(data=moved)) == []
    assert "data.sets was" in changed_settings(config, Config(data=replace(data, sets=data.sets[:1])))[0]
    for words, line in (
        ("data.sets=[1]", r"data\.sets\.1: found 1; write settings in braces"),
        ("data.sets=[{fromat: aariz}]", r"data\.sets\.1\.fromat: unknown setting; did you mean 'format'"),
        ("data.sets=[{format: aariz}, {format: aariz}]", "found 'aariz'; write a `name` of its own"),
        ("data.sets=[{weight: 0}]", r"data\.sets\.weight: found 0.0"),
        ("data.sets=[{valid: ''}]", r"data\.sets, valid: found ''"),
        ("data.root=here", r"data\.root: found 'here'; write '' beside data\.sets"),
    ):
        with pytest.raises(SettingError, match=line):
            override_config(config, [words])
