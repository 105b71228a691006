"""What fine-tuning brings by the number of films: no film is judged by a training that has seen it."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from test_habit import SHAPE, SYMBOLS, clinic

from landmarks.commands import adapt as command
from landmarks.engine import tuningcurve
from landmarks.evaluation.evaluate import true_points
from landmarks.formats.records import Record, RecordSet
from landmarks.inference.card import ModelCard
from landmarks.prediction import Prediction
from landmarks.schema import LandmarkSet
from landmarks.statistics import mean_interval

LANDMARKS = LandmarkSet(name="eight", symbols=SYMBOLS)
CARD = ModelCard(landmarks=LANDMARKS, image_size=(256, 224), sigma=1.0, margin=1.25, shape=SHAPE)


@pytest.fixture
def clinic_of_six(monkeypatch) -> tuple[Prediction, RecordSet, list[set[str]]]:
    """Six films, what a model found in them, and the films of each training of networks that halve its error."""
    found, true_px = clinic(6, noise_mm=2.0)
    every = (
        Record(image_id=f"{i}", image_path=Path(f"{i}.png"), points_px=p, pixel_size=(0.1, 0.1), device="", split="all")
        for i, p in enumerate(true_px)
    )
    seen = []

    def tune(base, shape, of, records, *, seed, steps=None):
        seen.append({record.image_id for record in records.records})
        return torch.nn.Linear(1, 1)

    def predict(predictor, records):
        rows = [int(record.image_id) for record in records.records]
        assert not seen[-1] & {record.image_id for record in records.records}
        part = found.films(rows)
        return replace(part, points_px=(part.points_px + true_points(records)) / 2)

    monkeypatch.setattr(tuningcurve, "tune", tune)
    monkeypatch.setattr(tuningcurve, "predict_films", predict)
    return found, RecordSet(landmarks=LANDMARKS, records=tuple(every)), seen


def test_a_third_and_two_thirds_of_the_films_judge_every_film(clinic_of_six):
    found, records, seen = clinic_of_six
    curve = tuningcurve.tuning_curve(None, SimpleNamespace(card=CARD), found, records)
    assert [at.num_films for at in curve] == [2, 4]
    assert [len(films) for films in seen] == [2, 2, 2, 4, 4, 4]
    assert len(seen) == tuningcurve.num_trainings(6)
    for at in curve:
        assert (at.tuned < at.habit).all()
        low, high = at.gain_interval
        assert 0 < low < (at.habit - at.tuned).mean() < high


def test_plan_says_how_long_it_takes_and_what_it_found(clinic_of_six, capsys):
    found, records, _ = clinic_of_six
    command._plan_tuning(None, SimpleNamespace(card=CARD), found, records)
    said = capsys.readouterr().out
    assert said.startswith("fine-tuning: 6 trainings, about 0 minutes here; --no-tuning")
    assert "with 4 films: the gain is more than chance" in said
    assert "ten more films, fine-tuned: about" in said


def test_interval_of_a_mean_is_student_s():
    low, high = mean_interval(np.array([1.0, 2.0, 3.0, np.nan]))
    np.testing.assert_allclose([low, high], [2 - 2.484138, 2 + 2.484138], atol=1e-5)  # t(0.975, 2) = 4.302653
    assert np.isnan(mean_interval(np.array([1.0]))).all()
