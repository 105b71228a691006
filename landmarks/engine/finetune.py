"""Fine-tuning to the films of a clinic: few steps at a low rate, norms frozen, films of the first training mixed in.

The network learns how these films look; where their readers put the points is left to the habit (`landmarks.habit`).
"""

import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import default_collate
from tqdm import tqdm

from landmarks.config import Config
from landmarks.data.loading import CephalogramDataset, Sample, open_samples
from landmarks.data.sets import read_split
from landmarks.engine.learner import make_learner
from landmarks.engine.network import set_up, settle_precision, start_training_mode
from landmarks.engine.step import train_window
from landmarks.engine.stopping import TrainingError
from landmarks.evaluation.adapt import Adapted, judge_habit, predict_films
from landmarks.evaluation.evaluate import true_points
from landmarks.formats.records import DataError, RecordSet
from landmarks.habit import Habit, fit_habit, with_habit
from landmarks.inference.from_onnx import load_onnx
from landmarks.inference.network import TorchNetwork
from landmarks.inference.predictor import Predictor
from landmarks.prediction import Prediction
from landmarks.schema import LandmarkSet
from landmarks.shape import ShapeModel
from landmarks.tasks.saved import load_model
from landmarks.tasks.task import Network, Task
from landmarks.trainconfig import TrainConfig

log = logging.getLogger(__name__)

# Chosen in docs/results/robustness.md; the time is that of (_FOLDS + 1) * STEPS steps whatever the number of films.
STEPS, _BATCH, _RATE = 30, 4, 5e-4
_FOLDS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Base:
    """The model that is adapted."""

    weights: dict[str, torch.Tensor]
    config: Config
    """Of its training."""
    task: Task
    old: RecordSet | None
    """The films that it was trained on, where they are at hand."""


def open_base(path: Path) -> Base:
    """A checkpoint, or an exported ONNX file. Raises: CheckpointError, ModelFileError."""
    loaded = load_onnx(path) if path.suffix.lower() == ".onnx" else load_model(path)
    data = replace(loaded.config.data, exclude="")
    try:
        old = read_split(data, data.train_split, seed=loaded.config.train.seed)
    except DataError as error:
        log.info(f"fine-tuning without films of the first training: {error}")
        old = None
    return Base(weights=weights_of(loaded.model), config=loaded.config, task=loaded.task, old=old)


def judge_tuning(base: Base, predictor: Predictor, found: Prediction, records: RecordSet) -> Adapted:
    """Each film by a network that was tuned on the films of other folds, with the habit of all other films.

    Args:
        predictor: the base model.
        found: what it found in these films.
        records: the films, with landmarks that the model knows.
    Raises: ValueError where a film cannot be read; TrainingError.
    """
    fold = folds_of(len(found))
    tuned = Prediction.unknown(*found.peaks.shape)
    for k in range(fold.max() + 1):
        others, own = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        network = tune(base, predictor.card.shape, found.films(others), films_of(records, others), seed=k)
        seen = Predictor(TorchNetwork(network, predictor.card, device=next(network.parameters()).device))
        tuned.put(own, predict_films(seen, films_of(records, own)), np.ones(len(own), bool))
    return judge_habit(predictor.card.shape, tuned, records)


def folds_of(num: int) -> np.ndarray:
    """The fold of each film [num]."""
    return np.random.default_rng([num, 0xADA]).permutation(num) % min(_FOLDS, num)


