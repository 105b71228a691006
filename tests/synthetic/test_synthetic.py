"""The synthetic set: same bytes, the exact layout, landmarks on the structures that they name, true millimetres."""

import csv
import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from landmarks.schema import AARIZ29
from landmarks.synthetic.anatomy import sample_head, shape_statistics
from landmarks.synthetic.dataset import write_synthetic_dataset
from landmarks.synthetic.device import DEVICES, radiograph

READERS = ("Junior Orthodontists", "Senior Orthodontists")


def digests(folder: Path) -> dict[str, str]:
    files = sorted(f for f in folder.rglob("*") if f.is_file())
    return {f.relative_to(folder).as_posix(): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def csv_rows(dataset: Path) -> list[dict[str, str]]:
    with open(dataset / "cephalogram_machine_mappings.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_points(dataset: Path, row: dict[str, str], reader: str) -> dict[str, np.ndarray]:
    folder = dataset / row["mode"].lower() / "Annotations" / "Cephalometric Landmarks" / reader
    content = json.loads((folder / f"{row['cephalogram_id']}.json").read_text(encoding="utf-8"))
    assert content["ceph_id"] == row["cephalogram_id"]
    return {e["symbol"]: np.array([e["value"]["x"], e["value"]["y"]]) for e in content["landmarks"]}


def image_of(dataset: Path, row: dict[str, str]) -> np.ndarray:
    (path,) = (dataset / row["mode"].lower() / "Cephalograms").glob(f"{row['cephalogram_id']}.*")
    assert path.suffix.lower() == f".{row['image_format']}"
    return cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)


def test_same_seed_gives_same_bytes_with_any_number_of_workers(tmp_path):
    one = digests(write_synthetic_dataset(tmp_path / "one", num=4, seed=5, height=128))
    two = digests(write_synthetic_dataset(tmp_path / "two", num=4, seed=5, height=128, workers=2))
    other = digests(write_synthetic_dataset(tmp_path / "other", num=4, seed=6, height=128))
    assert one == two
    assert len(one) == 4 * 4 + 2
    shared = {name: digest for name, digest in one.items() if other.get(name) == digest}
    assert not shared
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one", "other", "two"]


def test_layout_is_complete(synthetic_root):
    rows = csv_rows(synthetic_root)
    assert list(rows[0]) == ["cephalogram_id", "machine", "pixel_size", "image_format", "mode"]
    assert [r["mode"] for r in rows] == ["Train"] * 15 + ["Valid"] * 3 + ["Test"] * 3
    assert {r["machine"] for r in rows} == {device.name for device in DEVICES}
    assert len({r["cephalogram_id"] for r in rows}) == 21
    assert {len(r["cephalogram_id"]) for r in rows} == {25}
    for row in rows:
        for reader in READERS:
            assert tuple(read_points(synthetic_root, row, reader)) == AARIZ29.symbols
        stages = synthetic_root / row["mode"].lower() / "Annotations" / "CVM Stages"
        cvm = json.loads((stages / f"{row['cephalogram_id']}.json").read_text(encoding="utf-8"))
        assert cvm["ceph_id"] == row["cephalogram_id"]
        assert cvm["cvm_stage"]["title"] == f"CVM-S{cvm['cvm_stage']['value']}"
        assert cvm["cvm_stage"]["value"] in range(1, 7)
    assert "SYNTHETIC" in (synthetic_root / "Readme.txt").read_text(encoding="utf-8")


def test_files_have_the_variants_of_the_real_set(synthetic_root):
    images = list(synthetic_root.glob("*/Cephalograms/*"))
    assert {p.suffix.lower() for p in images} >= {".png", ".jpeg", ".jpg"}
    # Byte 25 of a PNG is its color type: 0 gray, 3 palette.
    assert {p.read_bytes()[25] for p in images if p.suffix == ".png"} == {0, 3}
    assert {cv2.imread(str(p), cv2.IMREAD_UNCHANGED).ndim for p in images} == {2, 3}
    assert len({image_of(synthetic_root, row).shape for row in csv_rows(synthetic_root)}) >= 5


def test_every_landmark_is_inside_its_image(synthetic_root):
    for row in csv_rows(synthetic_root):
        height, width = image_of(synthetic_root, row).shape
        assert height == 256
        for reader in READERS:
            points_px = np.array(list(read_points(synthetic_root, row, reader).values()))
            assert (points_px > 0).all()
            assert (points_px < (width - 1, height - 1)).all()


def test_pixel_size_makes_true_millimetres(synthetic_root):
    lengths: dict[str, list[float]] = {}
    for row in csv_rows(synthetic_root):
        points = read_points(synthetic_root, row, "Senior Orthodontists")
        length_mm = np.linalg.norm(points["S"] - points["N"]) * float(row["pixel_size"])
        lengths.setdefault(row["machine"], []).append(length_mm)
    assert np.median(np.concatenate(list(lengths.values()))) == pytest.approx(72, abs=2)
    # Sd of S-N is 4 mm; a wrong pixel size is off by 10 % or more.
    assert all(60 < np.median(lengths_mm) < 84 for lengths_mm in lengths.values())


def test_readers_disagree_as_readers_do(synthetic_root):
    distances_mm = []
    for row in csv_rows(synthetic_root):
        first, second = (read_points(synthetic_root, row, reader) for reader in READERS)
        distances_mm.append([np.linalg.norm(first[s] - second[s]) * float(row["pixel_size"]) for s in AARIZ29.symbols])
    mean_mm = dict(zip(AARIZ29.symbols, np.mean(distances_mm, axis=0), strict=True))
    assert 0.7 < np.mean(list(mean_mm.values())) < 1.6
    hard_mm, easy_mm = (np.mean([mean_mm[s] for s in group]) for group in (("Go", "R", "Or"), ("S", "Pn", "UIT")))
    assert hard_mm > 1.3 * easy_mm


ON_CURVE = {
    "profile": ("N`", "Pn", "Sn", "Ls", "Li", "Pog`"), "mandible": ("Co", "Ar", "R", "Go", "Me", "Gn", "Pog", "B"),
    "aperture": ("ANS", "A"), "palate_floor": ("ANS", "PNS"), "orbit": ("Or",), "nasal_bone": ("N",),
    "vault_outer": ("N",), "base_lower": ("Ar",),
}  # fmt: skip


@pytest.mark.parametrize("curve", ON_CURVE)
def test_landmarks_lie_on_the_curve_that_they_name(curve):
    for seed in range(10):
        head = sample_head(np.random.default_rng(seed))
        for symbol in ON_CURVE[curve]:
            assert np.linalg.norm(head.curves[curve] - head[symbol], axis=1).min() < 1e-6


def test_landmarks_are_the_extremes_that_define_them():
    heads = [sample_head(np.random.default_rng(seed)) for seed in range(40)]
    behind_mm, above_mm, below_mm = [], [], []
    for head in heads:
        nose = head.curves["profile"][np.linalg.norm(head.curves["profile"] - head["Pn"], axis=1) < 12]
        condyle = head.curves["mandible"][np.linalg.norm(head.curves["mandible"] - head["Co"], axis=1) < 6]
        rim = head.curves["orbit"][np.linalg.norm(head.curves["orbit"] - head["Or"], axis=1) < 10]
        behind_mm.append(nose[:, 0].max() - head["Pn"][0])
        above_mm.append(head["Co"][1] - condyle[:, 1].min())
        below_mm.append(rim[:, 1].max() - head["Or"][1])
        assert np.linalg.norm(head["S"]) == 0
    for distance_mm in (behind_mm, above_mm, below_mm):
        assert np.median(distance_mm) < 0.5


def test_shapes_vary_as_the_statistics_say():
    mean, modes, residual = shape_statistics()
    expected_mm = np.sqrt(residual**2 + (modes**2).sum(0))
    points_mm = np.array([sample_head(np.random.default_rng(seed)).points_mm for seed in range(200)])
    ratio = points_mm.std(0) / np.where(expected_mm > 0, expected_mm, np.inf)
    # Implausible shapes are drawn again, which takes most from the upper incisor's tip.
    checked = [k for k, symbol in enumerate(AARIZ29.symbols) if symbol not in ("S", "UIT")]
    assert (ratio[checked] > 0.7).all()
    assert (ratio[checked] < 1.4).all()
    assert np.abs(points_mm.mean(0) - mean).max() < 4


def test_edges_are_at_the_landmarks():
    rng = np.random.default_rng(0)
    symbols = ("N`", "Pn", "Ls", "Li", "Pog`", "Me", "Pog", "Go", "ANS", "UIT", "Ar")
    rows = [AARIZ29.index(s) for s in symbols]
    here, away = [], []
    for device in DEVICES:
        head = sample_head(rng)
        image, points_px = radiograph(head, device, device.size, device.pixel_mm, rng)
        smooth = cv2.GaussianBlur(image.astype(np.float32), (0, 0), 0.3 / device.pixel_mm)
        edges = np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
        strongest = cv2.dilate(edges, np.ones((2 * round(0.6 / device.pixel_mm) + 1,) * 2))
        turn = rng.uniform(0, 2 * np.pi, len(rows))
        moved_px = points_px[rows] + 5 / device.pixel_mm * np.stack([np.cos(turn), np.sin(turn)], 1)
        for found, at_px in ((here, points_px[rows]), (away, moved_px)):
            x, y = np.round(at_px).astype(int).T
            found.append(strongest[y, x])
    assert np.mean(here) > 1.5 * np.mean(away)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"num": 2}, "at least 3"), ({"height": 10}, "too small"), ({"workers": 0}, "workers: 0")],
)
def test_impossible_numbers_are_refused(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        write_synthetic_dataset(tmp_path / "set", **({"num": 3, "seed": 0} | changes))
    assert not list(tmp_path.iterdir())


def test_a_filled_folder_is_refused_and_a_failure_leaves_nothing(tmp_path, monkeypatch):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(ValueError, match="not an empty folder"):
        write_synthetic_dataset(tmp_path, num=3, seed=0)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]

    def broken(*_):
        raise OSError("disk full")

    monkeypatch.setattr("landmarks.synthetic.dataset.radiograph", broken)
    with pytest.raises(OSError, match="disk full"):
        write_synthetic_dataset(tmp_path / "set", num=3, seed=0)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
