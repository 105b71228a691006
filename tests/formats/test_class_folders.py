"""Images in a folder a stage: splits, names of folders, readers, and what a check says of them."""

import shutil

import cv2
import numpy as np
import pytest

from landmarks.check.run import check_dataset
from landmarks.config import Config, DataConfig
from landmarks.formats.reading import read_dataset, survey_dataset
from landmarks.formats.records import DataError
from landmarks.prepare.run import prepare
from landmarks.tasks.landmarks.task import LandmarkTask


def put(root, place, seed, size=(64, 48)):
    path = root / f"{place}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    small = np.random.default_rng(seed).integers(0, 255, (8, 6), dtype=np.uint8)
    cv2.imwrite(str(path), cv2.resize(small, size[::-1], interpolation=cv2.INTER_CUBIC))
    return path


def stages(records):
    return {record.image_id: record.cvm_stage for record in records.records}


def test_splits_and_stages_come_from_the_folders(tmp_path):
    for number, place in enumerate(("train/1/a", "train/CS6/b", "Val/CVM-S3/c", "test/s4/d")):
        put(tmp_path, place, number)
    assert stages(read_dataset("class_folders", tmp_path, split="train")) == {"a": 1, "b": 6}
    assert stages(read_dataset("class_folders", tmp_path, split="valid")) == {"c": 3}
    assert stages(read_dataset("class_folders", tmp_path)) == {"a": 1, "b": 6, "c": 3, "d": 4}


def test_without_splits_a_part_is_held_out(tmp_path):
    for number in range(10):
        put(tmp_path, f"{1 + number % 2}/film{number}", number)
    parts = [read_dataset("class_folders", tmp_path, split=split, val_fraction=0.3) for split in ("train", "valid")]
    assert [len(part.records) for part in parts] == [7, 3]
    assert len({record.image_id for part in parts for record in part.records}) == 10


def test_further_readers_are_read_from_a_table(tmp_path):
    put(tmp_path, "train/4/a", 0)
    put(tmp_path, "train/2/b", 1)
    (tmp_path / "stages.csv").write_text("image,stage\na.png,5\na.png,4\n")
    by_id = {record.image_id: record for record in read_dataset("class_folders", tmp_path).records}
    assert (by_id["a"].cvm_stage, by_id["a"].cvm_readers) == (4, (4, 5, 4))
    assert (by_id["b"].cvm_stage, by_id["b"].cvm_readers) == (2, ())


@pytest.mark.parametrize(
    ("places", "message"),
    [
        (("train/1/a", "train/7/b"), "7: stages are 1 to 6"),
        (("train/1/a", "train/2/a"), "a second image with the id 'a'"),
        (("photos/a",), "no folders of stages"),
    ],
)
def test_what_cannot_be_is_named(tmp_path, places, message):
    for number, place in enumerate(places):
        put(tmp_path, place, number)
    with pytest.raises(DataError, match=message):
        read_dataset("class_folders", tmp_path)


def test_a_check_names_stages_that_are_missing_doubled_impossible_or_disagree(tmp_path):
    for number in range(6):
        put(tmp_path, f"train/{1 + number}/film{number}", number)
    put(tmp_path, "train/8/odd", 10)
    put(tmp_path, "train/unsorted/left", 11)
    put(tmp_path, "train/2/film0", 12)
    put(tmp_path, "valid/5/twin", 3)
    kinds = [finding.kind for finding in check_dataset(tmp_path, "class_folders").survey.findings]
    for kind in ("missing", "doubled", "impossible"):
        assert f"CVM stage {kind}" in kinds
    findings = check_dataset(tmp_path, "class_folders").survey.findings
    [twins] = [finding for finding in findings if finding.kind == "twins of different stages"]
    assert twins.images == ("film3", "twin")
    assert "CS4" in twins.text
    assert "CS5" in twins.text


def test_the_twins_of_the_aariz_crops_are_found(real_data, tmp_path):
    known = {"cl5lg05uk01ei074k6cjy5n5s", "cl5lg05ug01be074ke6h6g4zi"}
    for number, path in enumerate(sorted((real_data / "aariz_cvm").glob("*/*/*.jpg"))):
        if path.stem in known or number % 20 == 0:
            copy = tmp_path / path.relative_to(real_data / "aariz_cvm")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    findings = check_dataset(tmp_path, "class_folders").survey.findings
    twins = [finding.images for finding in findings if finding.kind == "twins of different stages"]
    assert [set(pair) for pair in twins] == [known]


def test_a_prepared_copy_keeps_stages_readers_and_splits(tmp_path):
    put(tmp_path / "set", "train/4/a", 0)
    put(tmp_path / "set", "valid/2/b", 1)
    (tmp_path / "set" / "stages.csv").write_text("image,stage\na,5\n")
    prepare(tmp_path / "set", "class_folders", tmp_path / "small", long_side=32, jpeg=None)
    old, new = (read_dataset("class_folders", tmp_path / name).records for name in ("set", "small"))
    for name in ("image_id", "split", "cvm_stage", "cvm_readers"):
        assert [getattr(film, name) for film in old] == [getattr(film, name) for film in new]
    assert cv2.imread(str(new[0].image_path), cv2.IMREAD_GRAYSCALE).shape == (32, 24)


def test_landmarks_cannot_be_learned_from_stages_alone(tmp_path):
    for number in range(4):
        put(tmp_path, f"train/{1 + number}/film{number}", number)
    with pytest.raises(DataError, match=r"write model\.task=cvm"):
        LandmarkTask.from_records(Config(data=DataConfig()), read_dataset("class_folders", tmp_path))


def test_aariz_refuses_an_impossible_stage(synthetic_root, tmp_path):
    root = tmp_path / "set"
    shutil.copytree(synthetic_root, root)
    path = next((root / "train" / "Annotations" / "CVM Stages").glob("*.json"))
    path.write_text(path.read_text().replace('"value": ', '"value": 1'))
    assert any(finding.kind == "CVM stage impossible" for finding in survey_dataset("aariz", root).findings)
    with pytest.raises(DataError, match="stages are 1 to 6"):
        read_dataset("aariz", root)
