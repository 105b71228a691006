"""Cervical stages from a film or its cervical region: a classifier, scored by the log loss of its probabilities."""

import logging
from dataclasses import replace
from typing import ClassVar

import numpy as np
import torch

from landmarks import draw
from landmarks.cervical import STAGES
from landmarks.config import Config
from landmarks.data.loading import Sample
from landmarks.formats.records import DataError, RecordSet
from landmarks.metrics import format_figure
from landmarks.models.build import build_classifier
from landmarks.models.classifier import Classifier
from landmarks.models.hrnet import HRNet
from landmarks.settings import SettingError
from landmarks.stage_metrics import first, stage_figures
from landmarks.stage_prediction import StagePrediction
from landmarks.tasks.cvm.loss import stage_losses
from landmarks.tasks.cvm.targets import StageTarget, StageTargets
from landmarks.tasks.task import Judgement, Score

log = logging.getLogger(__name__)

# A region is a third of a film's height: a cache of less than this times the input's size keeps too few of its pixels.
_LEAST_CACHE_SCALE = 2.5

_LINE = {"accuracy": "accuracy", "within one": "within_one", "kappa": "kappa_quadratic"}


def known_stages(predictions: StagePrediction, records: RecordSet) -> tuple[np.ndarray, np.ndarray]:
    """True stages [M] and probabilities [M, 6] of the films that have both."""
    stages = np.array([record.cvm_stage or 0 for record in records.records])
    probabilities = predictions.probabilities()
    known = (stages > 0) & np.isfinite(probabilities).all(axis=1)
    return stages[known], probabilities[known]


class StageTask:
    """See `landmarks.tasks.task.Task`.

    Args:
        symbols: the landmarks of the data, by which the region is cut out.
        counts: training images of each stage, [6].
    """

    name = "cvm"
    # the score that knows how sure the network is: of 91 films the accuracy moves in steps of a percent
    score: ClassVar = Score(name="log loss")

    def __init__(self, config: Config, symbols: tuple[str, ...], counts: tuple[int, ...]) -> None:
        self._config, self.symbols, self.counts = config, symbols, counts
        self.targets = StageTargets(config.cvm, symbols, self._class_weights())

    @classmethod
    def from_records(cls, config: Config, records: RecordSet) -> "StageTask":
        """Raises: SettingError where the region's pixels would not be there."""
        if config.cvm.region == "cervical" and config.data.cache_scale < _LEAST_CACHE_SCALE:
            raise SettingError(
                f"data.cache_scale: found {config.data.cache_scale:g}; write 4: cvm.region=cervical shows a third of a film"
            )
        stages = [record.cvm_stage for record in records.records]
        return cls(config, records.landmarks.symbols, tuple(stages.count(k + 1) for k in range(len(STAGES))))

    @classmethod
    def from_settings(cls, config: Config) -> "StageTask":
        return cls(config, (), (1,) * len(STAGES))

    @classmethod
    def from_dict(cls, config: Config, saved: dict) -> "StageTask":
        if tuple(saved["stages"]) != STAGES:
            raise ValueError(f"stages {', '.join(saved['stages'])}")
        return cls(config, tuple(saved["symbols"]), tuple(int(n) for n in saved["counts"]))

    def check(self, train: RecordSet, valid: RecordSet) -> None:
        for split, records in (("train_split", train), ("val_split", valid)):
            if not any(record.cvm_stage for record in records.records):
                raise DataError(f"data.{split}: no image has a cervical stage; name another split or data set")
        without = sum(record.cvm_stage is None for record in train.records)
        if without:
            log.warning(f"{without} of {len(train.records)} training images have no cervical stage and are not trained on")
        never = [stage for stage, num in zip(STAGES, self.counts, strict=True) if not num]
        if never:
            log.warning(f"no training image has {', '.join(never)}: the model will not find them")

    def describe(self) -> str:
        numbers = ", ".join(f"{stage} {num}" for stage, num in zip(STAGES, self.counts, strict=True))
        return f"cervical stages ({self._config.cvm.region}); training images: {numbers}"

    def to_dict(self) -> dict:
        return {"stages": list(STAGES), "symbols": list(self.symbols), "counts": list(self.counts)}

    def difference(self, saved: dict) -> str:
        return "" if tuple(saved["stages"]) == STAGES else f"trained on the stages {', '.join(saved['stages'])}"

    def build_network(self, *, pretrained: bool, recompute: str) -> Classifier | HRNet:
        model, settings = self._config.model, self._config.cvm
        return build_classifier(
            model if pretrained else replace(model, pretrained=False),
            len(STAGES),
            dropout=settings.dropout,
            drop_path=settings.drop_path,
            standardise=settings.standardise,
            recompute=recompute,
        )

    def init_network(self, network: Classifier | HRNet, weights: dict[str, torch.Tensor], saved: dict) -> str:
        """Takes over every tensor of the same name and shape; a landmark model gives its backbone."""
        own = network.state_dict()
        fits = {key: value for key, value in weights.items() if key in own and own[key].shape == value.shape}
        if not any(key.startswith("backbone.") for key in fits):
            raise ValueError("none of its weights fit this backbone; set model.backbone as it was trained")
        network.load_state_dict({**own, **fits})
        return f"loaded {len(fits)} of {len(own)} tensors"

    def weight_sum(self, target: StageTarget) -> float:
        return float(target.weight.sum())

    def loss_sum(self, outputs: torch.Tensor, target: StageTarget) -> torch.Tensor:
        return (stage_losses(outputs, target.probabilities, self._config.cvm) * target.weight).sum()

    def unknown(self, num: int) -> StagePrediction:
        return StagePrediction.unknown(num)

    def predict(self, outputs: torch.Tensor, to_source: torch.Tensor) -> StagePrediction:
        return StagePrediction(scores=outputs.double().cpu().numpy())

    def judge(self, predictions: StagePrediction, records: RecordSet) -> Judgement:
        stages, probabilities = known_stages(predictions, records)
        if not len(stages):
            return Judgement(score=None, unit="", figures={})
        figures = stage_figures(stages, probabilities)
        values = first(figures)
        found = zip(STAGES, figures.by_stage["sensitivity"][0], strict=True)
        line = ", ".join(f"{name} {format_figure(values[key], 3)}" for name, key in _LINE.items())
        return Judgement(
            score=values["log_loss"],
            unit="",
            figures=values,
            parts={stage: float(share) for stage, share in found if np.isfinite(share)},
            line=line,
        )

    def pictures(
        self, sample: Sample, outputs: torch.Tensor, predictions: StagePrediction, records: RecordSet
    ) -> dict[str, np.ndarray]:
        """What the network saw, with the true stage and the found one."""
        record, found = records.records[sample.index], predictions.probabilities()[sample.index]
        title = f"{record.image_id}: found {STAGES[int(found.argmax())]} {found.max():.2f}, true {record.cvm_stage}"
        nothing = np.empty((0, 2))
        return {"stage": draw.overlay(sample.image[0].numpy(), nothing, long_side=500, title=title)}

    def _class_weights(self) -> np.ndarray:
        settings = self._config.cvm
        weights = np.array([settings.weights.get(stage, 1.0) for stage in STAGES])
        counts = np.array(self.counts, dtype=float)
        if settings.balanced:
            weights = weights * counts.sum() / (np.count_nonzero(counts) * np.maximum(counts, 1))
        return weights
