"""How much each landmark counts in the loss."""

import torch

from landmarks.config import LossConfig
from landmarks.schema import HARD12_WEIGHTS, LandmarkSet


def landmark_weights(loss: LossConfig, landmarks: LandmarkSet) -> torch.Tensor:
    """Weight of each landmark's loss, float32 [K].

    Raises: ValueError where a weight names a landmark or group that the set lacks, or all weights are 0.
    """
    weights = dict.fromkeys(landmarks.symbols, 1.0)
    if loss.preset != "none":
        others = 0.0 if loss.preset == "hard12_only" else 1.0
        weights = {symbol: HARD12_WEIGHTS.get(symbol, others) for symbol in landmarks.symbols}
    for name, weight in loss.weights.items():
        try:
            members = landmarks.members(name)
        except ValueError as error:
            raise ValueError(f"loss.weights.{name}: {error}") from error
        weights.update(dict.fromkeys(members, float(weight)))
    if not any(weights.values()):
        raise ValueError("loss.weights: every landmark weighs 0; give at least one a weight above 0")
    return torch.tensor(list(weights.values()))
