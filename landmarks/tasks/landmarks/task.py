"""Landmarks as heatmaps: HRNet, Adaptive Wing against unrounded Gaussians, scored by the mean radial error (MRE)."""

import logging
from dataclasses import replace
from typing import ClassVar

import numpy as np
import torch

from landmarks import draw
from landmarks.config import Config
from landmarks.data.loading import Sample
from landmarks.data.sets import usual_landmarks
from landmarks.data.targets import PointTarget, PointTargets
from landmarks.formats.records import DataError, RecordSet
from landmarks.further import Further
from landmarks.geometry import apply_map, input_to_heatmap, invert
from landmarks.habit import Habit
from landmarks.metrics import format_figure, radial_errors, summarise
from landmarks.models.build import build_model
from landmarks.models.hrnet import HRNet
from landmarks.prediction import Prediction, predict_points
from landmarks.schema import LandmarkSet, landmarks_from_dict, landmarks_to_dict
from landmarks.shape import ShapeModel, fit_shape, shape_from_dict, shape_to_dict
from landmarks.tasks.landmarks.heatmap import decode_to_numpy
from landmarks.tasks.landmarks.loss import heatmap_loss_sum
from landmarks.tasks.landmarks.start import start_from
from landmarks.tasks.landmarks.weights import landmark_weights
from landmarks.tasks.task import Judgement, Score

log = logging.getLogger(__name__)


