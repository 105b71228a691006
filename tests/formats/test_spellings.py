"""One table, one set of files, as spreadsheets, Windows, macOS and network drives spell them: read alike, said in a line."""

import shutil
import unicodedata

import cv2
import numpy as np
import pytest

from landmarks.formats.reading import read_dataset, survey_dataset
from landmarks.formats.records import DataError
from landmarks.prepare.run import prepare

HEAD = ["image", "S_x", "S_y", "N_x", "N_y", "pixel_size", "split"]
ROWS = [["a.png", "10.5", "20", "30.25", "4", "0.1", "train"], ["b.png", "1", "2", "3", "4", "0.2", "valid"]]


def write(root, head=HEAD, rows=ROWS, *, separator=",", end="\n", start="", images=None, size=(60, 50)):
    """A table with an image for each row, or with these images."""
    for name in images if images is not None else [row[head.index("image")] for row in rows]:
        path = root / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imencode(".png", np.full(size, 90, np.uint8))[1].tofile(path)
    lines = [separator.join(row) for row in [head, *rows]]
    (root / "landmarks.csv").write_bytes((start + end.join(lines) + end).encode())
    return root


def points(root, data_format="table", **changed):
    return {record.image_id: record.points_px for record in read_dataset(data_format, root, **changed).records}


