"""A job of predictions: interrupted anywhere and resumed, or shared by processes, it gives one complete output."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from landmarks.commands.predict import _parser, _pixel_size
from landmarks.formats.reading import read_dataset
from landmarks.inference.films import Film, find_films
from landmarks.inference.job import Job, finish, open_job, predict_share
from landmarks.inference.reading import FilmResult
from landmarks.inference.sets import check_formats
from landmarks.inference.view import Reading, View
from landmarks.prediction import Prediction
from landmarks.radiograph import read_radiograph

SYMBOLS = ("S", "N")


class Reader:
    """A stand-in for the network: points that follow from the picture; it stops at the film `killed_at`."""

    def __init__(self, killed_at: int = -1) -> None:
        self.calls, self.killed_at = 0, killed_at

    def read(self, path: Path, *, as_it_is: bool = False) -> FilmResult:
        if self.calls == self.killed_at:
            raise KeyboardInterrupt
        self.calls += 1
        film = read_radiograph(path)
        points = np.array([[film.gray[0, 0], 1.0], [2.0, 3.0]])
        known = film.gray[0, 0] != 7
        found = Prediction.of_points(points[None])
        reading = Reading(found=found, view=View(mirrored=True), plausibility=0.5, is_cephalogram=bool(known))
        return FilmResult(
            film=film,
            symbols=SYMBOLS,
            points_px=points if known else np.full_like(points, np.nan),
            peaks=np.array([0.5, 0.6]),
            radius_px=np.array([4.0, np.inf]),
            pixel_size=film.pixel_size,
            reading=reading,
            warnings=(reading.remark,),
            measurements={"SNA": (80.0, np.nan, "deg")},
        )


@pytest.fixture
def films(tmp_path) -> tuple[Film, ...]:
    """Ten films in two folders that share names, one of them broken, one no cephalogram."""
    for folder in ("a", "b/a"):
        (tmp_path / "films" / folder).mkdir(parents=True)
        for number in range(5):
            gray = np.full((20, 30), 7 if (folder, number) == ("a", 1) else 10 * number + len(folder), np.uint8)
            cv2.imwrite(str(tmp_path / "films" / folder / f"{number}.png"), gray)
    (tmp_path / "films" / "a" / "2.png").write_bytes(b"\x89PNG\r\n\x1a\n no image")
    return tuple(find_films([tmp_path / "films"]))


def job(films, output: Path, **changed) -> Job:
    return Job(**{"films": films, "output": output, "settings": {"checkpoint": ["x"]}} | changed)


def whole(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_one_output(films, tmp_path):
    once = job(films, tmp_path / "once")
    assert open_job(once) == 0
    lines = list(predict_share(once, Reader(), 0, 1))
    assert [bool(line) for line in lines] == [True] * 10
    assert "broken or truncated" in lines[2]
    assert finish(once) == {"films": 10, "read": 9, "recognised": 8}
    rows = list(csv.DictReader((tmp_path / "once" / "predictions.csv").read_text().splitlines()))
    assert len(rows) == 16
    stored = json.loads((tmp_path / "once" / "predictions.json").read_text())["films"]
    assert stored[1]["points"] == {"S": None, "N": None}
    assert stored[0]["radius_px"] == {"S": 4.0, "N": "infinite"}
    assert stored[0]["view"] == "mirrored"
    assert {Path(name).parts[0] for name in whole(tmp_path / "once")} == {"overlays", "predictions.csv", "predictions.json"}
    assert len(list((tmp_path / "once").rglob("*.png"))) == 9
    with pytest.raises(ValueError, match="exists already"):
        open_job(once)

    for killed_at in range(0, 10, 3):
        stopped = job(films, tmp_path / f"stopped{killed_at}")
        open_job(stopped)
        with pytest.raises(KeyboardInterrupt):
            list(predict_share(stopped, Reader(killed_at), 0, 1))
        assert finish(stopped) is None
        with pytest.raises(ValueError, match="begun with another checkpoint"):
            open_job(job(films, stopped.output, settings={"checkpoint": ["y"]}))
        done, reader = open_job(stopped), Reader()
        list(predict_share(stopped, reader, 0, 1))
        # the broken film counts as not done: it is tried again
        assert done == killed_at - (killed_at > 2)
        assert reader.calls == len(films) - done
        finish(stopped)
        assert whole(stopped.output) == whole(once.output)

    shared = job(films, tmp_path / "shared")
    for rank in range(3):
        open_job(shared)
        list(predict_share(shared, Reader(), rank, 3))
        assert (finish(shared) is None) == (rank < 2)
    assert whole(shared.output) == whole(once.output)


def test_predictions_are_written_as_data_sets(films, tmp_path):
    saved = job(films, tmp_path / "saved", save=("table", "labelme", "coco", "slicer"))
    open_job(saved)
    list(predict_share(saved, Reader(), 0, 1))
    (saved.output / "coco").mkdir()  # of a process that was killed after writing it
    finish(saved)
    stored = json.loads((saved.output / "predictions.json").read_text())["films"]
    points = {film["name"].replace("/", "_"): film["points"] for film in stored if film["points"]["S"]}
    for name in ("table", "labelme", "slicer"):
        found = read_dataset(name, saved.output / name)
        order = [found.landmarks.index(symbol) for symbol in SYMBOLS]
        assert {record.image_id for record in found.records} == points.keys()
        for record in found.records:
            np.testing.assert_allclose(record.points_px[order], [*points[record.image_id].values()], atol=0.01)
    assert not list((saved.output / "coco").iterdir())
    with pytest.raises(ValueError, match=r"--save: found 'isbi2015'; write one or more of .*labelme"):
        check_formats(["table", "isbi2015"])


def test_dicom_films_get_a_pseudonym(films, tmp_path, monkeypatch):
    def read(path, original=read_radiograph):
        film = original(path)
        return type(film)(pixels=film.pixels, gray=film.gray, pixel_size=film.pixel_size, kind="DICOM", identity="1.2.3")

    reader = Reader()
    monkeypatch.setitem(Reader.read.__globals__, "read_radiograph", read)
    hidden = job(films[:1], tmp_path / "hidden", key=bytes(32), save=("labelme",))
    open_job(hidden)
    list(predict_share(hidden, reader, 0, 1))
    finish(hidden)
    text = (tmp_path / "hidden" / "predictions.json").read_text() + (tmp_path / "hidden" / "predictions.csv").read_text()
    assert Path(films[0].path).name not in text
    assert "1.2.3" not in text
    for folder, num in (("overlays", 1), ("labelme", 2)):
        assert [path.name.startswith("film_") for path in (tmp_path / "hidden" / folder).iterdir()] == [True] * num


@pytest.mark.parametrize(
    ("words", "mm", "origin"),
    [
        (["--pixel-size", "0.1"], (0.1, 0.1), "given by the user"),
        (["--pixel-size", "0.1,0.2"], (0.1, 0.2), "given by the user"),
        (["--ruler", "0,0,30,40,10"], (0.2, 0.2), "a ruler of two points"),
    ],
)
def test_a_pixel_size_from_the_user(words, mm, origin):
    size = _pixel_size(_parser().parse_args(["--checkpoint", "a.pt", "--output", "out", *words, "head.png"]))
    assert size.mm == pytest.approx(mm)
    assert size.origin == origin


@pytest.mark.parametrize(
    "words", [["--pixel-size", "x"], ["--pixel-size", "0"], ["--ruler", "1,2,3"], ["--ruler", "1,1,1,1,10"]]
)
def test_a_pixel_size_that_is_none(words):
    with pytest.raises(ValueError, match=f"{words[0]}: found '{words[1]}'"):
        _pixel_size(_parser().parse_args(["--checkpoint", "a.pt", "--output", "out", *words, "head.png"]))
