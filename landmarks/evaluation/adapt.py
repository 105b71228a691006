"""Adapting a model to a clinic: its readers' habit and its own landmarks, judged by leaving each film out."""

import logging
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from landmarks.checkpointfile import read_checkpoint, write_checkpoint
from landmarks.evaluation.calibration import calibrate
from landmarks.evaluation.evaluate import Evaluation, evaluate_prediction, true_points, unit_errors
from landmarks.formats.records import DataError, RecordSet
from landmarks.further import LEAST_FILMS, Further, fit_further, place_further
from landmarks.habit import Habit, fit_habit, with_habit
from landmarks.inference.card import ModelCard
from landmarks.inference.export import onnx_bytes, sealed_graph, write_whole
from landmarks.inference.from_onnx import load_onnx
from landmarks.inference.network import TorchNetwork
from landmarks.inference.onnx import card_metadata
from landmarks.inference.predictor import Predictor
from landmarks.metrics import known_mean
from landmarks.models.fold import fold_norms
from landmarks.prediction import Prediction
from landmarks.shape import ENOUGH_LANDMARKS, ShapeModel

log = logging.getLogger(__name__)

_DRAWS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Adapted:
    """A habit, and the error of each film with the habit of all others."""

    habit: Habit | None
    """None where it does not help."""
    before: np.ndarray
    """[N] mean error of each film without a habit."""
    after: np.ndarray
    unit: str
    """mm, or px where no film has a pixel size."""
    evaluation: Evaluation
    """Of points that the other films' habit moved; radii are made of it."""

    further: Further | None = None
    """The clinic's landmarks that the model does not know."""

    @property
    def helps(self) -> bool:
        return float(np.nanmean(self.after)) < float(np.nanmean(self.before))

    def without_habit(self, records: RecordSet, found: Prediction) -> "Adapted":
        """The same films as the model alone finds them."""
        return replace(self, habit=None, after=self.before, evaluation=evaluate_prediction(records, found))


def adapt(predictor: Predictor, records: RecordSet) -> Adapted:
    """The habit of the readers of these films.

    Raises: DataError where there are too few films or no common landmark, or the model has no shape model.
    """
    records = common_films(predictor, records)
    return judge_habit(predictor.card.shape, predict_films(predictor, records), records)


def judge_habit(shape: ShapeModel, found: Prediction, records: RecordSet) -> Adapted:
    """The habit of the readers of N films, and each film with the habit of all others.

    Args:
        shape: of the model.
        found: what the model found in these films.
    """
    symbols, true_px, films = records.landmarks.symbols, true_points(records), np.arange(len(found))
    moved = Prediction.unknown(len(found), len(symbols))
    for film in films:
        others = films[films != film]
        habit = fit_habit(shape, symbols, found.films(others), true_px[others])
        moved.put(np.array([film]), with_habit(habit, shape, symbols, found.films([film])), np.ones(1, bool))
    plain, evaluation = evaluate_prediction(records, found), evaluate_prediction(records, moved)
    errors, unit = unit_errors(plain)
    return Adapted(
        habit=fit_habit(shape, symbols, found, true_px),
        before=known_mean(errors, axis=1),
        after=known_mean(unit_errors(evaluation)[0], axis=1),
        unit=unit,
        evaluation=evaluation,
    )


def judge_further(
    shape: ShapeModel, symbols: tuple[str, ...], found: Prediction, records: RecordSet
) -> tuple[Further, np.ndarray, str]:
    """The landmarks that a model does not know, each film's judged as all other films place them.

    Args:
        symbols: of the K landmarks of the model.
        found: what it found of them in these films.
        records: the same films, with the M others, as `further_films` selects them.
    Returns: them, their errors [N, M], and the unit of these.
    """
    new, true_px, films = records.landmarks, true_points(records), np.arange(len(found))
    placed = Prediction.unknown(len(found), len(new))
    for film in films:
        others = films[films != film]
        further = fit_further(shape, symbols, found.films(others), new, true_px[others])
        placed.put(np.array([film]), place_further(further, shape, symbols, found.films([film])), np.ones(1, bool))
    return fit_further(shape, symbols, found, new, true_px), *unit_errors(evaluate_prediction(records, placed))


def learning_curve(shape: ShapeModel, found: Prediction, records: RecordSet, *, seed: int = 0) -> dict[int, float]:
    """Mean error of films with the habit of n others, by n (0: without a habit); the mean over drawn subsets.

    Args:
        found: what the model found in these films, for the landmarks of `records`.
    """
    symbols, true_px = records.landmarks.symbols, true_points(records)
    rng, num = np.random.default_rng(seed), len(found)
    curve = {0: float(np.nanmean(unit_errors(evaluate_prediction(records, found))[0]))}
    for size in sorted({n for n in (1, 2, 3, 5, 7, 10, 15, 20, 30) if n < num} | {num - 1}):
        errors = []
        for _ in range(_DRAWS):
            order = rng.permutation(num)
            habit = fit_habit(shape, symbols, found.films(order[:size]), true_px[order[:size]])
            rest = order[size:]
            tested = RecordSet(landmarks=records.landmarks, records=tuple(records.records[i] for i in rest))
            moved = with_habit(habit, shape, symbols, found.films(rest))
            errors.append(np.nanmean(unit_errors(evaluate_prediction(tested, moved))[0]))
        curve[size] = float(np.mean(errors))
    return curve


