"""Reading the formats: what is read is what was written, and each defect gets one clear line."""

import csv
import json
import shutil
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import ExifTags, Image

from landmarks.config import DataConfig
from landmarks.data.loading import open_dataset, read_split
from landmarks.data.sizes import image_size
from landmarks.formats.records import DataError
from landmarks.radiograph import ImageError, read_gray
from landmarks.schema import AARIZ29, ISBI19


@pytest.fixture
def aariz(synthetic_root, tmp_path):
    """A copy that a test may spoil."""
    return shutil.copytree(synthetic_root, tmp_path / "set")


def settings(root, **changed) -> DataConfig:
    return DataConfig(**{"format": "aariz", "root": str(root), "image_size": (64, 64), "workers": 0} | changed)


def first_annotation(root, reader="Senior Orthodontists"):
    return sorted((root / "train" / "Annotations" / "Cephalometric Landmarks" / reader).glob("*.json"))[0]


def open_train(root, **changed):
    return open_dataset(settings(root, **changed), "train", augment=None, seed=0)


def test_aariz_joins_by_symbol_and_takes_the_truth_asked_for(aariz):
    path = first_annotation(aariz)
    content = json.loads(path.read_text())
    content["landmarks"].reverse()  # the order of the file must not matter
    content["landmarks"] = [entry for entry in content["landmarks"] if entry["symbol"] != "Go"]
    path.write_text(json.dumps(content))
    expected = {entry["symbol"]: (entry["value"]["x"], entry["value"]["y"]) for entry in content["landmarks"]}
    truths = {}
    for truth in ("senior", "junior", "mean", "official"):
        record = next(
            r for r in read_split(settings(aariz, ground_truth=truth), "train", seed=0).records if r.image_id == path.stem
        )
        truths[truth] = record.points_px
    go = AARIZ29.index("Go")
    assert not np.isfinite(truths["senior"][go]).any(), "a missing landmark is invisible"
    assert np.isfinite(truths["mean"][go]).all(), "the other reader stands in"
    for symbol, point in expected.items():
        np.testing.assert_array_equal(truths["senior"][AARIZ29.index(symbol)], point)
    others = [k for k in range(29) if k != go]
    mean = (truths["senior"] + truths["junior"])[others] / 2
    np.testing.assert_array_equal(truths["mean"][others], mean)
    np.testing.assert_array_equal(truths["official"][others], np.ceil(mean))
    with (aariz / "cephalogram_machine_mappings.csv").open() as file:
        row = next(row for row in csv.DictReader(file) if row["cephalogram_id"] == path.stem)
    assert record.pixel_size == (float(row["pixel_size"]),) * 2
    assert record.device == row["machine"]
    assert record.cvm_stage in range(1, 7)


def test_capitalised_split_folders_are_the_same(aariz):
    (aariz / "test").rename(aariz / "Test")
    assert len(read_split(settings(aariz), "test", seed=0).records) == 3
    assert len(read_split(settings(aariz), "all", seed=0).records) == 21


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        (lambda root: first_annotation(root).unlink(), "image without senior reader's points"),
        (lambda root: (root / "train/Annotations/Cephalometric Landmarks/Junior Orthodontists/x.json").write_text("{}"),
         "junior reader's points without image"),
        (lambda root: first_annotation(root).write_text('{"landmarks": ['), "broken JSON"),
        (lambda root: first_annotation(root).write_text('{"points": []}'), "not an Aariz annotation"),
        (lambda root: (root / "cephalogram_machine_mappings.csv").unlink(), "no such file; the Aariz CSV"),
        (lambda root: (root / "cephalogram_machine_mappings.csv").write_text("cephalogram_id,machine\n"),
         "no column 'pixel_size'"),
        (lambda root: (root / "cephalogram_machine_mappings.csv").write_text("cephalogram_id,machine,pixel_size\n"),
         "not listed in cephalogram_machine_mappings.csv"),
        (lambda root: shutil.rmtree(root), "no such folder"),
        (lambda root: shutil.rmtree(root / "train"), "no such folder"),
    ],
)  # fmt: skip
def test_defects_of_an_aariz_folder(aariz, spoil, line):
    spoil(aariz)
    with pytest.raises(DataError, match=line) as caught:
        read_split(settings(aariz), "train", seed=0)
    assert "\n" not in str(caught.value)
    assert str(aariz) in str(caught.value)


