"""`landmarks predict`: the predictor's points in a table, a picture each, names that stay apart, a line for what is broken."""

import csv
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from landmarks.commands.program import run
from landmarks.inference.films import find_films, unique_names
from landmarks.inference.predictor import Predictor


def predict(*words) -> int:
    return run("predict", [str(word) for word in words])


@pytest.fixture
def folder(tmp_path, synthetic_root) -> Path:
    """Two films, one of them in a folder below, and one that is none."""
    first, second = sorted((synthetic_root / "test" / "Cephalograms").iterdir())[:2]
    (tmp_path / "heads" / "below").mkdir(parents=True)
    (tmp_path / "heads" / first.name).write_bytes(first.read_bytes())
    (tmp_path / "heads" / "below" / first.name).write_bytes(second.read_bytes())
    (tmp_path / "heads" / "zz.png").write_bytes(b"\x89PNG no image")
    return tmp_path / "heads"


@pytest.mark.parametrize("kind", ["checkpoint", "onnx_file"])
def test_a_tree_with_a_broken_film(folder, tmp_path, capsys, request, kind):
    model, output = request.getfixturevalue(kind), tmp_path / "found"
    assert predict("--as-it-is", "--checkpoint", model, "--device", "cpu", "--output", output, folder) == 2
    told = capsys.readouterr()
    assert "zz.png" in told.err
    assert told.out.startswith("2 of 3 films: ")
    rows = list(csv.DictReader((output / "predictions.csv").read_text().splitlines()))
    predictor = Predictor.load(model, device="cpu")
    films = list(dict.fromkeys(row["image"] for row in rows))
    assert len(films) == 2
    assert len(rows) == 2 * len(predictor.landmarks)
    for film in films:
        points = [[float(row["x"]), float(row["y"])] for row in rows if row["image"] == film]
        np.testing.assert_allclose(points, predictor(film, as_it_is=True).points_px[0], atol=0.006)
        below = Path(film).relative_to(folder)
        assert (output / "overlays" / below.with_suffix(".png")).is_file()
    assert predict("--checkpoint", model, "--output", output, folder) == 2
    assert "exists already; choose another --output" in capsys.readouterr().err


def test_a_model_or_films_that_are_not_there(tmp_path, folder, capsys):
    assert predict("--checkpoint", "no.onnx", "--output", tmp_path / "out", folder) == 2
    assert "no.onnx: cannot be read" in capsys.readouterr().err
    for empty in (tmp_path / "out" / "*.png", folder.parent / "nothing"):
        empty.parent.mkdir(exist_ok=True)
        if not empty.suffix:
            empty.mkdir()
        assert predict("--checkpoint", "no.pt", "--output", tmp_path / "out", empty) == 2
        assert "no films" in capsys.readouterr().err
    assert not list((tmp_path / "out").iterdir())


def test_a_name_that_is_not_utf8(tmp_path, folder, onnx_file, capsys):
    odd = os.path.join(os.fsencode(folder), b"caf\xe9.png")
    try:
        with open(odd, "wb") as file:
            file.write(cv2.imencode(".png", np.zeros((40, 40), np.uint8))[1].tobytes())
    except OSError:
        pytest.skip("this file system takes UTF-8 alone")
    words = ["--as-it-is", "--save", "labelme,table", "--checkpoint", onnx_file, "--output", tmp_path / "found", folder]
    assert predict(*words) == 2
    assert capsys.readouterr().out.startswith("3 of 4 films")
    assert (tmp_path / "found" / "table" / "images" / "caf_.png").is_file()
    assert "caf\\udce9.png" in (tmp_path / "found" / "predictions.csv").read_text(encoding="utf-8")


def test_strips_pipes_and_earlier_results(tmp_path, onnx_file, capsys):
    (tmp_path / "overlays").mkdir()
    (tmp_path / "predictions.csv").write_text("image,symbol\n")
    for name in ("strip.png", "overlays/strip.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((20000, 1), np.uint8))
    pipes = ["pipe.png"] if hasattr(os, "mkfifo") else []
    for name in pipes:
        os.mkfifo(tmp_path / name)
    assert predict("--checkpoint", onnx_file, "--output", tmp_path / "found", tmp_path) == 2 * len(pipes)
    told = capsys.readouterr()
    assert told.out.startswith(f"1 of {1 + len(pipes)} films")
    assert told.err.count("pipe.png: a folder, pipe or device, not a file") == len(pipes)


def test_wildcards_folders_and_doubles(folder, monkeypatch):
    monkeypatch.chdir(folder)
    names = [film.name for film in find_films(["*.png", "below", folder / "zz.png"])]
    first = next(path.stem for path in folder.glob("*.png") if path.stem != "zz")
    assert sorted(names) == sorted(["zz", f"{folder.name}/{first}", f"below/{first}"])
    by_wildcard = find_films([str(folder / "**" / "*.png")])
    assert {film.path for film in by_wildcard} == {film.path for film in find_films([folder, "below"])}


def test_equal_names_get_their_folder_then_their_suffix_then_a_number():
    films = [("a", "head.png"), ("b", "head.png"), ("b", "HEAD.jpg"), ("b", "head.png"), ("c", "below/single.v2.png")]
    assert unique_names(films) == ["a/head", "b/head.png", "b/HEAD.jpg", "b/head.png_2", "below/single.v2"]


def test_films_on_two_drives():
    """On Windows: C:\\clinic\\head.png and D:\\head.png, whose folder has no name."""
    assert unique_names([("clinic", "head.png"), ("", "head.png")]) == ["clinic/head", "head"]
