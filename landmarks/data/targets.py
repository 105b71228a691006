"""What a loader worker makes of a record beside its pixels: the interface, and the points of landmarks."""

from typing import NamedTuple, Protocol

import numpy as np
import torch

from landmarks.formats.records import Record
from landmarks.geometry import apply_map, inside, letterbox_map


class Targets(Protocol):
    """Made by a task, used in the workers: it must be picklable."""

    def input_map(self, record: Record, source_size: tuple[int, int], input_size: tuple[int, int]) -> np.ndarray:
        """Map [2, 3], source px -> input px, before augmentation: the whole image, or a part of it."""

    def target(self, record: Record, to_input: np.ndarray, input_size: tuple[int, int]) -> NamedTuple:
        """Small tensors that the loss needs, after augmentation has moved the image by `to_input`."""

    def empty(self) -> NamedTuple:
        """The target of an image that counts for nothing: same shapes, weight 0."""

    def example(self) -> NamedTuple:
        """A target that counts, for plans and measurements without data."""


class PointTarget(NamedTuple):
    points_in: torch.Tensor
    """float32 [K, 2], input px; 0 where the weight is 0."""
    weights: torch.Tensor
    """float32 [K]: weight of each landmark's loss; 0 where it is not annotated or outside the input."""


class PointTargets:
    """Targets of landmarks: their points in the network input, the whole image letterboxed.

    Args:
        weights: float32 [K], weight of each landmark's loss.
    """

    def __init__(self, weights: np.ndarray) -> None:
        self._weights = weights

    def input_map(self, record: Record, source_size: tuple[int, int], input_size: tuple[int, int]) -> np.ndarray:
        return letterbox_map(source_size, input_size)

    def target(self, record: Record, to_input: np.ndarray, input_size: tuple[int, int]) -> PointTarget:
        points_in = apply_map(to_input, record.points_px)
        visible = inside(points_in, input_size)
        return PointTarget(
            points_in=torch.from_numpy(np.where(visible[:, None], points_in, 0).astype(np.float32)),
            weights=torch.from_numpy(np.where(visible, self._weights, np.float32(0))),
        )

    def empty(self) -> PointTarget:
        num = len(self._weights)
        return PointTarget(points_in=torch.zeros(num, 2), weights=torch.zeros(num))

    def example(self) -> PointTarget:
        return PointTarget(points_in=torch.full((len(self._weights), 2), 8.0), weights=torch.from_numpy(self._weights))
