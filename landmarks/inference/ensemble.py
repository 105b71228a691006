"""Several networks as one: the mean of their maps."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from landmarks.inference.decode import decode_maps
from landmarks.inference.predictor import Network, Predictor
from landmarks.prediction import Decoded


class MeanNetwork:
    """Predicts with every network and averages the maps; see `predictor.Network`."""

    def __init__(self, networks: Sequence[Network]) -> None:
        self.networks = list(networks)
        # error radii of one network do not hold for a mean of several
        self.card = replace(networks[0].card, calibration=None)
        self.device = networks[0].device

    def maps(self, images: np.ndarray) -> np.ndarray:
        """uint8 [B, 1, H, W] -> float32 maps [B, K, H/4, W/4]."""
        total = self.networks[0].maps(images).astype(np.float32)
        for network in self.networks[1:]:
            total += network.maps(images)
        return total / len(self.networks)

    def decode(self, images: np.ndarray, sigma: float) -> Decoded:
        return decode_maps(self.maps(images), sigma)


def load_models(paths: Sequence[Path], *, device: str = "auto", tta: bool = False) -> Predictor:
    """One model, or the mean of several models' maps.

    Raises: ValueError where a file cannot be used, or the models do not fit together.

    Example:
        predictor = load_models([Path("a.pt"), Path("b.onnx")])
    """
    models = [Predictor.load(path, device=device, tta=tta) for path in paths]
    first = models[0].card
    for path, model in zip(paths, models, strict=True):
        for name, found, wanted in (
            ("landmarks", model.card.landmarks.symbols, first.landmarks.symbols),
            ("input size", model.card.image_size, first.image_size),
            ("sigma", model.card.sigma, first.sigma),
        ):
            if found != wanted:
                raise ValueError(f"{path}: {name} differs from that of {paths[0]}; predict with them separately")
    return models[0] if len(models) == 1 else Predictor(MeanNetwork([model.network for model in models]), tta=tta)
