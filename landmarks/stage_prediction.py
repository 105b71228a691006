"""Predicted cervical stages of films; the counterpart of `prediction` for landmarks."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from landmarks.cervical import STAGES


@dataclass(frozen=True, kw_only=True, slots=True)
class StagePrediction:
    """A film without a prediction has NaN in its row."""

    scores: np.ndarray
    """float64 [N, 6], before the softmax."""

    @classmethod
    def unknown(cls, num: int) -> "StagePrediction":
        return cls(scores=np.full((num, len(STAGES)), np.nan))

    def put(self, rows: np.ndarray, part: "StagePrediction", chosen: np.ndarray) -> None:
        """Writes the films of `part` that `chosen` [B] marks into these rows, in place."""
        self.scores[rows[chosen]] = part.scores[chosen]

    def merge(self, over_ranks: Callable[[np.ndarray], np.ndarray]) -> "StagePrediction":
        """The rows of all processes."""
        return StagePrediction(scores=over_ranks(self.scores))

    def probabilities(self, temperature: float = 1.0) -> np.ndarray:
        """[N, 6], each row with the sum 1."""
        return softmax(self.scores / temperature)


def softmax(scores: np.ndarray) -> np.ndarray:
    """Probabilities of scores [N, C]; rows with NaN stay NaN."""
    high = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return high / high.sum(axis=-1, keepdims=True)
