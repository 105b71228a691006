"""What a worker makes of a film's stage: probabilities of the six stages, and the part of the film that is shown."""

from typing import NamedTuple

import numpy as np
import torch

from landmarks.cervical import STAGES, cervical_map
from landmarks.cvmconfig import CvmConfig
from landmarks.formats.records import DataError, Record
from landmarks.geometry import letterbox_map


class StageTarget(NamedTuple):
    probabilities: torch.Tensor
    """float32 [6], sum 1: what the network should say."""
    weight: torch.Tensor
    """float32 []: weight of the image's loss; 0 where its stage is unknown."""


class StageTargets:
    """Targets of stages.

    Args:
        symbols: the landmarks of the records, by which the cervical region is cut out.
        class_weights: float [6], weight of a stage's images.
    """

    def __init__(self, settings: CvmConfig, symbols: tuple[str, ...], class_weights: np.ndarray) -> None:
        self._settings, self._symbols, self._weights = settings, symbols, class_weights

    def input_map(self, record: Record, source_size: tuple[int, int], input_size: tuple[int, int]) -> np.ndarray:
        """The whole image letterboxed, or the cervical region. Raises: DataError where it cannot be found."""
        if self._settings.region != "cervical":
            return letterbox_map(source_size, input_size)
        to_input = cervical_map(record.points_px, self._symbols, input_size)
        if to_input is None:
            raise DataError(
                f"{record.image_path}: fewer than five landmarks, so that the cervical region is unknown; "
                "write cvm.region=whole, or list the image in data.exclude"
            )
        return to_input

    def target(self, record: Record, to_input: np.ndarray, input_size: tuple[int, int]) -> StageTarget:
        if record.cvm_stage is None:
            return self.empty()
        readers = record.cvm_readers if self._settings.soft_readers else ()
        probabilities = soft_target(readers or (record.cvm_stage,), self._settings.smoothing, self._settings.smoothing_to)
        weight = probabilities @ self._weights
        return StageTarget(torch.from_numpy(probabilities.astype(np.float32)), torch.tensor(weight, dtype=torch.float32))

    def empty(self) -> StageTarget:
        return StageTarget(torch.full((len(STAGES),), 1 / len(STAGES)), torch.tensor(0.0))

    def example(self) -> StageTarget:
        return StageTarget(torch.full((len(STAGES),), 1 / len(STAGES)), torch.tensor(1.0))


def soft_target(stages: tuple[int, ...], smoothing: float, smoothing_to: str) -> np.ndarray:
    """Probabilities [6] of the stages that readers saw, each 1 to 6, a part of them spread to other stages.

    Example:
        soft_target((4,), 0.1, "neighbours")    # CS3 0.05, CS4 0.9, CS5 0.05
    """
    num = len(STAGES)
    seen = np.bincount(np.array(stages) - 1, minlength=num) / len(stages)
    if smoothing_to == "evenly":
        return (1 - smoothing) * seen + smoothing / num
    spread = np.zeros((num, num))
    for k in range(num):
        near = [j for j in (k - 1, k + 1) if 0 <= j < num]
        spread[k, near] = 1 / len(near)
    return (1 - smoothing) * seen + smoothing * seen @ spread
