"""Predicted stages of a split against the true ones: figures with intervals over patients, calibration, sets."""

import math
from dataclasses import dataclass

import numpy as np

from landmarks.cervical import STAGES
from landmarks.formats.records import DataError, RecordSet
from landmarks.inference.stage_calibration import StageCalibration, prediction_set
from landmarks.stage_metrics import NUM_BINS, bins_of, stage_figures
from landmarks.stage_prediction import StagePrediction
from landmarks.statistics import LEVEL, MIN_IMAGES, RESAMPLES, interval_pair


@dataclass(frozen=True, kw_only=True, slots=True)
class StageProtocol:
    """What the figures rest on."""

    format: str
    root: str
    split: str
    region: str
    landmarks: str
    """Model whose points cut out the region; empty: annotated points, or the whole image."""
    image_size: tuple[int, int]
    tta: tuple[str, ...]
    """Views that were averaged; empty: none."""
    temperature: float
    labels: str
    num_images: int
    num_without_stage: int
    intervals: str = "95 %, percentile bootstrap over images"


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    value: float
    interval: list[float] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Bin:
    """Films whose confidence lies in one bin."""

    num: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, kw_only=True, slots=True)
class SetFigures:
    """Prediction sets of the model's calibration, on these films."""

    promised: float
    coverage: Figure
    mean_size: float
    sizes: tuple[int, ...]
    """Number of films by the size of their set, 1 to 6."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StageResults:
    """All that files and report say."""

    protocol: StageProtocol
    overall: dict[str, Figure]
    by_stage: dict[str, dict[str, Figure]]
    """By stage, then by name."""
    confusion: np.ndarray
    """int [6, 6], films by true and found stage."""
    bins: tuple[Bin, ...]
    sets: SetFigures | None
    records: RecordSet
    probabilities: np.ndarray
    """[N, 6], calibrated where the model is; NaN where a film could not be read."""
    scores: np.ndarray
    """[N, 6], before temperature and softmax."""
    checkpoint: str = ""


def judge_stages(
    records: RecordSet,
    prediction: StagePrediction,
    protocol: StageProtocol,
    calibration: StageCalibration | None = None,
    *,
    checkpoint: str = "",
) -> StageResults:
    """Judges the films that have a stage. Raises: DataError where none has."""
    stages, known = true_stages(records, prediction)
    if not known.any():
        raise DataError(f"{protocol.root}: no image of split '{protocol.split}' has a cervical stage")
    probabilities = prediction.probabilities(protocol.temperature)
    true, seen = stages[known], probabilities[known]
    figures = stage_figures(true, seen)
    weights = patient_weights(len(true))
    drawn = None if weights is None else stage_figures(true, seen, weights)
    by_stage = {
        stage: {
            name: _figure(values[0, k], None if drawn is None else drawn.by_stage[name][:, k])
            for name, values in figures.by_stage.items()
        }
        for k, stage in enumerate(STAGES)
    }
    return StageResults(
        protocol=protocol,
        overall={n: _figure(v[0], None if drawn is None else drawn.overall[n]) for n, v in figures.overall.items()},
        by_stage=by_stage,
        confusion=figures.confusion[0].astype(int),
        bins=_bins(true, seen),
        sets=None if calibration is None else _set_figures(true, seen, calibration),
        records=records,
        probabilities=probabilities,
        scores=prediction.scores,
        checkpoint=checkpoint,
    )


# Numbers of one array of the bootstrap: of many films fewer resamples are drawn.
_MOST_DRAWN, _LEAST_RESAMPLES = 1_000_000, 200


def patient_weights(num: int) -> np.ndarray | None:
    """How often each film is drawn in each resample [R, N]; None where there are too few films for an interval."""
    if num < MIN_IMAGES:
        return None
    resamples = int(np.clip(_MOST_DRAWN // num, _LEAST_RESAMPLES, RESAMPLES))
    return np.random.default_rng([0, num]).multinomial(num, np.full(num, 1 / num), size=resamples).astype(float)


def true_stages(records: RecordSet, prediction: StagePrediction) -> tuple[np.ndarray, np.ndarray]:
    """Stages [N], 0 where unknown, and which films [N] have one and a prediction."""
    stages = np.array([record.cvm_stage or 0 for record in records.records])
    return stages, (stages > 0) & np.isfinite(prediction.scores).all(axis=1)


def _figure(value: float, drawn: np.ndarray | None) -> Figure:
    """A figure with its percentile interval; resamples in which it does not exist are left out."""
    if drawn is None or not np.isfinite(value) or not np.isfinite(drawn).any():
        return Figure(value=float(value), interval=None)
    limits = np.nanquantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Figure(value=float(value), interval=interval_pair(limits))


def _bins(stages: np.ndarray, probabilities: np.ndarray) -> tuple[Bin, ...]:
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == stages - 1
    bins = bins_of(confidence)
    parts = [(bins == b) for b in range(NUM_BINS)]
    return tuple(
        Bin(
            num=int(part.sum()),
            confidence=float(confidence[part].mean()) if part.any() else math.nan,
            accuracy=float(correct[part].mean()) if part.any() else math.nan,
        )
        for part in parts
    )


def _set_figures(stages: np.ndarray, probabilities: np.ndarray, calibration: StageCalibration) -> SetFigures:
    held = prediction_set(probabilities, calibration.threshold)
    covered, sizes = held[np.arange(len(stages)), stages - 1].astype(float), held.sum(axis=1)
    weights = patient_weights(len(stages))
    drawn = None if weights is None else weights @ covered / len(stages)
    return SetFigures(
        promised=calibration.coverage,
        coverage=_figure(float(covered.mean()), drawn),
        mean_size=float(sizes.mean()),
        sizes=tuple(int((sizes == n).sum()) for n in range(1, len(STAGES) + 1)),
    )
