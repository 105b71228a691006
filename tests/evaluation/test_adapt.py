"""Adapting: each film is judged by the habit of the others; what does not help is not written."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from landmarks.checkpointfile import read_checkpoint, write_checkpoint
from landmarks.commands import adapt as command
from landmarks.evaluation.adapt import (
    adapt,
    common_films,
    forecast,
    further_films,
    judge_further,
    learning_curve,
    predict_all,
    predict_films,
    write_adapted,
    write_adapted_onnx,
)
from landmarks.formats.records import DataError, Record, RecordSet
from landmarks.further import fit_further
from landmarks.inference.card import ModelCard
from landmarks.inference.predictor import Predictor
from landmarks.inference.released import model_file
from landmarks.prediction import Prediction
from landmarks.schema import LandmarkSet
from landmarks.shape import fit_shape

LANDMARKS = LandmarkSet(name="eight", symbols=tuple("ABCDEFGH"))
MEAN_PX = np.array([[60, 60], [180, 70], [160, 180], [100, 220], [50, 200], [40, 100], [120, 120], [80, 160]], dtype=float)


class Model:
    """A predictor that finds every film's points with an error of 1 px an axis."""

    landmarks = LANDMARKS

    def __init__(self, num: int) -> None:
        rng = np.random.default_rng(0)
        self.heads = MEAN_PX + rng.normal(0, 3, (num, 8, 2))
        self._found = self.heads + rng.normal(0, 1, self.heads.shape)
        training = MEAN_PX + rng.normal(0, 3, (60, 8, 2))
        shape = fit_shape(training, LANDMARKS.symbols, np.ones((60, 2)))
        self.card = ModelCard(landmarks=LANDMARKS, image_size=(256, 224), sigma=1.0, margin=1.25, shape=shape)

    def __call__(self, film: Path) -> Prediction:
        return Prediction.of_points(self._found[int(film.stem)][None])

    def records(self, habit_px: float) -> RecordSet:
        """Readers who put D further to the right, and X, which the model does not know."""
        points = np.concatenate([self.heads, self.heads[:, :1]], axis=1)
        points[:, 3, 0] += habit_px
        symbols = LandmarkSet(name="nine", symbols=(*LANDMARKS.symbols, "X"))
        every = (
            Record(image_id=f"{i}", image_path=Path(f"{i}.png"), points_px=p, pixel_size=(1.0, 1.0), device="", split="all")
            for i, p in enumerate(points)
        )
        return RecordSet(landmarks=symbols, records=tuple(every))


def test_a_habit_helps_on_films_that_did_not_make_it():
    model = Model(12)
    made = adapt(model, model.records(habit_px=6.0))
    assert made.helps
    assert made.unit == "mm"
    assert made.after.mean() < 0.8 * made.before.mean()
    assert made.evaluation.records.landmarks.symbols == LANDMARKS.symbols
    assert np.argmax(np.linalg.norm(made.habit.offset_mm, axis=1)) == 3


def test_learning_curve_falls_and_forecasts_no_miracles():
    model = Model(6)
    films = model.records(habit_px=6.0).select(LANDMARKS.symbols)
    curve = learning_curve(model.card.shape, predict_films(model, films), films)
    assert list(curve) == [0, 1, 2, 3, 5]
    assert curve[5] < curve[2] < curve[0]
    assert 0.6 * curve[5] < forecast(curve, 10) <= curve[5]


def test_too_few_films_and_too_few_common_landmarks_are_refused():
    model = Model(2)
    with pytest.raises(DataError, match="found 2 films"):
        adapt(model, model.records(3.0))
    model = Model(4)
    with pytest.raises(DataError, match="share 3 landmarks"):
        adapt(model, model.records(3.0).select(tuple("ABCX")))


def test_adapted_checkpoint_is_the_base_with_a_habit(tmp_path):
    model = Model(5)
    made = adapt(model, model.records(6.0))
    base = tmp_path / "base.pt"
    write_checkpoint(base, {"model": {}, "config": {"data": {}}, "task": {"landmarks": {}, "shape": None}})
    content = read_checkpoint(write_adapted(base, tmp_path / "clinic", made))
    assert content["task"]["habit"]["num_films"] == 5
    assert content["task"]["further"] is None
    assert content["config"] == read_checkpoint(base)["config"]


def test_a_landmark_that_the_model_lacks_is_placed_by_the_others_on_films_that_did_not_place_it():
    model = Model(6)
    films = further_films(model, model.records(0.0))
    assert films.landmarks.symbols == ("X",)
    further, errors, unit = judge_further(model.card.shape, LANDMARKS.symbols, predict_all(model, films), films)
    assert further.landmarks.symbols == ("X",)
    assert errors.shape == (6, 1)
    assert unit == "mm"
    assert errors.mean() < 6.0


def test_a_landmark_in_two_films_is_left_out_with_a_line(caplog):
    model = Model(6)
    films = model.records(0.0)
    for record in films.records[2:]:
        record.points_px[8] = np.nan
    assert further_films(model, films) is None
    assert "fewer than 3 films: X (2)" in caplog.text


def test_adapted_onnx_file_finds_further_landmarks_and_the_known_ones_as_before(tmp_path):
    base = Predictor.load("isbi19", device="cpu")
    film = np.random.default_rng(0).integers(0, 255, (600, 500), dtype=np.uint8)
    found, symbols = base(film, as_it_is=True), base.landmarks.symbols
    further = fit_further(base.card.shape, symbols, found, LandmarkSet(name="own", symbols=("X",)), found.points_px[:, :1] + 9)
    made = replace(adapt(Model(5), Model(5).records(6.0)), habit=None, further=further)
    adapted = Predictor.load(write_adapted_onnx(model_file("isbi19"), tmp_path / "clinic", base.card, made, 0.9), device="cpu")
    assert adapted.landmarks.symbols == (*symbols, "X")
    assert adapted.landmarks.title("S") == base.landmarks.title("S")
    every = adapted(film, as_it_is=True)
    np.testing.assert_array_equal(every.points_px[:, :19], found.points_px)
    np.testing.assert_allclose(every.points_px[:, 19], found.points_px[:, 0] + 9, atol=0.05)
    assert every.inferred_px[0, 19] > 0
    radius = adapted.radii_px(every)
    np.testing.assert_array_equal(radius[:, :19], base.radii_px(found))
    np.testing.assert_allclose(radius[:, 19], every.inferred_px[:, 19] * np.sqrt(2 * np.log(10)))
    with pytest.raises(DataError, match="adapted already"):
        common_films(adapted, Model(5).records(0.0))


def test_adapted_onnx_file_is_the_base_with_a_habit(tmp_path):
    base = Predictor.load("isbi19", device="cpu")
    made = adapt(Model(5), Model(5).records(6.0))
    path = write_adapted_onnx(model_file("isbi19"), tmp_path / "clinic", base.card, made, 0.9)
    found = Predictor.load(path, device="cpu").card
    assert found.habit.symbols == made.habit.symbols
    # five films give no radius of 90 %: those of the base stay
    assert found.calibration == base.card.calibration
    assert found.shape.symbols == base.card.shape.symbols


def test_command_wants_an_output(tmp_path, capsys):
    words = ["--data-format", "table", "--data-root", str(tmp_path)]
    with pytest.raises(SystemExit):
        command.main(["--checkpoint", "a.pt", *words])
    assert "--output" in capsys.readouterr().err
