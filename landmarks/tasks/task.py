"""What a network learns: the protocol that engine, checkpoints, planner, benchmarks and commands know.

A task is a small picklable object made from settings and records. `landmarks/` is the first; docs/recipes.md shows how
to add one.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import nn

from landmarks.config import Config
from landmarks.data.loading import Sample
from landmarks.data.targets import Targets
from landmarks.formats.records import RecordSet


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """The one number by which a run chooses its best checkpoint."""

    name: str
    """As the field writes it: MRE, accuracy, kappa."""
    higher_is_better: bool = False

    def is_better(self, value: float | None, than: float | None, by: float = 0.0) -> bool:
        """Whether a value improves on an earlier one by more than `by`; None is no value."""
        if value is None or than is None:
            return value is not None
        return value > than + by if self.higher_is_better else value < than - by


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """Predictions of a split against its truth."""

    score: float | None
    """None where nothing is annotated."""
    unit: str
    """Unit of the score; empty for a plain number."""
    figures: dict[str, float | None]
    """For metrics.jsonl and TensorBoard."""
    parts: dict[str, float | None] = field(default_factory=dict)
    """Score by landmark or class, for TensorBoard alone."""
    line: str = ""
    """Further figures in words, for the line that an epoch prints."""


class Predictions(Protocol):
    """Arrays whose first axis is the image; an image without a prediction has NaN in every row."""

    def put(self, rows: np.ndarray, part: "Predictions", chosen: np.ndarray) -> None:
        """Writes the images of `part` that `chosen` [B] marks into these rows, in place."""

    def merge(self, over_ranks: Callable[[np.ndarray], np.ndarray]) -> "Predictions":
        """The rows of all processes; `over_ranks` merges an array whose rows of other ranks are NaN."""


class Network(Protocol):
    """A `torch.nn.Module`: uint8 [B, 1, H, W] -> one tensor [B, ...]."""

    recompute: str
    """Level of `train.recompute`; may change between steps. A network without recomputation ignores it."""

    def undecayed(self) -> list[nn.Parameter]:
        """Weight matrices that weight decay must not touch; norms and biases are never decayed."""

    def backbone_units(self) -> list[nn.Module]:
        """The parts of the backbone from input to output, which `train.backbone_share` freezes one after the other."""


class Task(Protocol):
    """A network's purpose. `name` is the value of `model.task`."""

    name: str
    score: Score
    targets: Targets
    """What a loader worker makes of a record."""

    @classmethod
    def from_records(cls, config: Config, records: RecordSet) -> "Task":
        """The task on this data. Raises: ValueError where settings and data do not fit each other."""

    @classmethod
    def from_settings(cls, config: Config) -> "Task":
        """The task as far as the settings tell, for a plan or a benchmark without the data."""

    @classmethod
    def from_dict(cls, config: Config, saved: dict) -> "Task":
        """The task of a checkpoint. Raises: KeyError, ValueError where the checkpoint's is not readable."""

    def check(self, train: RecordSet, valid: RecordSet) -> None:
        """Logs what these splits cannot teach. Raises: DataError where nothing can be learned, or nothing judged."""

    def describe(self) -> str:
        """One line for the description of a checkpoint."""

    def to_dict(self) -> dict:
        """What rebuilds the task beside the settings: plain values, such as the names of landmarks or classes."""

    def difference(self, saved: dict) -> str:
        """Why a run of the task `saved` cannot be resumed as this one; empty where it can."""

    def build_network(self, *, pretrained: bool, recompute: str) -> Network:
        """A network ready to train, on the current default device. Raises: ValueError where the settings do not allow it."""

    def init_network(self, network: Network, weights: dict[str, torch.Tensor], saved: dict) -> str:
        """Starts from another run's weights; `saved` is its task's dict.

        Returns: what was loaded and what was not. Raises: ValueError where nothing fits.
        """

    def weight_sum(self, target: NamedTuple) -> float:
        """Sum of a batch's loss weights, on the CPU: the device is not waited for."""

    def loss_sum(self, outputs: torch.Tensor, target: NamedTuple) -> torch.Tensor:
        """Weighted sum of a batch's losses, 0-dim float32; the step divides it by the weights of the whole window."""

    def unknown(self, num: int) -> Predictions:
        """Predictions of `num` images, all NaN."""

    def predict(self, outputs: torch.Tensor, to_source: torch.Tensor) -> Predictions:
        """Float32 outputs of B images and maps input px -> source px [B, 2, 3] -> their predictions."""

    def judge(self, predictions: Predictions, records: RecordSet) -> Judgement:
        """Predictions of all images of a split against its records."""

    def pictures(
        self, sample: Sample, outputs: torch.Tensor, predictions: Predictions, records: RecordSet
    ) -> dict[str, np.ndarray]:
        """RGB pictures [h, w, 3] by kind of one image: its sample, its outputs, and the split's predictions and records."""