@pytest.mark.parametrize("cache", ["ram", "disk", "none"])
def test_a_point_outside_its_image(aariz, cache, tmp_path):
    """Stops before any work, is skipped or is dropped: the same whatever the cache."""
    path = first_annotation(aariz)
    content = json.loads(path.read_text())
    content["landmarks"][0]["value"]["x"] = 99999
    path.write_text(json.dumps(content))
    settled = {"cache": cache, "cache_dir": str(tmp_path / "cache"), "ground_truth": "senior"}
    with pytest.raises(DataError, match=r"landmark A at \(99999, .*\) lies outside the image .*data.outside=drop"):
        open_train(aariz, **settled)
    _, dataset = open_train(aariz, on_error="skip", **settled)
    assert sum("lies outside the image" in dataset[(0, i)].error for i in range(len(dataset))) == 1
    records, dataset = open_train(aariz, outside="drop", **settled)
    assert not any(dataset[(0, i)].error for i in range(len(dataset)))
    dropped = [record for record in records.records if not record.visible[0]]
    assert [record.image_id for record in dropped] == [path.stem]
    assert dropped[0].visible[1:].all()
    assert f"points outside their image are left out in 1 images: {path.stem}" in records.note


def test_the_size_of_an_image_by_its_header(tmp_path):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 60), dtype=np.uint8))
    lying = Image.Exif()
    lying[ExifTags.Base.Orientation] = 6
    for name, options in {"a.png": {}, "a.bmp": {}, "a.tif": {}, "a.jpg": {}, "turned.jpg": {"exif": lying}}.items():
        image.save(tmp_path / name, **options)
        assert image_size(tmp_path / name) == read_gray(tmp_path / name).shape, name
    assert image_size(tmp_path / "turned.jpg") == (60, 40)


@pytest.mark.parametrize("cache", ["ram", "none"])
def test_a_file_that_has_gone_is_skipped_whatever_the_cache(aariz, cache, tmp_path, monkeypatch):
    records = read_split(settings(aariz), "train", seed=0)
    records.records[3].image_path.unlink()
    monkeypatch.setattr("landmarks.data.loading.read_split", lambda *words, **named: records)
    with pytest.raises(DataError, match="No such file"):
        open_train(aariz, cache="ram", cache_dir=str(tmp_path))
    _, dataset = open_train(aariz, cache=cache, cache_dir=str(tmp_path), on_error="skip")
    assert [i for i in range(len(dataset)) if dataset[(0, i)].error] == [3]


