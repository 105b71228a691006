"""tools/predict.py: the points of the Predictor in a table, a picture each, and a line for what cannot be read."""

import csv
from pathlib import Path

import numpy as np

from landmarks.commands.program import run
from landmarks.engine.build import prepare_run
from landmarks.engine.trainer import save
from landmarks.inference.predictor import Predictor


def predict(*words) -> int:
    return run("predict", [str(word) for word in words])


def test_a_folder_with_a_broken_image(tiny_config, synthetic_root, tmp_path, capsys):
    run = prepare_run(tiny_config, tmp_path / "run", resume=None)
    save(run, "latest.pt")
    run.close()
    checkpoint, folder = run.output / "checkpoints" / "latest.pt", tmp_path / "heads"
    folder.mkdir()
    for source in sorted((synthetic_root / "test" / "Cephalograms").iterdir())[:2]:
        (folder / source.name).write_bytes(source.read_bytes())
    (folder / "zz.png").write_bytes(b"\x89PNG no image")
    assert predict("--checkpoint", checkpoint, "--output", tmp_path / "found", folder) == 2
    told = capsys.readouterr()
    assert "zz.png: broken or truncated image" in told.err
    assert told.out.startswith("2 of 3 images: ")
    rows = list(csv.DictReader((tmp_path / "found" / "predictions.csv").read_text().splitlines()))
    predictor = Predictor.from_checkpoint(checkpoint)
    images = list(dict.fromkeys(row["image"] for row in rows))
    assert len(images) == 2
    assert len(rows) == 2 * len(predictor.landmarks)
    for image in images:
        points = [[float(row["x"]), float(row["y"])] for row in rows if row["image"] == image]
        np.testing.assert_allclose(points, predictor(image).points_px[0], atol=0.006)
        assert (tmp_path / "found" / "overlays" / f"{Path(image).stem}.png").is_file()
    assert predict("--checkpoint", checkpoint, "--output", tmp_path / "found", folder) == 2
    assert "is there already; name another --output" in capsys.readouterr().err


def test_bad_words(tmp_path, capsys):
    assert predict("--checkpoint", "no.pt", "--output", tmp_path / "out", tmp_path) == 2
    assert "no images" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
