"""Folds: what belongs together stays together, devices are spread or held out whole, each film is in one fold."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landmarks.dataconfig import DataConfig
from landmarks.evaluation.folds import assign_folds, make_folds
from landmarks.formats.reading import read_dataset
from landmarks.formats.records import DataError
from landmarks.formats.survey import Film


def film(number: int, device: str = "A", patient: str = "") -> Film:
    return Film(image_id=f"{number}", path=Path(f"{number}.png"), device=device, patient=patient)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 15)), min_size=20, max_size=60), st.integers(2, 5))
def test_films_that_belong_together_share_a_fold(drawn, num):
    films = [film(i, device, f"p{patient}" if patient else "") for i, (device, patient) in enumerate(drawn)]
    pairs = [("3", "7"), ("7", "11"), ("2", "no film")]
    try:
        folds = assign_folds(films, pairs, num, seed=1)
    except DataError:
        assert len({patient for _, patient in drawn}) < num + 3
        return
    assert folds[3] == folds[7] == folds[11]
    for patient in {f.patient for f in films} - {""}:
        assert len({fold for f, fold in zip(films, folds, strict=True) if f.patient == patient}) == 1
    assert set(folds) == set(range(num))
    np.testing.assert_array_equal(folds, assign_folds(films, pairs, num, seed=1))


def test_devices_are_spread_evenly_or_held_out_whole():
    films = [film(i, device) for i, device in enumerate("A" * 20 + "B" * 10 + "C" * 5)]
    devices = np.array([f.device for f in films])
    folds = assign_folds(films, [], 5, seed=0)
    for device, share in (("A", 4), ("B", 2), ("C", 1)):
        np.testing.assert_array_equal(np.bincount(folds[devices == device], minlength=5), share)
    whole = assign_folds(films, [], 3, seed=0, by_device=True)
    assert sorted({(d, f) for d, f in zip(devices, whole, strict=True)}) == sorted(zip("ABC", whole[[0, 20, 30]], strict=True))
    with pytest.raises(DataError, match="found 4 for 3 devices"):
        assign_folds(films, [], 4, seed=0, by_device=True)


def test_stages_are_spread_evenly():
    films = [replace(film(i), cvm_stage=stage) for i, stage in enumerate([1] * 5 + [2] * 9 + [5] * 31)]
    folds = assign_folds(films, [], 5, seed=0)
    for stage in (1, 2, 5):
        counts = np.bincount(folds[[f.cvm_stage == stage for f in films]], minlength=5)
        assert counts.max() - counts.min() <= 1
    assert np.bincount(folds).tolist() == [9] * 5


@pytest.fixture
def table(tmp_path) -> Path:
    """Nine films; 0 and 1 are one exposure, 2 and 3 one patient; the last one is a test film."""
    (tmp_path / "set" / "images").mkdir(parents=True)
    rng, rows = np.random.default_rng(0), ["image,S_x,S_y,patient,split"]
    for i in range(9):
        if i != 1:
            noise = rng.integers(0, 255, (40, 32), dtype=np.uint8)
            image = cv2.resize(noise, (256, 320), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(tmp_path / "set" / "images" / f"{i}.png"), cv2.convertScaleAbs(image, alpha=0.9) if i == 1 else image)
        rows.append(f"{i}.png,10,20,{'p' if i in (2, 3) else ''},{'test' if i == 8 else 'train'}")
    (tmp_path / "set" / "landmarks.csv").write_text("\n".join(rows))
    return tmp_path / "set"


def test_lists_divide_the_films_of_training_and_are_kept(table, tmp_path):
    data = DataConfig(format="table", root=str(table))
    lists = make_folds(data, table, tmp_path / "folds", 3, seed=0)
    parts = [read_dataset("table", table, split="valid", held_out=path).records for path in lists]
    rest = [read_dataset("table", table, split="train", held_out=path).records for path in lists]
    ids = [{record.image_id for record in part} for part in parts]
    assert sorted(name for part in ids for name in part) == [str(i) for i in range(8)]
    assert all(len(own) + len(others) == 8 for own, others in zip(parts, rest, strict=True))
    assert any({"0", "1"} <= part for part in ids), "one exposure"
    assert any({"2", "3"} <= part for part in ids), "one patient"
    before = [path.read_bytes() for path in lists]
    make_folds(data, table, tmp_path / "folds", 3, seed=7)
    assert [path.read_bytes() for path in lists] == before
    with pytest.raises(DataError, match="holds 3 folds, not 4"):
        make_folds(data, table, tmp_path / "folds", 4, seed=0)
    (table / "images" / "7.png").unlink()
    text = (table / "landmarks.csv").read_text().replace("7.png,10,20,,train\n", "")
    (table / "landmarks.csv").write_text(text)
    with pytest.raises(DataError, match="made of other films"):
        make_folds(data, table, tmp_path / "folds", 3, seed=0)


def test_a_list_that_is_missing_is_named(table, tmp_path):
    with pytest.raises(DataError, match=r"none\.csv: no such file; data\.held_out"):
        read_dataset("table", table, split="valid", held_out=tmp_path / "none.csv")
