"""A prepared copy is the same data set, smaller: points, pixel sizes and errors in mm agree with the original."""

import json

import cv2
import numpy as np
import pytest

from landmarks.config import DataConfig
from landmarks.data.loading import read_split
from landmarks.formats.records import DataError
from landmarks.geometry import apply_map
from landmarks.prepare.run import prepare
from landmarks.radiograph import read_gray


def read(root, data_format="aariz", split="train", **changed):
    data = DataConfig(**{"format": data_format, "root": str(root), "image_size": (64, 64)} | changed)
    return read_split(data, split, seed=0).records


def assert_same(old, new, longest: int) -> None:
    """The same landmarks at the same millimetres, in images that are no longer than asked for."""
    assert [r.image_id for r in old] == [r.image_id for r in new]
    for before, after in zip(old, new, strict=True):
        source, small = read_gray(before.image_path), read_gray(after.image_path)
        assert max(small.shape) == min(longest, max(source.shape))
        scale = np.array([small.shape[1] / source.shape[1], small.shape[0] / source.shape[0]])
        np.testing.assert_allclose(after.points_px, (before.points_px + 0.5) * scale - 0.5, atol=2e-6)
        assert before.readers.keys() == after.readers.keys()
        for name, points in before.readers.items():
            np.testing.assert_allclose(after.readers[name], (points + 0.5) * scale - 0.5, atol=2e-6)
        if before.pixel_size is not None:
            np.testing.assert_allclose(np.array(after.pixel_size) * scale, before.pixel_size, rtol=1e-12)


@pytest.mark.parametrize("jpeg", [None, 95])
def test_aariz(synthetic_root, tmp_path, jpeg):
    prepare(synthetic_root, "aariz", tmp_path / "small", long_side=150, jpeg=jpeg)
    for split in ("train", "valid", "test"):
        assert_same(read(synthetic_root, split=split), read(tmp_path / "small", split=split), 150)
    old, new = (read(root, ground_truth="official") for root in (synthetic_root, tmp_path / "small"))
    manifest = json.loads((tmp_path / "small" / "prepared.json").read_text())["images"]
    for before, after in zip(old, new, strict=True):
        to_small = np.array(manifest[f"train/Cephalograms/{before.image_id}"]["from_source"])
        np.testing.assert_allclose(after.points_px, apply_map(to_small, before.points_px), atol=1e-5)
        assert before.cvm_stage == after.cvm_stage


def test_isbi_keeps_classification_and_missing_points(isbi_root, tmp_path):
    prepare(isbi_root, "isbi2015", tmp_path / "small", long_side=100, jpeg=None)
    for split in ("train", "test1"):
        old, new = (read(place, "isbi2015", split, val_fraction=0.0) for place in (isbi_root, tmp_path / "small"))
        assert_same(old, new, 100)
        assert not new[0].visible[0]
        assert new[0].visible[1:].all()
    text = (tmp_path / "small/AnnotationsByMD/400_senior/151.txt").read_text()
    assert text.splitlines()[0] == "-1,-1"
    assert text.splitlines()[-2:] == ["1", "2"]


def test_table_and_small_images_are_copied(tmp_path):
    root = tmp_path / "t"
    (root / "images" / "a").mkdir(parents=True)
    cv2.imwrite(str(root / "images" / "a" / "big.bmp"), np.full((301, 200), 7, np.uint8))
    cv2.imwrite(str(root / "images" / "small.png"), np.full((50, 40), 7, np.uint8))
    (root / "landmarks.csv").write_text(
        "image,P_x,P_y,Q_x,Q_y,pixel_size,device\na/big.bmp,10,20,,,0.1,x\nsmall.png,1,2,3,4,,y\n"
    )
    prepare(root, "table", tmp_path / "small", long_side=100, jpeg=90)
    assert_same(read(root, "table", "all"), read(tmp_path / "small", "table", "all"), 100)
    assert (tmp_path / "small/images/small.png").read_bytes() == (root / "images/small.png").read_bytes()


def test_interrupted_and_refused(synthetic_root, tmp_path, monkeypatch, caplog):
    small = tmp_path / "small"
    for place in (synthetic_root, synthetic_root / "train" / "x", synthetic_root.parent):
        with pytest.raises(DataError, match="never changed"):
            prepare(synthetic_root, "aariz", place, long_side=100, jpeg=None)
    written = []

    def stop_after_five(path, *rest):
        if len(written) == 5:
            raise KeyboardInterrupt
        written.append(path)
        return real(path, *rest)

    real = cv2.imencode
    monkeypatch.setattr(cv2, "imencode", stop_after_five)
    with pytest.raises(KeyboardInterrupt):
        prepare(synthetic_root, "aariz", small, long_side=100, jpeg=None)
    monkeypatch.undo()
    with pytest.raises(DataError, match="other settings"):
        prepare(synthetic_root, "aariz", small, long_side=120, jpeg=None)
    caplog.clear()
    prepare(synthetic_root, "aariz", small, long_side=100, jpeg=None)
    assert caplog.messages[0].startswith("resuming: ")
    assert 5 <= int(caplog.messages[0].split()[1]) < 21  # threads that were past the count still finish their image
    assert_same(read(synthetic_root), read(small), 100)
    assert not list(small.rglob("*unfinished*"))
    with pytest.raises(DataError, match="already holds"):
        prepare(synthetic_root, "aariz", small, long_side=100, jpeg=None)
    (small / "landmarks.csv").write_text("mine")
    (small / "prepared.json").unlink()
    with pytest.raises(DataError, match="not empty"):
        prepare(synthetic_root, "aariz", small, long_side=100, jpeg=None)