def forecast(curve: dict[int, float], more: int) -> float:
    """Error expected with `more` further films: a + b / n through the last four sizes of a learning curve, never a rise."""
    sizes = np.array([n for n in curve if n > 0][-4:], dtype=float)
    now = curve[max(curve)]
    if len(sizes) < 2:
        return now
    slope, floor = np.polyfit(1 / sizes, [curve[int(n)] for n in sizes], 1)
    return float(min(now, floor + max(slope, 0.0) / (sizes.max() + more)))


def write_adapted(base: Path, output: Path, made: Adapted, weights: dict[str, torch.Tensor] | None = None) -> Path:
    """The base checkpoint with what was learned, and with other weights where there are any: checkpoints/best.pt of a folder.

    Raises: CheckpointError; OSError.
    """
    content = read_checkpoint(base)
    learned = {"habit": made.habit, "further": made.further}
    content["task"] = content["task"] | {name: part and part.to_dict() for name, part in learned.items()}
    if weights is not None:
        content |= {"model": weights, "ema": None}
    path = output / "checkpoints" / "best.pt"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_checkpoint(path, content)
    return path


def write_adapted_onnx(
    base: Path,
    output: Path,
    card: ModelCard,
    made: Adapted,
    coverage: float,
    weights: dict[str, torch.Tensor] | None = None,
) -> Path:
    """The base model with what was learned, and with other weights where there are any, as <name of the folder>.onnx.

    It has radii of these films where they are enough.

    Raises: ModelFileError where `onnx` is not installed; OSError.
    """
    radii = calibrate(made.evaluation, coverage, protocol_of(card))
    if radii.infinite:
        log.warning(f"{len(radii.images)} films are too few for error radii of their own: those of the base model stay")
    path = output / f"{output.name}.onnx"
    calibration = card.calibration if radii.infinite else radii
    adapted = replace(card, habit=made.habit, further=made.further, calibration=calibration)
    if weights is None:
        content = sealed_graph(base.read_bytes(), card_metadata(adapted), half=False)
    else:
        model = load_onnx(base).model
        model.load_state_dict(weights)
        content = onnx_bytes(TorchNetwork(fold_norms(model), adapted, device=torch.device("cpu")), adapted)
    write_whole(path, content)
    return path


def protocol_of(card: ModelCard) -> dict:
    """How the films were predicted that an adapted model's radii are made of."""
    return {"split": "films of a clinic, each by the habit of the others", "image_size": list(card.image_size), "tta": False}


def common_films(predictor: Predictor, records: RecordSet) -> RecordSet:
    """The films with the landmarks that the model has too.

    Raises: DataError where that is too little to adapt to, or the model cannot be adapted.
    """
    symbols = predictor.landmarks.common_with(records.landmarks)
    if predictor.card.shape is None:
        raise DataError("the base model has no shape model (it was trained on fewer than 30 films); train it on more")
    if predictor.card.habit is not None or predictor.card.further is not None:
        raise DataError("the base model is adapted already; adapt the model that it comes from")
    if len(predictor.card.shape.select(symbols).symbols) < ENOUGH_LANDMARKS:
        least = f"{ENOUGH_LANDMARKS} or more are needed"
        raise DataError(f"the films and the model share {len(symbols)} landmarks; {least}")
    if len(records.records) < LEAST_FILMS:
        raise DataError(f"found {len(records.records)} films; adapting needs {LEAST_FILMS} or more")
    return records.select(symbols)


def further_films(predictor: Predictor, records: RecordSet) -> RecordSet | None:
    """The films with the landmarks that the model does not know; None where no landmark is annotated in enough films."""
    new = [symbol for symbol in records.landmarks.symbols if symbol not in predictor.landmarks.symbols]
    counts = {s: sum(bool(r.visible[records.landmarks.index(s)]) for r in records.records) for s in new}
    if few := [f"{symbol} ({num})" for symbol, num in counts.items() if num < LEAST_FILMS]:
        least = f"annotated in fewer than {LEAST_FILMS} films"
        log.warning(f"left out, as the model does not know them and they are {least}: {', '.join(few)}")
    kept = tuple(symbol for symbol in new if counts[symbol] >= LEAST_FILMS)
    return records.select(kept) if kept else None


def predict_films(predictor: Predictor, records: RecordSet) -> Prediction:
    """What a model finds in films, for their landmarks, all of which it knows."""
    whole = predict_all(predictor, records)
    return whole.select([predictor.landmarks.index(symbol) for symbol in records.landmarks.symbols])


def predict_all(predictor: Predictor, records: RecordSet) -> Prediction:
    """What a model finds in films, for all of its landmarks."""
    whole = Prediction.unknown(len(records.records), len(predictor.landmarks))
    for film, record in enumerate(tqdm(records.records, desc="films", file=sys.stderr, mininterval=0.5, leave=False)):
        found = predictor(record.image_path)
        if np.isnan(found.points_px).all():  # a film that a reader has corrected is a cephalogram, whatever the model says
            found = predictor(record.image_path, as_it_is=True)
        whole.put(np.array([film]), found, np.ones(1, bool))
    return whole