@pytest.mark.parametrize("damage", [lambda c: c[: len(c) // 2], lambda c: b"", lambda c: bytes(50)])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp"])
def test_a_broken_image_is_named(aariz, damage, suffix):
    image = next((aariz / "train" / "Cephalograms").iterdir())
    broken = image.with_suffix(suffix)
    encoded = cv2.imencode(suffix, cv2.imread(str(image), cv2.IMREAD_GRAYSCALE))[1].tobytes()
    image.unlink()
    broken.write_bytes(damage(encoded))
    with pytest.raises((DataError, ImageError), match="broken or truncated image") as caught:
        open_train(aariz)
    assert str(broken) in str(caught.value)
    _, dataset = open_train(aariz, on_error="skip")
    assert sum(dataset[(0, i)].error != "" for i in range(len(dataset))) == 1


def png_header(height: int, width: int) -> bytes:
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")


def test_images_that_decode_and_that_do_not(tmp_path, capfd):
    image = np.random.default_rng(0).integers(0, 255, (60, 50), dtype=np.uint8)
    jpeg = cv2.imencode(".jpg", image)[1].tobytes()
    path = tmp_path / "a.jpg"
    for content in (jpeg + b"\0" * 5000, jpeg + b"made by a device"):
        path.write_bytes(content)
        assert read_gray(path).shape == image.shape
    for content, line in [
        (jpeg[: len(jpeg) // 2] + b"\0" * 5000, "broken or truncated image"),
        (b"just text", "a text file"),
        (png_header(50_000, 50_000), "too large to decode"),
    ]:
        path.write_bytes(content)
        with pytest.raises(ImageError, match=line):
            read_gray(path)
    assert capfd.readouterr().err == "", "OpenCV's own lines name no file"


def test_exclusions_and_a_choice_of_landmarks(aariz, tmp_path):
    ids = [record.image_id for record in read_split(settings(aariz), "train", seed=0).records]
    (tmp_path / "exclude.csv").write_text(f"# why\nimage,reason\n{ids[0]},twin\n")
    chosen = read_split(settings(aariz, exclude=str(tmp_path / "exclude.csv"), landmarks=("S", "hard12")), "train", seed=0)
    assert [record.image_id for record in chosen.records] == ids[1:]
    assert chosen.landmarks.symbols[0] == "S"
    assert len(chosen.landmarks) == 13
    assert not chosen.note
    with pytest.raises(DataError, match="unknown landmark 'Zz'"):
        read_split(settings(aariz, landmarks=("Zz",)), "train", seed=0)


def test_exclusions_that_match_nothing_are_told(aariz, tmp_path):
    """Otherwise a figure is called clean that is not."""
    ids = {split: read_split(settings(aariz), split, seed=0).records[0].image_id for split in ("train", "test")}
    data, path = settings(aariz, exclude=str(tmp_path / "exclude.csv")), tmp_path / "exclude.csv"
    path.write_text(f"image,reason\n {ids['train']}.PNG , blanks and a suffix\n{ids['test']},of another split\n")
    found = read_split(data, "train", seed=0)
    assert ids["train"] not in {record.image_id for record in found.records}
    assert not found.note
    path.write_text(path.read_text() + "nobody,\n")
    assert read_split(data, "train", seed=0).note == "data.exclude: 1 of 3 ids are no images of this data set: nobody"
    path.write_text("image,reason\nnobody\nnothing,blurred, turned\n,\n")
    note = read_split(data, "train", seed=0).note
    assert note == "data.exclude: 2 of 2 ids are no images of this data set: nobody, nothing"


def test_an_aariz_csv_with_a_decimal_comma(aariz):
    path = aariz / "cephalogram_machine_mappings.csv"
    head, first, *rest = path.read_text().splitlines()
    path.write_text("\n".join([head, first.replace("0.", "0,", 1), *rest]))
    with pytest.raises(DataError, match=r"mappings\.csv, line 2: \d cells for \d columns"):
        read_split(settings(aariz), "train", seed=0)


def test_isbi_layout(isbi_root):
    data = DataConfig(format="isbi2015", root=str(isbi_root), image_size=(64, 64), val_fraction=0.2)
    train, valid, test = (read_split(data, split, seed=1) for split in ("train", "valid", "test1"))
    assert [len(part.records) for part in (train, valid, test)] == [8, 2, 2]
    assert train.landmarks == ISBI19
    np.testing.assert_array_equal(test.records[0].points_px[3], [4, 6])
    assert not {r.image_id for r in train.records} & {r.image_id for r in valid.records}
    with pytest.raises(DataError, match="no images of split 'test2'; there are test1, train"):
        read_split(data, "test2", seed=1)
    (isbi_root / "AnnotationsByMD/400_senior/152.txt").write_text("1,2\n3\n")
    with pytest.raises(DataError, match="not 19 lines"):
        read_split(data, "test1", seed=1)