@pytest.mark.parametrize(("separator", "word"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_separators_and_decimal_commas(tmp_path, separator, word, start):
    expected = points(write(tmp_path / "plain"))
    rows = [[cell if i in (0, 6) else cell.replace(".", ",") for i, cell in enumerate(row)] for row in ROWS]
    found = write(tmp_path / "excel", rows=rows, separator=separator, end="\r\n", start=start)
    records = read_dataset("table", found)
    assert f"cells are separated by {word}, numbers have decimal commas" in records.note
    assert records.records[0].pixel_size == (0.1, 0.1)
    np.testing.assert_equal({record.image_id: record.points_px for record in records.records}, expected)


def test_a_separator_in_a_line_of_its_own_and_what_spreadsheets_leave(tmp_path):
    expected = points(write(tmp_path / "plain"))
    rows = [[*row, "", ""] for row in ROWS] + [[""] * 9] * 3
    found = write(tmp_path / "excel", [*HEAD, "", ""], rows, separator=";", start="sep=;\n", images=["a.png", "b.png"])
    np.testing.assert_equal(points(found), expected)


def test_comments_before_the_header(tmp_path):
    expected = points(write(tmp_path / "plain"))
    found = write(tmp_path / "commented")
    (found / "landmarks.csv").write_text("# by hand, 2026\n\n#;;;\n" + (found / "landmarks.csv").read_text())
    np.testing.assert_equal(points(found), expected)
    odd = write(tmp_path / "odd", rows=[["#a.png", *ROWS[0][1:]], ROWS[1]])
    assert list(points(odd)) == ["#a", "b"]


def test_names_of_files_and_columns_in_any_case(tmp_path):
    expected = points(write(tmp_path / "plain"))
    rows = [["images/" + row[0].upper(), *row[1:]] for row in ROWS]
    found = write(tmp_path / "capitals", [column.upper() for column in HEAD], rows, images=["a.png", "b.png"])
    (found / "landmarks.csv").rename(found / "LANDMARKS.CSV")
    (found / "images").rename(found / "Images")
    np.testing.assert_equal(points(found), expected)
    with pytest.raises(DataError, match="column 'S_x' stands twice"):
        points(write(tmp_path / "twice", [*HEAD[:5], "S_X", "split"]))


def test_numbers_in_another_unit_and_points_at_the_corner_are_said(tmp_path):
    for size in ("100", "300", "0.0001", "-1"):
        rows = [[*row[:5], size, row[6]] for row in ROWS]
        with pytest.raises(DataError, match=r"pixel_size is .*write millimetres, e\.g\. 0\.1, not micrometres or dpi"):
            points(write(tmp_path / size, rows=rows))
    found = read_dataset("table", write(tmp_path / "corner", rows=[["a.png", "0", "0", *ROWS[0][3:]], ROWS[1]]), split="all")
    assert "points at (0, 0) are taken as they stand in 1 images (a); remove what nobody annotated" in found.note


def test_a_split_that_no_default_names_is_said(tmp_path):
    rows = [[*row[:6], word] for row, word in zip(ROWS, ("train", "tst"), strict=True)]
    note = read_dataset("table", write(tmp_path / "t", rows=rows)).note
    assert "column split: tst: only used where --split, data.train_split or data.val_split name it" in note


@pytest.mark.parametrize("group", ["all", "hard12"])
def test_a_landmark_with_the_name_of_a_group_is_refused(tmp_path, group):
    head = ["image", f"{group}_x", f"{group}_y", *HEAD[3:]]
    with pytest.raises(DataError, match=f"a landmark called '{group}', which is the name of a group"):
        points(write(tmp_path / "t", head))


def test_a_number_that_may_be_a_thousand_is_refused(tmp_path):
    rows = [["a.png", "1.234", "20,5", "30,25", "4", "0,1", "train"]]
    with pytest.raises(DataError, match=r"line 2: column S_x holds '1\.234', and other numbers here have decimal commas"):
        points(write(tmp_path / "t", rows=rows, separator=";"))
    with pytest.raises(DataError, match="column S_x holds '1,5'; write a number"):
        points(write(tmp_path / "u", rows=[["a.png", '"1,5"', "2", "3", "4", "0.1", "train"]]))


def test_further_columns_are_named_and_stay_in_a_copy(tmp_path):
    root = write(tmp_path / "t", ["patient", *HEAD, "note"], [["P1", *ROWS[0], "braces"], ["P2", *ROWS[1], ""]])
    records = read_dataset("table", root)
    assert records.note == f"{root / 'landmarks.csv'}: columns that are passed over: note"
    np.testing.assert_equal(points(root), points(write(tmp_path / "plain")))
    prepare(root, "table", tmp_path / "small", long_side=40, jpeg=None)
    copies = survey_dataset("table", tmp_path / "small").films
    assert [(film.patient, film.extra) for film in copies] == [("P1", {"note": "braces"}), ("P2", {"note": ""})]


@pytest.mark.parametrize("mark", [("", ""), ("NA", "n/a"), ("-", "-"), ("None", "null"), ("NaN", "nan"), ("-1", "-1")])
def test_missing_points(tmp_path, mark):
    root = write(tmp_path / "t", rows=[["a.png", *mark, "30", "4", "0.1", "train"], ROWS[1]])
    assert np.isnan(points(root)["a"]).tolist() == [[True, True], [False, False]]


@pytest.mark.parametrize(("scale", "word"), [(100, "percent"), (1, "fractions")])
def test_points_in_percent_are_refused(tmp_path, scale, word):
    cells = [f"{scale * share:.4f}" for share in (0.3, 0.9, 0.5, 0.4)]
    with pytest.raises(DataError, match=f"landmarks.csv: all points lie within .*look like {word} of width and height"):
        points(write(tmp_path / "t", rows=[["a.png", *cells, "0.1", "train"]], size=(600, 480)))
    assert points(write(tmp_path / "small", rows=[["a.png", *cells, "0.1", "train"]], size=(120, 110)))


def test_pixel_sizes_in_two_columns(tmp_path):
    head, rows = [*HEAD[:5], "pixel_size_x", "pixel_size_y", "split"], [[*row[:5], "0.1", "0.2", row[6]] for row in ROWS]
    root = write(tmp_path / "t", head, rows, size=(120, 100))
    assert {record.pixel_size for record in read_dataset("table", root).records} == {(0.1, 0.2)}
    prepare(root, "table", tmp_path / "small", long_side=60, jpeg=None)
    assert {film.pixel_size for film in survey_dataset("table", tmp_path / "small").films} == {(0.2, 0.4)}
    with pytest.raises(DataError, match="columns pixel_size_x; write pixel_size, or pixel_size_x and pixel_size_y"):
        points(write(tmp_path / "u", [*HEAD[:5], "pixel_size_x", "split"]))


def test_two_images_of_one_name_in_two_folders(tmp_path):
    rows = [[f"{site}/{name}.png", *ROWS[0][1:]] for site in ("siteA", "siteB") for name in ("001", "002")]
    rows.append(["siteB/003.png", *ROWS[0][1:]])
    root = write(tmp_path / "t", rows=rows)
    assert list(points(root)) == ["siteA_001", "siteA_002", "siteB_001", "siteB_002", "003"]
    (tmp_path / "out.csv").write_text("image,reason\nsiteB/001.png,by path\nsiteA_002,by id\nsiteB\\003.png,by path\n")
    records = read_dataset("table", root, exclude=tmp_path / "out.csv")
    assert [record.image_id for record in records.records] == ["siteA_001", "siteB_002"]
    assert not records.note


def test_words_for_the_splits(tmp_path):
    words = ["train", "Training", "val", "validation", "Valid", "TEST", "testing", "test1", ""]
    rows = [[f"{i}.png", *ROWS[0][1:6], word] for i, word in enumerate(words)]
    root = write(tmp_path / "t", rows=rows)
    sizes = {"train": 2, "valid": 3, "test": 2, "test1": 1, "all": 9}
    assert {split: len(read_dataset("table", root, split=split).records) for split in sizes} == sizes
    note = read_dataset("table", root).note
    for told in ("'val' is read as 'valid'", "'testing' is read as 'test'", "1 rows name no split"):
        assert told in note


def test_names_as_other_systems_spell_them(tmp_path):
    images = ["Site A/Müller 1.PNG", "x#2.png", "003.png"]
    cells = ["site a\\" + unicodedata.normalize("NFD", "Müller") + " 1.png", "X#2.PNG", "003"]
    root = write(tmp_path / "t", rows=[[cell, *ROWS[0][1:]] for cell in cells], images=images)
    assert list(points(root)) == ["Müller 1", "x#2", "003"]


@pytest.mark.parametrize("start", ["../images/", "{root}/images/", "./"])
def test_paths_in_the_table_lead_to_the_listed_images(tmp_path, start):
    rows = [[start.format(root=tmp_path) + row[0], *row[1:]] for row in ROWS]
    write(tmp_path, rows=rows, images=["a.png", "b.png"])
    assert sorted(points(tmp_path, split="all")) == ["a", "b"]
    kinds = {finding.kind for finding in survey_dataset("table", tmp_path).findings}
    assert "annotation missing" not in kinds


def test_a_link_to_nothing_and_an_empty_name(tmp_path):
    root = write(tmp_path / "t")
    (root / "images" / "a.png").unlink()
    (root / "images" / "a.png").symlink_to("/nowhere/a.png")
    with pytest.raises(DataError, match="line 2: a link to a file that is not there"):
        points(root)
    with pytest.raises(DataError, match="line 2: no name in column image"):
        points(write(tmp_path / "u", rows=[["", *ROWS[0][1:]], ROWS[1]], images=["a.png", "b.png"]))


def test_aariz_after_windows_macos_and_a_network_drive(synthetic_root, tmp_path):
    expected, root = points(synthetic_root, "aariz"), shutil.copytree(synthetic_root, tmp_path / "set")
    for path in root.rglob("*.json"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
        (path.parent / f"._{path.name}").write_bytes(b"\0\5\x16\7")
        path.rename(path.with_suffix(".JSON"))
    table = root / "cephalogram_machine_mappings.csv"
    text = table.read_text().replace(",", ";").replace(".", ",").replace("\n", "\r\n") + ";;;;\r\n" * 3
    table.write_bytes(b"\xef\xbb\xbf" + text.encode())
    films = root / "train" / "Cephalograms"
    (films / "Thumbs.db").write_bytes(b"x")
    (films / "old.png").mkdir()
    (films / "@eaDir" / "a.png").mkdir(parents=True)
    (root / "test").rename(root / "Test")
    np.testing.assert_equal(points(root, "aariz"), expected)
    assert {film.cvm_stage for film in survey_dataset("aariz", root).films} <= set(range(1, 7))
    note = read_dataset("aariz", root).note
    assert f"{films}: files passed over because they are no images: 1 (Thumbs.db)" in note
    assert "cells are separated by semicolons" in note
    deeper = tmp_path / "unpacked"
    deeper.mkdir()
    root.rename(deeper / "Aariz")
    with pytest.raises(DataError, match=f"no images in the layout.*did you mean {deeper / 'Aariz'}"):
        points(deeper, "aariz")


CHANGES = {
    "windows": lambda text: text.replace("\n", "\r\n").encode(),
    "mark": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "tabs": lambda text: text.replace(",", "\t").encode(),
    "blanks": lambda text: text.replace(",", " , ").replace("\n", " \n").encode(),
    "points alone": lambda text: "\n".join(text.split("\n")[:19]).encode(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_isbi_text_files_of_any_spelling(isbi_root, change):
    expected = points(isbi_root, "isbi2015")
    for path in isbi_root.rglob("*.txt"):
        path.write_bytes(CHANGES[change](path.read_text()))
    np.testing.assert_equal(points(isbi_root, "isbi2015"), expected)


def test_isbi_names_and_folders_of_any_spelling(isbi_root):
    expected = list(points(isbi_root, "isbi2015").values())
    for path in [*isbi_root.rglob("*.txt")]:
        path.rename(path.with_name(f"{int(path.stem)}.TXT"))
    for folder in ("RawImage", "AnnotationsByMD"):
        (isbi_root / folder).rename(isbi_root / folder.lower())
    np.testing.assert_equal(list(points(isbi_root, "isbi2015").values()), expected)


def test_isbi_folders_as_copies_name_them(isbi_root):
    expected = points(isbi_root, "isbi2015")
    for name, other in (("TrainingData", "Train"), ("Test1Data", "test1")):
        (isbi_root / "RawImage" / name).rename(isbi_root / other)
    (isbi_root / "RawImage").rmdir()
    (isbi_root / "AnnotationsByMD").rename(isbi_root / "labels")
    np.testing.assert_equal(points(isbi_root, "isbi2015"), expected)
