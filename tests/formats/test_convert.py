"""From one format to another: points and images arrive, what cannot is said, nothing is left half-written."""

import csv
import json
import zlib

import cv2
import numpy as np
import pytest

from landmarks.commands.program import run
from landmarks.formats import FORMATS
from landmarks.formats.names import read_names, rename
from landmarks.formats.reading import read_dataset, survey_dataset
from landmarks.formats.records import DataError
from landmarks.formats.survey import TRUTH, Film, Survey
from landmarks.prepare.convert import convert
from landmarks.schema import AARIZ29, ISBI19, LandmarkSet

OTHERS = ("synthetic", "isbi2015", "class_folders")  # drawn, with landmarks of its own, without landmarks
WRITTEN = [name for name, module in FORMATS.items() if hasattr(module, "write") and name not in OTHERS]


def survey_of(symbols, points, root):
    films = [Film(image_id=f"{k}", path=root / f"{k}.png", readers={TRUTH: p}) for k, p in enumerate(points)]
    return Survey(root=root, landmarks=LandmarkSet(name="x", symbols=tuple(symbols)), films=films)


@pytest.mark.parametrize("target", WRITTEN)
def test_aariz_into_every_format_and_back(target, synthetic_root, tmp_path, capsys):
    names = []
    if target in ("cldetection2024", "point_list"):  # formats that know points by number
        numbers = {s: str(k) for k, s in enumerate(AARIZ29.symbols, 1)}
        (tmp_path / "there.yaml").write_text(json.dumps(numbers))
        (tmp_path / "back.yaml").write_text(
            json.dumps({v: k for k, v in numbers.items()} | {str(k): None for k in range(30, 54)})
        )
        names = ["--names", str(tmp_path / "there.yaml")]
    words = ["--from", "aariz", "--root", str(synthetic_root), "--to", target, "--output", str(tmp_path / "set"), *names]
    assert run("convert", words) == 0
    printed = capsys.readouterr().out
    assert ("holds one reader" in printed) == ("readers" not in FORMATS[target].KEEPS)
    assert ("no pixel size" in printed) == ("pixel_size" not in FORMATS[target].KEEPS)
    before = {r.image_id: r for r in read_dataset("aariz", synthetic_root).records}
    found = read_dataset(target, tmp_path / "set", names=str(tmp_path / "back.yaml") if names else "")
    order = [found.landmarks.symbols.index(s) for s in AARIZ29.symbols]
    assert {r.image_id for r in found.records} == before.keys()
    for record in found.records:
        np.testing.assert_allclose(record.points_px[order], before[record.image_id].points_px, atol=0.01)
        assert record.image_path.read_bytes() == before[record.image_id].image_path.read_bytes()


def test_isbi_with_classes_behind_its_points_into_a_table(isbi_root, tmp_path):
    for path in isbi_root.rglob("*.txt"):
        path.write_text("\n".join(path.read_text().split("\n")[:19]) + "\n1\n2\n1\n")
    convert(isbi_root, "isbi2015", tmp_path / "set", "table")
    before = {r.image_id: r.points_px for r in read_dataset("isbi2015", isbi_root).records}
    found = {r.image_id: r.points_px for r in read_dataset("table", tmp_path / "set").records}
    np.testing.assert_equal(found, before)


def test_what_cannot_be_written_leaves_nothing(synthetic_root, tmp_path):
    for target, words in (("cldetection2023", "only read"), ("isbi2015", "pixel size"), ("cldetection2024", "map them with")):
        with pytest.raises((DataError, ValueError), match=words):
            convert(synthetic_root, "aariz", tmp_path / "set", target)
        assert not list(tmp_path.iterdir())
    with pytest.raises(DataError, match="choose a folder apart"):
        convert(synthetic_root, "aariz", synthetic_root / "copy", "table")


def test_the_usual_spellings(tmp_path):
    spoken = ["sella turcica", "Point A", "ans", "Soft-tissue Pogonion", "U1 tip", "Pog'", "lower lip"]
    points = np.arange(2 * len(spoken), dtype=float).reshape(1, -1, 2)
    with pytest.raises(DataError, match=r"Soft-tissue Pogonion and Pog' both mean Pog`"):
        rename(survey_of(spoken, points, tmp_path), read_names("usual"))
    found = rename(survey_of(spoken, points, tmp_path), read_names("usual") | {"Pog'": None})
    assert found.landmarks.symbols == ("S", "A", "ANS", "Pog`", "UIT", "Li")
    np.testing.assert_array_equal(found.films[0].readers[TRUTH], np.delete(points[0], 5, axis=0))
    with pytest.raises(DataError, match=r"unknown landmark name 'Sela'; nearest: S \(Sella\)"):
        rename(survey_of(["Sela"], points[:, :1], tmp_path), read_names("usual"))
    assert set(read_names("usual").values()) <= set(AARIZ29.symbols)
    assert tuple(read_names("isbi_numbers").values()) == ISBI19.symbols