def tune(
    base: Base, shape: ShapeModel, found: Prediction, records: RecordSet, *, seed: int, steps: int | None = None
) -> Network:
    """The base network, tuned to these films and ready to predict.

    Args:
        shape: of the base model.
        found: what the base model found in these films.
        steps: STEPS, or fewer to see how long they take.
    """
    steps = steps or STEPS
    new = _in_base_habit(shape, found, records)
    films = [_widened(new, base.task.landmarks)] + ([base.old] if base.old else [])
    every = replace(films[0], records=tuple(record for part in films for record in part.records))
    config = _settings(base)
    device, here = set_up(config)
    config = settle_precision(config, device, None)
    # few films are read, most of them many times: the disk's own cache suffices
    dataset = open_samples(every, config.data, base.task.targets, augment=config.augment, seed=seed)
    learner, _ = make_learner(config, base.task, device, here, num_batches=steps, share=_BATCH)
    learner.model.load_state_dict(base.weights)
    start_training_mode(learner.model, config.train.batch_norm)
    batches = _batches(dataset, len(new.records), seed, steps)
    for batch in tqdm(batches, total=steps, desc="fine-tuning", unit="step", file=sys.stderr, leave=False):
        result = train_window(learner, [batch])
        learner.progress.windows += 1
        if not result.stepped:
            raise TrainingError("fine-tuning: the loss is not finite; adapt without it (--no-tuning)")
    return learner.model.eval()


def _settings(base: Base) -> Config:
    before = base.config.train
    train = TrainConfig(
        epochs=1,
        batch_size=_BATCH,
        lr=_RATE,
        warmup_epochs=0.1,
        batch_norm="frozen",
        ema_epochs=0,
        precision=before.precision,
        device=before.device,
        threads=before.threads,
        channels_last=before.channels_last,
    )
    data = replace(base.config.data, cache="none", workers=0)
    return replace(base.config, train=train, data=data, model=replace(base.config.model, init_from=""), stages=())


def _batches(dataset: CephalogramDataset, num_new: int, seed: int, steps: int) -> Iterator[Sample]:
    """Batches of which half are new films, where there are old ones; every film once before one comes again."""
    rng, num_old = np.random.default_rng([seed, 0x7E]), len(dataset) - num_new
    per_step = _BATCH // 2 if num_old else _BATCH
    news = _shuffled(rng, num_new, steps * per_step)
    olds = num_new + _shuffled(rng, num_old, steps * (_BATCH - per_step))
    for step in range(steps):
        rows = [*news[step * per_step :][:per_step], *olds[step * (_BATCH - per_step) :][: _BATCH - per_step]]
        yield default_collate([dataset[(step * _BATCH + n, int(row))] for n, row in enumerate(rows)])


def _shuffled(rng: np.random.Generator, num: int, length: int) -> np.ndarray:
    rounds = [rng.permutation(num) for _ in range(-(-length // num))] if num else []
    return np.concatenate([*rounds, np.empty(0, int)])[:length]


def _in_base_habit(shape: ShapeModel, found: Prediction, records: RecordSet) -> RecordSet:
    """The films with points where the readers of the base model would have put them: the habit of the new ones taken off."""
    symbols, true_px = records.landmarks.symbols, true_points(records)
    habit = fit_habit(shape, symbols, found, true_px)
    back = Habit(symbols=symbols, offset_mm=-habit.offset_mm, num_films=habit.num_films)
    moved = with_habit(back, shape, symbols, Prediction.of_points(true_px)).points_px
    pairs = zip(records.records, moved, strict=True)
    return replace(records, records=tuple(replace(record, points_px=points, readers={}) for record, points in pairs))


def _widened(records: RecordSet, landmarks: LandmarkSet) -> RecordSet:
    """The films with all landmarks of the model, those that they lack as not annotated."""
    rows, wide = [landmarks.index(symbol) for symbol in records.landmarks.symbols], []
    for record in records.records:
        points_px = np.full((len(landmarks), 2), np.nan)
        points_px[rows] = record.points_px
        wide.append(replace(record, points_px=points_px))
    return replace(records, landmarks=landmarks, records=tuple(wide))


def films_of(records: RecordSet, rows: np.ndarray) -> RecordSet:
    """These films alone."""
    return replace(records, records=tuple(records.records[i] for i in rows))


def weights_of(network: Network) -> dict[str, torch.Tensor]:
    """The weights as a checkpoint holds them."""
    return {name: value.detach().cpu() for name, value in network.state_dict().items()}
