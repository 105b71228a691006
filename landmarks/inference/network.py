"""Networks in torch: a checkpoint's, folded for speed, or one that is being trained."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from landmarks.config import Config
from landmarks.configfile import config_to_dict, override_config
from landmarks.device import choose_device, usable_precision
from landmarks.distributed import rank_info
from landmarks.inference.card import ModelCard, ModelFileError
from landmarks.inference.radii import file_id, find_calibration
from landmarks.models.fold import fold_norms
from landmarks.models.forward import forward_in_parts
from landmarks.prediction import Decoded
from landmarks.schema import LandmarkSet
from landmarks.tasks.landmarks.heatmap import decode_to_numpy
from landmarks.tasks.landmarks.task import LandmarkTask
from landmarks.tasks.saved import load_model


class TorchNetwork:
    """Maps of films by torch, on any device; see `predictor.Network`."""

    def __init__(self, model: nn.Module, card: ModelCard, *, device: torch.device) -> None:
        self.model, self.card, self._device = model, card, device
        self.device = device.type

    def maps(self, images: np.ndarray) -> np.ndarray:
        """uint8 [B, 1, H, W] -> float32 maps [B, K, H/4, W/4]."""
        return self._maps(images).cpu().numpy()

    def decode(self, images: np.ndarray, sigma: float) -> Decoded:
        return decode_to_numpy(self._maps(images), sigma)

    def _maps(self, images: np.ndarray) -> torch.Tensor:
        return forward_in_parts(self.model, torch.from_numpy(images), self._device, self.card.precision)


class MeanModel(nn.Module):
    """The mean of several models' maps, as one module that can be exported."""

    def __init__(self, models: Sequence[nn.Module]) -> None:
        super().__init__()
        self.models = nn.ModuleList(models)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.stack([model(images) for model in self.models]).mean(dim=0)


def open_checkpoint(
    path: Path, *, device: str | None = "auto", overrides: Sequence[str] = (), calibrated: bool = True
) -> TorchNetwork:
    """The network of a checkpoint made ready to predict fast: norms folded, channels last.

    Args:
        device: auto, cpu or cuda; None takes train.device.
    Raises: CheckpointError; ValueError where the device is not there or a setting cannot be used.
    """
    loaded = load_model(path)
    if not isinstance(loaded.task, LandmarkTask):
        raise ModelFileError(f"{path}: a model of another task ({loaded.task.describe()}), which finds no landmarks")
    config = override_config(loaded.config, list(overrides)) if overrides else loaded.config
    chosen = choose_device(device or config.train.device, rank_info().local_rank)
    card = training_card(loaded.landmarks, config, precision=usable_precision(config.train.precision, chosen))
    calibration = find_calibration(path) if calibrated else None
    card = replace(
        card,
        settings=config_to_dict(loaded.config),
        calibration=calibration,
        shape=loaded.task.shape if config.heatmap.shape else None,
        habit=loaded.task.habit,
        further=loaded.task.further,
        checkpoint=f"{path.name} {file_id(path)}",
    )
    model = fold_norms(loaded.model).to(chosen, memory_format=torch.channels_last)
    return TorchNetwork(model, card, device=chosen)


def training_card(landmarks: LandmarkSet, config: Config, *, precision: str) -> ModelCard:
    """The card of a network as these settings train it."""
    return ModelCard(
        landmarks=landmarks,
        image_size=config.data.image_size,
        sigma=config.heatmap.sigma,
        margin=config.data.cache_scale,
        settings=config_to_dict(config),
        precision=precision,
    )
