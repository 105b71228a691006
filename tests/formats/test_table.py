"""A user's own table: what is read is what was written, and each defect gets one clear line."""

import dataclasses
import shutil

import cv2
import numpy as np
import pytest

from landmarks.config import DataConfig
from landmarks.data.loading import open_dataset, read_split
from landmarks.formats.reading import survey_dataset
from landmarks.formats.records import DataError


def write_table(root, rows, images=("a", "b", "c", "d")):
    (root / "images").mkdir(parents=True)
    for name in images:
        cv2.imwrite(str(root / "images" / f"{name}.png"), np.full((50, 40), 90, np.uint8))
    (root / "landmarks.csv").write_text("\n".join(rows) + "\n")
    return DataConfig(format="table", root=str(root), image_size=(64, 64), val_fraction=0.25)


def test_table_of_a_users_own_data(tmp_path):
    data = write_table(tmp_path / "t", ["image,P1_x,P1_y,P2_x,P2_y,pixel_size", "a.png,1,2,3,4,0.1", "b.png,5.5,6,,,",
                                        "c.png,1,1,2,2,0.2", "d.png,1,1,2,2,0.2"])  # fmt: skip
    found = read_split(data, "all", seed=0)
    assert found.landmarks.symbols == ("P1", "P2")
    assert found.records[0].pixel_size == (0.1, 0.1)
    assert found.records[1].pixel_size is None
    np.testing.assert_array_equal(found.records[1].visible, [True, False])
    parts = [{r.image_id for r in read_split(data, split, seed=0).records} for split in ("train", "valid")]
    assert parts[0] | parts[1] == {"a", "b", "c", "d"}
    assert len(parts[1]) == 1
    with pytest.raises(DataError, match=r"no column 'split'.*or use --split valid"):
        read_split(data, "test", seed=0)


def test_a_split_column_without_valid(tmp_path, caplog):
    """Its validation part comes out of 'train', and a line says so; not where another split is validated on."""
    rows = ["image,P_x,P_y,split", "a.png,1,2,train", "b.png,1,2,train", "c.png,1,2,train", "d.png,1,2,test"]
    data = write_table(tmp_path / "t", rows)
    parts = {split: open_dataset(data, split, augment=None, seed=0)[0] for split in ("train", "valid", "test")}
    ids = {split: {record.image_id for record in part.records} for split, part in parts.items()}
    assert ids["train"] | ids["valid"] == {"a", "b", "c"}
    assert (len(ids["train"]), len(ids["valid"]), ids["test"]) == (2, 1, {"d"})
    line = "no images of split 'valid'; 1 of 3 images of 'train' are held out"
    told = [message for message in caplog.messages if line in message]
    assert len(told) == 2, "once by each part"
    by_test = dataclasses.replace(data, val_split="test")
    assert len(read_split(by_test, "train", seed=0).records) == 3
    with pytest.raises(DataError, match="no images of split 'valid'; there are test, train"):
        read_split(by_test, "valid", seed=0)
    with pytest.raises(DataError, match="0 leaves no split 'valid'"):
        read_split(dataclasses.replace(data, val_fraction=0), "valid", seed=0)


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        (["P_x,P_y", "1,2"], "no column 'image'"),
        (["image,P_x", "a.png,1"], "column 'P_x' has no partner"),
        (["image,P_x,P_y,Q_y", "a.png,1,2,3"], "column 'Q_y' has no partner"),
        (["image,P_x,P_y", "z.png,1,2"], "no image"),
        (["image,P_x,P_y", "a.png,one,2"], "column P_x holds 'one'"),
        (["image,P_x,P_y", "a.png,1,2", "a.png,1,2"], "stands in two rows"),
        (["image,P_x,P_y", "a.png,1,2"], "image without a row"),
        (["image,P_x,P_y,pixel_size", "a.png,1,2,-1"], "pixel_size is -1"),
    ],
)
def test_defects_of_a_table(tmp_path, rows, line):
    with pytest.raises(DataError, match=line):
        read_split(write_table(tmp_path / "t", rows), "all", seed=0)


HEADER = "image,P_x,P_y,pixel_size\na.png,1,2,0.1\n"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (HEADER + "b.png,1,5,2,0.1\n", "line 3: 5 cells for 4 columns"),
        (HEADER + "b.png,1\n", "line 3: 2 cells for 4 columns"),
        (HEADER + 'b.png,"1,2,0.1\n' + "c.png,1,2,0.1\n" * 20_000, "line 3: .*stray quote"),
        (HEADER + 'b.png,"1\n2",3,4\n', "line 3: .*several lines"),
        (HEADER + "b.png,inf,2,0.1\n", "line 3: column P_x holds 'inf'"),
        (HEADER + "b.png,1,2,inf\n", "line 3: column pixel_size holds 'inf'"),
        (HEADER.replace("P_y", "P_x"), "column 'P_x' stands twice"),
        ((HEADER + "ä.png,1,2,0.1\n").encode("latin-1"), "save it as UTF-8"),
        (HEADER.encode("utf-16"), "save it as UTF-8"),
        (HEADER.encode("utf-16-le"), "save it as UTF-8"),
    ],
)
def test_a_broken_csv_is_one_line_with_its_place(tmp_path, content, line):
    """For training and for the check alike: a row that is read wrongly would move points without a word."""
    data = write_table(tmp_path / "t", ["image,P_x,P_y"], images=("a",))
    (tmp_path / "t" / "landmarks.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    (tmp_path / "t" / "images" / "b.png").write_bytes((tmp_path / "t" / "images" / "a.png").read_bytes())
    with pytest.raises(DataError, match=rf"landmarks\.csv.*{line}") as caught:
        read_split(data, "all", seed=0)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
    if "inf" not in line:  # the check lists what single cells hold
        with pytest.raises(DataError, match=line):
            survey_dataset("table", tmp_path / "t")


def test_blanks_in_a_csv_mean_nothing(tmp_path):
    data = write_table(tmp_path / "t", ["image, S_x , S_y, split", "a.png, 1 , 2, all"], images=("a",))
    found = read_split(data, "all", seed=0)
    assert found.landmarks.symbols == ("S",)
    np.testing.assert_array_equal(found.records[0].points_px, [[1, 2]])


def test_which_files_of_a_table_are_images(tmp_path):
    data = write_table(tmp_path / "t", ["image,P_x,P_y", "a.png,1,2", "more/b.png,1,2"], images=("a",))
    (tmp_path / "t" / "images" / "._a.png").write_bytes(b"what macOS leaves beside a copied file")
    (tmp_path / "t" / "images" / "more").mkdir()
    for name in "ba":
        shutil.copy(tmp_path / "t" / "images" / "a.png", tmp_path / "t" / "images" / "more" / f"{name}.png")
    with pytest.raises(DataError, match=r"more/a.png: image without a row"):
        read_split(data, "all", seed=0)
    (tmp_path / "t" / "images" / "more" / "a.png").unlink()
    assert [record.image_id for record in read_split(data, "all", seed=0).records] == ["a", "b"]