class LandmarkTask:
    """See `landmarks.tasks.task.Task`. Shapes: B images, K landmarks.

    Raises: ValueError where a weight names a landmark that the set lacks.
    """

    name = "landmarks"
    score: ClassVar = Score(name="MRE")

    def __init__(
        self,
        config: Config,
        landmarks: LandmarkSet,
        shape: ShapeModel | None = None,
        habit: Habit | None = None,
        further: Further | None = None,
    ) -> None:
        self.landmarks, self.shape, self.habit, self.further = landmarks, shape, habit, further
        self._model, self._loss, self._sigma = config.model, config.loss, config.heatmap.sigma
        weights = landmark_weights(config.loss, landmarks)
        self.targets = PointTargets(weights.numpy())
        # landmarks of weight 0 need no maps in training: that saves their part of the head and of the loss
        self._trained = None if weights.all() else weights.nonzero()[:, 0].tolist()

    @classmethod
    def from_records(cls, config: Config, records: RecordSet) -> "LandmarkTask":
        if not len(records.landmarks):
            raise DataError("data.format: this set has no landmarks; write model.task=cvm to learn its cervical stages")
        points_px = np.stack([record.points_px for record in records.records])
        sizes = np.array([record.pixel_size or (np.nan, np.nan) for record in records.records], dtype=float)
        return cls(config, records.landmarks, fit_shape(points_px, records.landmarks.symbols, sizes))

    @classmethod
    def from_settings(cls, config: Config) -> "LandmarkTask":
        """With Aariz's landmarks where the format does not fix them."""
        loss = replace(config.loss, weights={}, preset="none")
        return cls(replace(config, loss=loss), usual_landmarks(config.data))

    @classmethod
    def from_dict(cls, config: Config, saved: dict) -> "LandmarkTask":
        shape = shape_from_dict(saved["shape"]) if saved.get("shape") else None
        habit = Habit.from_dict(saved["habit"]) if saved.get("habit") else None
        further = Further.from_dict(saved["further"]) if saved.get("further") else None
        return cls(config, landmarks_from_dict(saved["landmarks"]), shape, habit, further)

    def check(self, train: RecordSet, valid: RecordSet) -> None:
        annotated = np.any([record.visible for record in train.records], axis=0)
        if not annotated.any():
            raise DataError("data.train_split: no image has an annotated landmark; there is nothing to train on")
        if not any(record.visible.any() for record in valid.records):
            raise DataError(
                "data.val_split: no image has an annotated landmark, so no best checkpoint can be chosen; "
                "annotate some, or name another split"
            )
        never = [symbol for symbol, known in zip(self.landmarks.symbols, annotated, strict=True) if not known]
        if never:
            log.warning(
                f"no training image has {', '.join(never)}: what the model finds for them will mean nothing; "
                "name the others in data.landmarks"
            )

    def to_dict(self) -> dict:
        shape = None if self.shape is None else shape_to_dict(self.shape)
        habit = None if self.habit is None else self.habit.to_dict()
        further = None if self.further is None else self.further.to_dict()
        return {"landmarks": landmarks_to_dict(self.landmarks), "shape": shape, "habit": habit, "further": further}

    def describe(self) -> str:
        further = f"; placed by these: {', '.join(self.further.landmarks.symbols)}" if self.further else ""
        return f"landmarks: {', '.join(self.landmarks.symbols)}{further}"

    def difference(self, saved: dict) -> str:
        found, own = saved["landmarks"]["symbols"], self.landmarks.symbols
        if tuple(found) == own:
            return ""
        return f"trained on the landmarks {', '.join(found)}; the data has {', '.join(own)}"

    def build_network(self, *, pretrained: bool, recompute: str) -> HRNet:
        settings = self._model if pretrained else replace(self._model, pretrained=False)
        network = build_model(settings, len(self.landmarks), recompute=recompute)
        if self._trained is not None:
            network.train_only(self._trained)
        return network

    def init_network(self, network: HRNet, weights: dict[str, torch.Tensor], saved: dict) -> str:
        return start_from(network, self.landmarks, weights, landmarks_from_dict(saved["landmarks"]))

    def weight_sum(self, target: PointTarget) -> float:
        return float(target.weights.sum())

    def loss_sum(self, outputs: torch.Tensor, target: PointTarget) -> torch.Tensor:
        points_hm, weights_BK = input_to_heatmap(target.points_in), target.weights
        if self._trained is not None:
            points_hm, weights_BK = points_hm[:, self._trained], weights_BK[:, self._trained]
        total = heatmap_loss_sum(outputs, points_hm, weights_BK, self._sigma, self._loss)
        # as sums over pixels, gradients of FP16 activations would overflow at any usable loss scale
        return total / outputs[0, 0].numel()

    def unknown(self, num: int) -> Prediction:
        return Prediction.unknown(num, len(self.landmarks))

    def predict(self, outputs: torch.Tensor, to_source: torch.Tensor) -> Prediction:
        return predict_points([decode_to_numpy(outputs, self._sigma)], to_source.numpy(), self._sigma)

    def judge(self, predictions: Prediction, records: RecordSet) -> Judgement:
        true_px = np.stack([record.points_px for record in records.records])
        sizes = np.array([record.pixel_size or (np.nan, np.nan) for record in records.records], dtype=float)
        errors = radial_errors(predictions.points_px, true_px, sizes)
        figures = summarise(*errors)
        values = {"mre_mm": figures.mre_mm, "mre_px": figures.mre_px, "peak": float(np.nanmean(predictions.peaks))}
        values |= {f"sdr_{radius}": share for radius, share in figures.sdr.items()}
        for name in self.landmarks.groups:
            values[f"mre_mm_{name}"] = summarise(*self._columns(errors, self.landmarks.members(name))).mre_mm
        by_set = _by_dataset(errors, records)
        values |= {f"mre_mm_{name}": mre_mm for name, mre_mm in by_set.items()}
        told = [f"SDR2 {format_figure(figures.sdr[2.0], 1)} %", *(f"{n} {format_figure(v, 3)} mm" for n, v in by_set.items())]
        score, unit = figures.mre
        return Judgement(
            score=score,
            unit=unit,
            figures=values,
            parts={s: summarise(*self._columns(errors, (s,))).mre[0] for s in self.landmarks.symbols},
            line=", ".join(told),
        )

    def pictures(
        self, sample: Sample, outputs: torch.Tensor, predictions: Prediction, records: RecordSet
    ) -> dict[str, np.ndarray]:
        """True and found points, and the heatmaps."""
        image, record = sample.image[0].numpy(), records.records[sample.index]
        to_input = invert(sample.to_source.numpy())
        found, true = apply_map(to_input, predictions.points_px[sample.index]), apply_map(to_input, record.points_px)
        return {
            "points": draw.overlay(image, found, true, long_side=800, title=record.image_id),
            "heatmaps": draw.heatmap_overlay(image, outputs.cpu().numpy()),
        }

    def _columns(self, errors: tuple[np.ndarray, np.ndarray], symbols: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        chosen = [self.landmarks.index(symbol) for symbol in symbols]
        return errors[0][:, chosen], errors[1][:, chosen]


def _by_dataset(errors: tuple[np.ndarray, np.ndarray], records: RecordSet) -> dict[str, float | None]:
    """MRE in mm of each data set, where several are used together."""
    names = np.array([record.dataset for record in records.records])
    several = dict.fromkeys(names.tolist())
    if len(several) < 2:
        return {}
    return {name: summarise(errors[0][names == name], errors[1][names == name]).mre_mm for name in several}