def table_of(root, *cells):
    """Large and small images below images/, and a row for each of these cells."""
    (root / "images").mkdir(parents=True)
    for cell in cells:
        cv2.imwrite(str(root / "images" / cell), np.full((300, 200), 90, np.uint8))
    rows = [f"{cell},100,200,-1,-1" for cell in cells]
    (root / "landmarks.csv").write_text("\n".join(["image,P_x,P_y,Q_x,Q_y", *rows]) + "\n")
    return root


@pytest.mark.parametrize("cell", ["../../pool/b.png", "{pool}/b.png", "../b.png"])
def test_no_original_outside_the_data_set_is_written_over(tmp_path, cell):
    """Its copy would have the original's own path; training on it is right all the same, and so is a link to it."""
    root, pool = table_of(tmp_path / "t", "a.png"), tmp_path / "pool"
    pool.mkdir()
    cell = cell.format(pool=pool)
    original = root / "images" / cell
    cv2.imwrite(str(original), np.full((300, 200), 60, np.uint8))
    content = original.read_bytes()
    with (root / "landmarks.csv").open("a") as file:
        file.write(f"{cell},1,2,3,4\n")
    assert len(read(root, "table", "all")) == 2
    with pytest.raises(DataError, match=r"b\.png: lies outside "):
        prepare(root, "table", tmp_path / "small", long_side=100, jpeg=None)
    assert not (tmp_path / "small").exists()
    (root / "images" / "b.png").symlink_to(original.resolve())
    (root / "landmarks.csv").write_text((root / "landmarks.csv").read_text().replace(cell, "b.png"))
    prepare(root, "table", tmp_path / "small", long_side=100, jpeg=None)
    assert original.read_bytes() == content
    assert [read_gray(record.image_path).shape for record in read(tmp_path / "small", "table", "all")] == [(100, 67)] * 2


def test_going_on_after_the_original_has_changed(tmp_path, caplog):
    """Images that have left it, or are of another format now, leave the copy too; a damaged log loses no work."""
    root, small = table_of(tmp_path / "t", "a.png", "b.png", "c.png", "d.png"), tmp_path / "small"
    broken = (root / "images" / "d.png").read_bytes()
    (root / "images" / "d.png").write_bytes(broken[:60])
    with pytest.raises(DataError, match="broken or truncated image; replace the file; nothing is lost"):
        prepare(root, "table", small, long_side=300, jpeg=None)
    (root / "images" / "d.png").write_bytes(broken)
    (root / "images" / "b.png").unlink()
    (root / "images" / "c.png").unlink()
    cv2.imwrite(str(root / "images" / "c.jpg"), np.full((300, 200), 90, np.uint8))
    text = (root / "landmarks.csv").read_text().replace("c.png", "c.jpg")
    (root / "landmarks.csv").write_text("".join(line for line in text.splitlines(True) if not line.startswith("b.png")))
    log = small / "prepared.unfinished.jsonl"
    log.write_text(log.read_text() + '{"image": "images/a"}\n{"image": "ima')
    caplog.clear()
    prepare(root, "table", small, long_side=300, jpeg=None)
    assert caplog.messages == ["resuming: 3 images are already there"]
    assert sorted(path.name for path in (small / "images").iterdir()) == ["a.png", "c.jpg", "d.png"]
    assert_same(read(root, "table", "all"), read(small, "table", "all"), 300)


def test_a_log_cut_off_in_its_first_line_and_points_that_are_none(tmp_path):
    root, small = table_of(tmp_path / "t", "a.png"), tmp_path / "small"
    small.mkdir()
    (small / "prepared.unfinished.jsonl").write_text('{"format": "ta')
    prepare(root, "table", small, long_side=100, jpeg=None)
    assert (small / "landmarks.csv").read_text().splitlines()[1] == "a.png,33.1675,66.333333,,,,unknown"
    manifest = small / "prepared.json"
    manifest.write_text(manifest.read_text().replace("300,", ""))
    with pytest.raises(DataError, match=r"prepared\.json: broken"):
        read(small, "table", "all")
