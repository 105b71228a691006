"""What annotation tools' own libraries write and read, both ways; each part is skipped where its library is not installed."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from landmarks.formats.reading import read_dataset
from landmarks.formats.survey import TRUTH, Film, Survey
from landmarks.formats.writing import write_set
from landmarks.schema import LandmarkSet

pytestmark = pytest.mark.filterwarnings("ignore")
SYMBOLS = ("S", "N`", "Pog")
SIZES = {"a": (64, 80), "b": (90, 70), "c": (71, 93)}


@pytest.fixture
def points(tmp_path) -> dict[str, dict[str, tuple[float, float]]]:
    """Points by film and symbol, with a gap; the films lie in images/."""
    rng, found = np.random.default_rng(0), {}
    (tmp_path / "images").mkdir()
    for name, (height, width) in SIZES.items():
        cv2.imwrite(str(tmp_path / "images" / f"{name}.png"), rng.integers(0, 255, (height, width), dtype=np.uint8))
        found[name] = {s: tuple(rng.uniform(1, (width - 2, height - 2)).round(4).tolist()) for s in SYMBOLS}
    del found["b"]["N`"]
    return found


def written(points, tmp_path, target):
    """The films as this project writes them."""
    rows = {n: np.array([known.get(s, (np.nan, np.nan)) for s in SYMBOLS]) for n, known in points.items()}
    films = [Film(image_id=n, path=tmp_path / "images" / f"{n}.png", readers={TRUTH: rows[n]}, size=SIZES[n]) for n in rows]
    write_set(Survey(root=tmp_path, landmarks=LandmarkSet(name="x", symbols=SYMBOLS), films=films), tmp_path / "ours", target)
    return tmp_path / "ours"


def assert_same_points(points, found, within=0.01):
    """Points by film and symbol, whoever read them."""
    assert {name: set(known) for name, known in found.items()} == {name: set(known) for name, known in points.items()}
    for name, known in points.items():
        for symbol, point in known.items():
            np.testing.assert_allclose(found[name][symbol], point, atol=within, err_msg=f"{name} {symbol}")


def read_back(target, root):
    records = read_dataset(target, root)
    return {
        r.image_id: {s: tuple(p) for s, p in zip(records.landmarks.symbols, r.points_px, strict=True) if np.isfinite(p).all()}
        for r in records.records
    }


def test_labelme(points, tmp_path):
    labelme = pytest.importorskip("labelme._label_file")
    ours, theirs = written(points, tmp_path, "labelme"), tmp_path / "theirs"
    shutil.copytree(tmp_path / "images", theirs)
    found = {}
    for name, known in points.items():
        shapes = labelme.LabelFile(str(ours / f"{name}.json")).shapes
        found[name] = {shape["label"]: shape["points"][0] for shape in shapes}
        shapes = [{"label": s, "points": [list(p)], "group_id": None, "description": "", "shape_type": "point", "flags": {},
                   "mask": None} for s, p in known.items()]  # fmt: skip
        height, width = SIZES[name]
        words = {"image_path": f"{name}.png", "image_height": height, "image_width": width}
        labelme.write_label_file(str(theirs / f"{name}.json"), shapes=shapes, **words)
    assert_same_points(points, found)
    assert_same_points(points, read_back("labelme", theirs))


def test_coco(points, tmp_path):
    coco = pytest.importorskip("pycocotools.coco")
    ours = written(points, tmp_path, "coco")
    files = coco.COCO(str(ours / "annotations.json"))
    found, results = {}, []
    for image in files.loadImgs(files.getImgIds()):
        (annotation,) = files.loadAnns(files.getAnnIds(imgIds=[image["id"]]))
        names = files.loadCats(annotation["category_id"])[0]["keypoints"]
        triples = np.reshape(annotation["keypoints"], (-1, 3))
        known = {s: (x, y) for s, (x, y, v) in zip(names, triples, strict=True) if v}
        assert annotation["num_keypoints"] == len(known)
        found[image["file_name"].split("/")[-1].removesuffix(".png")] = known
        results.append({"image_id": image["id"], "category_id": 1, "keypoints": annotation["keypoints"], "score": 1.0})
    assert_same_points(points, found)
    (ours / "annotations.json").write_text(json.dumps(files.loadRes(results).dataset))
    assert_same_points(points, read_back("coco", ours))


def test_label_studio(points, tmp_path):
    converter = pytest.importorskip("label_studio_sdk.converter.converter")
    ours = written(points, tmp_path, "labelstudio")
    labels = "".join(f'<Label value="{s}"/>' for s in SYMBOLS)
    config = f'<View><Image name="img" value="$image"/><KeyPointLabels name="kp" toName="img">{labels}</KeyPointLabels></View>'
    export = converter.Converter(config, str(ours), download_resources=False)
    export.convert_to_json_min(str(ours / "project.json"), str(tmp_path / "min"), is_dir=False)
    (ours / "project.json").unlink()
    shutil.copy(tmp_path / "min" / "result.json", ours / "project.json")
    assert_same_points(points, read_back("labelstudio", ours))


def test_cvat(points, tmp_path):
    datumaro = pytest.importorskip("datumaro")
    ours, theirs = written(points, tmp_path, "cvat"), tmp_path / "theirs"
    read = datumaro.Dataset.import_from(str(ours), "cvat")
    names = [label.name for label in read.categories()[datumaro.AnnotationType.label].items]
    assert_same_points(points, {item.id.split("/")[-1]: {names[a.label]: a.points for a in item.annotations} for item in read})
    items = [
        datumaro.DatasetItem(
            id=name,
            media=datumaro.Image.from_file(str(tmp_path / "images" / f"{name}.png")),
            annotations=[datumaro.Points(list(p), label=SYMBOLS.index(s)) for s, p in known.items()],
        )
        for name, known in points.items()
    ]
    datumaro.Dataset.from_iterable(items, categories=list(SYMBOLS)).export(str(theirs), "cvat", save_media=True)
    next(theirs.glob("*.xml")).rename(theirs / "annotations.xml")
    assert_same_points(points, read_back("cvat", theirs))


def test_yolo_pose(points, tmp_path):
    tool = pytest.importorskip("ultralytics.data.utils")
    ours = written(points, tmp_path, "yolo_pose")
    about, found = tool.check_det_dataset(str(ours / "data.yaml")), {}
    assert tuple(about["kpt_names"][0]) == SYMBOLS
    images = sorted(str(path) for path in Path(about["train"]).iterdir())
    for image, label in zip(images, tool.img2label_paths(images), strict=True):
        read = tool.verify_image_label((image, label, "", True, about["nc"], *about["kpt_shape"], False))
        assert read[0] == image, read[-1]
        (height, width), known = read[2], read[4][0]
        found[Path(image).stem] = {s: (x * width, y * height) for s, (x, y, v) in zip(SYMBOLS, known, strict=True) if v}
    assert_same_points(points, found)


def test_deeplabcut(points, tmp_path):
    pandas = pytest.importorskip("pandas")
    ours = written(points, tmp_path, "deeplabcut")
    (path,) = ours.rglob("CollectedData_landmarks.csv")
    table = pandas.read_csv(path, index_col=0, header=[0, 1, 2])  # as its convertcsv2h5 reads it
    assert list(table.columns.names) == ["scorer", "bodyparts", "coords"]
    table.index = pandas.MultiIndex.from_tuples([name.split("/") for name in table.index])
    found = {}
    for (_, _, image), row in table["landmarks"].iterrows():
        known = {s: (row[s, "x"], row[s, "y"]) for s in SYMBOLS}
        found[Path(image).stem] = {s: p for s, p in known.items() if np.isfinite(p).all()}
    assert_same_points(points, found)
    table.to_csv(path)  # the image's path in three columns, as its labelling window saves it
    assert_same_points(points, read_back("deeplabcut", ours))