@pytest.mark.parametrize("compressed", [False, True])
def test_a_stack_becomes_single_films(tmp_path, compressed):
    rng, root = np.random.default_rng(0), tmp_path / "challenge"
    stack = np.zeros((3, 40, 50, 3), dtype=np.uint8)
    sizes = [(40, 50), (30, 45), (40, 20)]
    for film, (height, width) in zip(stack, sizes, strict=True):
        film[:height, :width] = rng.integers(1, 255, (height, width, 1), dtype=np.uint8)
    pixels = zlib.compress(stack.tobytes()) if compressed else stack.tobytes()
    header = (
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nCompressedData = {}\nDimSize = 50 40 3\n"
        "ElementNumberOfChannels = 3\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
    )
    root.mkdir()
    (root / "train_stack.mha").write_bytes(header.format(compressed).encode() + pixels)
    points = [{"name": str(k), "point": [k + i, 2 * i, i + 1], "scale": 0.1} for i in range(3) for k in range(1, 39)]
    (root / "train-gt.json").write_text(json.dumps({"points": points}))
    with pytest.raises(DataError, match="landmarks convert --from cldetection2023"):
        read_dataset("cldetection2023", root)
    convert(root, "cldetection2023", tmp_path / "set", "table")
    found = read_dataset("table", tmp_path / "set").records
    for i, (record, size) in enumerate(zip(found, sizes, strict=True)):
        image = cv2.imread(str(record.image_path), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(image, stack[i, : size[0], : size[1], 0])
        np.testing.assert_array_equal(record.points_px, [[k + i, 2 * i] for k in range(1, 39)])
        assert record.pixel_size == (0.1, 0.1)
    (root / "train_stack.mha").write_bytes(header.format(compressed).encode() + pixels[: len(pixels) // 2])
    with pytest.raises(DataError, match=r"train_stack\.mha: (ends|broken) at film"):
        convert(root, "cldetection2023", tmp_path / "again", "table")
    assert not (tmp_path / "again").exists()


def test_names_of_real_tools_layouts(tmp_path):
    """Layouts as the tools write them: upload names, skeletons, train and val files, points behind percent signs."""
    image = np.full((40, 50), 90, dtype=np.uint8)
    for folder in ("ls", "cvat", "coco"):
        (tmp_path / folder / "images").mkdir(parents=True)
        for name in ("a b.png", "c.png"):
            cv2.imwrite(str(tmp_path / folder / "images" / name), image)
    values = [{"x": 10.0, "y": 20.0, "width": 0.3, "keypointlabels": ["S"], "original_width": 50, "original_height": 40}]
    tasks = [
        {"id": 1, "image": "/data/local-files/?d=images/a%20b.png", "kp": values},
        {"id": 2, "image": "x/7f-c.png", "kp": values},
    ]
    (tmp_path / "ls" / "min.json").write_text(json.dumps(tasks))
    xml = """<annotations><image id="0" name="a b.png" width="50" height="40" subset="Validation"><skeleton label="head">
      <points label="S" outside="0" points="4.5,7.5"/><points label="N" outside="1" points="1,1"/></skeleton></image>
      <image id="1" name="c.png" width="50" height="40" subset="Train"><points label="S" points="1,2"/></image></annotations>"""
    (tmp_path / "cvat" / "annotations.xml").write_text(xml)
    for part, name in (("train2017", "a b.png"), ("val2017", "c.png")):
        content = {"images": [{"id": 5, "file_name": name}], "categories": [{"id": 3, "keypoints": ["S", "N"]}],
                   "annotations": [{"image_id": 5, "category_id": 3, "keypoints": [4.5, 7.5, 2, 0, 0, 0]}]}  # fmt: skip
        (tmp_path / "coco" / f"person_keypoints_{part}.json").write_text(json.dumps(content))
    for name, splits in (("labelstudio", {"all"}), ("cvat", {"train", "valid"}), ("coco", {"train", "valid"})):
        survey = survey_dataset(name, tmp_path / {"labelstudio": "ls"}.get(name, name))
        survey.stop_at_first("all")
        assert {film.split for film in survey.films} == splits
        first = next(film for film in survey.films if film.image_id == "a b")
        np.testing.assert_allclose(first.readers[TRUTH][0], [4.5, 7.5])
        assert np.isnan(first.readers[TRUTH][1:]).all()


def test_annotators_are_readers(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((40, 50), dtype=np.uint8))
    entry = {"type": "keypointlabels", "original_width": 50, "original_height": 40}
    results = [[{**entry, "value": {"x": x, "y": 50, "keypointlabels": ["S"]}}] for x in (10, 20)]
    task = {"data": {"image": "a.png"}, "annotations": [{"result": r} for r in results]}
    (tmp_path / "project.json").write_text(json.dumps([task]))
    record = read_dataset("labelstudio", tmp_path).records[0]
    np.testing.assert_allclose(record.points_px, [[7.0, 19.5]])
    assert sorted(record.readers) == ["annotator 1", "annotator 2"]


def test_a_spreadsheet_reads_like_the_table(synthetic_root, tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    convert(synthetic_root, "aariz", tmp_path / "set", "table")
    table = read_dataset("table", tmp_path / "set").records
    book = openpyxl.Workbook()
    with (tmp_path / "set" / "landmarks.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file):
            book.active.append([_number(word) for word in row])
    (tmp_path / "set" / "landmarks.csv").unlink()
    book.save(tmp_path / "set" / "landmarks.xlsx")
    book.close()
    for one, other in zip(read_dataset("xlsx", tmp_path / "set").records, table, strict=True):
        np.testing.assert_allclose(one.points_px, other.points_px, atol=1e-9)
        for name in ("image_id", "split", "device", "pixel_size"):
            assert getattr(one, name) == getattr(other, name)
    (tmp_path / "set" / "landmarks.xlsx").write_bytes(b"PK no archive")
    with pytest.raises(DataError, match=r"landmarks\.xlsx: not an XLSX file"):
        read_dataset("xlsx", tmp_path / "set")


def _number(word):
    try:
        return float(word)
    except ValueError:
        return word or None
