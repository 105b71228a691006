"""A second task as a developer would write it: which side the face looks to. Nothing of the engine knows it."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from torch import nn

from landmarks.geometry import apply_map, letterbox_map
from landmarks.tasks.task import Judgement, Score


class SideTarget(NamedTuple):
    label: torch.Tensor
    """int64 []: 1 where the face looks to the right of the input."""
    weight: torch.Tensor


class SideTargets:
    def __init__(self, nose: int, sella: int) -> None:
        self._nose, self._sella = nose, sella

    def input_map(self, record, source_size, input_size):
        return letterbox_map(source_size, input_size)

    def target(self, record, to_input, input_size):
        x = apply_map(to_input, record.points_px)[:, 0]
        return SideTarget(torch.tensor(int(x[self._nose] > x[self._sella])), torch.tensor(1.0))

    def empty(self):
        return SideTarget(torch.tensor(0), torch.tensor(0.0))

    def example(self):
        return SideTarget(torch.tensor(1), torch.tensor(1.0))


class SideNetwork(nn.Sequential):
    recompute = "none"

    def __init__(self) -> None:
        conv = [nn.Conv2d(1, 8, 5, stride=4), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten()]
        super().__init__(*conv, nn.Linear(128, 2))

    def undecayed(self):
        return []

    def backbone_units(self):
        return [self[0], self[1]]

    def forward(self, images):
        return super().forward(images.to(self[0].weight.dtype) / 255 - 0.5)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sides:
    probability: np.ndarray
    """[N] that the face looks right."""

    def put(self, rows, part, chosen):
        self.probability[rows[chosen]] = part.probability[chosen]

    def merge(self, over_ranks):
        return Sides(probability=over_ranks(self.probability))


class SideTask:
    name = "side"
    score: ClassVar = Score(name="accuracy", higher_is_better=True)

    def __init__(self, nose: int, sella: int) -> None:
        self._about = {"nose": nose, "sella": sella}
        self.targets = SideTargets(nose, sella)

    @classmethod
    def from_records(cls, config, records):
        return cls(records.landmarks.index("Pn"), records.landmarks.index("S"))

    @classmethod
    def from_settings(cls, config):
        return cls(0, 1)

    @classmethod
    def from_dict(cls, config, saved):
        return cls(saved["nose"], saved["sella"])

    def check(self, train, valid):
        pass

    def to_dict(self):
        return dict(self._about)

    def describe(self):
        return "side of the face"

    def difference(self, saved):
        return "" if saved == self._about else "trained on other landmarks"

    def build_network(self, *, pretrained, recompute):
        network = SideNetwork()
        network.recompute = recompute
        return network

    def init_network(self, network, weights, saved):
        network.load_state_dict(weights)
        return f"loaded {len(weights)} tensors"

    def weight_sum(self, target):
        return float(target.weight.sum())

    def loss_sum(self, outputs, target):
        losses = nn.functional.cross_entropy(outputs.float(), target.label, reduction="none")
        return (losses * target.weight).sum()

    def unknown(self, num):
        return Sides(probability=np.full(num, np.nan))

    def predict(self, outputs, to_source):
        return Sides(probability=outputs.softmax(1)[:, 1].double().cpu().numpy())

    def judge(self, predictions, records):
        points = np.stack([record.points_px for record in records.records])
        right = points[:, self._about["nose"], 0] > points[:, self._about["sella"], 0]
        accuracy = float(((predictions.probability > 0.5) == right).mean())
        return Judgement(score=accuracy, unit="", figures={"accuracy": accuracy})

    def pictures(self, sample, outputs, predictions, records):
        return {"film": np.repeat(sample.image[0].numpy()[..., None], 3, axis=2)}
