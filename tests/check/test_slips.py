"""Sets with names that are not UTF-8, and with numbers that nothing can be computed with."""

import os
import sys

import cv2
import numpy as np
import pytest

from landmarks.check.run import check_dataset, write_check
from landmarks.check.store import store_check

HEAD = np.array([[10, 20], [60, 15], [50, 60], [20, 80], [-30, 70], [-40, 20], [30, 30], [10, 50]]) + 100.0


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are characters there")
def test_a_set_whose_folder_and_films_are_not_named_in_utf_8(tmp_path):
    root = tmp_path / os.fsdecode(b"caf\xe9")
    (root / "images").mkdir(parents=True)
    for name in (b"\xfc.png", b"b.png"):
        (root / "images" / os.fsdecode(name)).write_bytes(cv2.imencode(".png", np.zeros((9, 8), np.uint8))[1].tobytes())
    (root / "landmarks.csv").write_text("image,P_x,P_y\na.png,1,2\nb.png,1,2\n")
    check = check_dataset(root, "table")
    assert {"image missing", "annotation missing"} <= {finding.kind for finding in check.survey.findings}
    write_check(check, tmp_path / "out")
    store_check(check.to_dict(), root, "table", tmp_path / "cache")
    assert len(list((tmp_path / "cache" / "checks").iterdir())) == 1


def test_a_point_that_nothing_can_be_computed_with_lies_outside(tmp_path):
    symbols = ("S", "N", "A", "B", "Me", "Go", "Or", "Po")
    (tmp_path / "images").mkdir()
    rows = ["image," + ",".join(f"{s}_{axis}" for s in symbols for axis in "xy")]
    for i in range(6):
        cv2.imwrite(
            str(tmp_path / "images" / f"{i}.png"), np.random.default_rng(i).integers(0, 255, (300, 250), dtype=np.uint8)
        )
        cells = [f"{v + i}" for v in HEAD.ravel()]
        cells[5] = "1e300" if i == 2 else cells[5]
        rows.append(",".join([f"{i}.png", *cells]))
    (tmp_path / "landmarks.csv").write_text("\n".join(rows))
    outside = [f.images for f in check_dataset(tmp_path, "table").survey.findings if f.kind == "point outside"]
    assert outside == [("2",)], "and numpy warns of nothing"
