"""What fine-tuning brings by the number of a clinic's films: few trainings, and an honest interval."""

import time
from dataclasses import dataclass

import numpy as np

from landmarks.engine import finetune
from landmarks.engine.finetune import Base, films_of, folds_of, tune
from landmarks.evaluation.adapt import predict_films
from landmarks.evaluation.evaluate import evaluate_prediction, true_points, unit_errors
from landmarks.formats.records import RecordSet
from landmarks.habit import fit_habit, with_habit
from landmarks.inference.network import TorchNetwork
from landmarks.inference.predictor import Predictor
from landmarks.metrics import known_mean
from landmarks.prediction import Prediction
from landmarks.statistics import mean_interval

_TIMED_STEPS = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class TunedWith:
    """Mean error of each film [N] by what so many other films have taught."""

    num_films: int
    habit: np.ndarray
    """With their habit alone."""
    tuned: np.ndarray
    """With their habit, by a network fine-tuned to them as well."""

    @property
    def gain_interval(self) -> tuple[float, float]:
        """95 % interval of how much lower fine-tuning makes the error, over films; NaN below two of them."""
        return mean_interval(self.habit - self.tuned)


def num_trainings(num: int) -> int:
    """Trainings that the curve of this many films takes."""
    parts = folds_of(num).max() + 1
    return int(parts * min(2, parts - 1))


def seconds_of_training(base: Base, predictor: Predictor, found: Prediction, records: RecordSet) -> float:
    """About how long one training takes here, by its first steps."""
    start = time.perf_counter()
    tune(base, predictor.card.shape, found, records, seed=0, steps=_TIMED_STEPS)
    return (time.perf_counter() - start) / _TIMED_STEPS * finetune.STEPS


def tuning_curve(base: Base, predictor: Predictor, found: Prediction, records: RecordSet) -> list[TunedWith]:
    """Errors with a third and with two thirds of the films; each film is judged by trainings that have not seen it.

    Args:
        predictor: the base model.
        found: what it found in these films.
        records: the films, with landmarks that the model knows.
    Raises: ValueError where a film cannot be read; TrainingError.
    """
    fold = folds_of(len(found))
    parts = fold.max() + 1
    curve = []
    for taken in range(1, min(3, parts)):
        errors = np.full((parts, 2, len(found)), np.nan)
        for k in range(parts):
            learn = np.isin(fold, (k + np.arange(taken)) % parts)
            errors[k][:, ~learn] = _errors(base, predictor, found, records, learn, seed=k)
        habit, tuned = np.nanmean(errors, axis=0)
        curve.append(TunedWith(num_films=round(len(found) * taken / parts), habit=habit, tuned=tuned))
    return curve


def _errors(
    base: Base, predictor: Predictor, found: Prediction, records: RecordSet, learn: np.ndarray, *, seed: int
) -> np.ndarray:
    """Mean errors [2, films that are not `learn`], with the habit alone and fine-tuned too."""
    shape, symbols = predictor.card.shape, records.landmarks.symbols
    others, rest = np.flatnonzero(learn), np.flatnonzero(~learn)
    habit = fit_habit(shape, symbols, found.films(others), true_points(records)[others])
    network = tune(base, shape, found.films(others), films_of(records, others), seed=seed)
    tuned = Predictor(TorchNetwork(network, predictor.card, device=next(network.parameters()).device))
    tested = films_of(records, rest)
    both = (found.films(rest), predict_films(tuned, tested))
    moved = [evaluate_prediction(tested, with_habit(habit, shape, symbols, part)) for part in both]
    return np.stack([known_mean(unit_errors(part)[0], axis=1) for part in moved])
