"""Files that lost something on their way are named; images that are alike are found without comparing all in memory."""

import cv2
import numpy as np

from landmarks.check.alike import near_pairs
from landmarks.check.run import check_dataset


def test_files_that_have_lost_something_are_named(tmp_path):
    (tmp_path / "images").mkdir()
    gray = cv2.resize(np.random.default_rng(0).integers(0, 255, (9, 7), dtype=np.uint8), (700, 900))
    cv2.imwrite(str(tmp_path / "images" / "bit.png"), gray // 128 * 255)
    content = bytearray(cv2.imencode(".jpg", gray, (cv2.IMWRITE_JPEG_QUALITY, 95))[1].tobytes())
    (tmp_path / "images" / "sound.jpg").write_bytes(content)
    content[len(content) // 2 : len(content) // 2 + 64] = bytes(64)
    (tmp_path / "images" / "zeros.jpg").write_bytes(content)
    (tmp_path / "landmarks.csv").write_text("image,P_x,P_y\nbit.png,1,2\nsound.jpg,7,2\nzeros.jpg,1,1\n")
    found = check_dataset(tmp_path, "table").survey.findings
    assert [f.images for f in found if f.kind == "doubtful image"] == [("bit",), ("zeros",)]


def test_near_pairs_in_tiles_are_those_of_the_whole_table(monkeypatch):
    rng = np.random.default_rng(0)
    small = rng.standard_normal((60, 40)) + 3 * rng.standard_normal((6, 40))[rng.integers(6, size=60)]
    small = (small / np.linalg.norm(small, axis=1, keepdims=True)).astype(np.float32)
    likeness = small @ small.T
    np.fill_diagonal(likeness, -1)
    nearest = np.argsort(-likeness, axis=1)[:, :3]
    expected = {(min(i, j), max(i, j)) for i in range(60) for j in nearest[i].tolist() if likeness[i, j] > 0.6}
    assert len(expected) > 60
    for tile, directions, many in ((7, 40, 0.0), (7, 12, 1.0), (59, 3, 0.5), (1024, 3, 0.5)):
        monkeypatch.setattr("landmarks.check.alike._TILE", tile)
        monkeypatch.setattr("landmarks.check.alike._DIRECTIONS", directions)
        monkeypatch.setattr("landmarks.check.alike._MANY", many)
        assert near_pairs(small) == sorted(expected)
    assert near_pairs(small[:2]) in ([], [(0, 1)])
