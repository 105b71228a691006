"""Stage networks in torch: a checkpoint's, or the mean of an ensemble's."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from landmarks.configfile import config_to_dict, override_config
from landmarks.device import choose_device, usable_precision
from landmarks.distributed import rank_info
from landmarks.inference.card import ModelFileError
from landmarks.inference.ensemble import SUFFIX, common_settings, read_ensemble
from landmarks.inference.radii import file_id
from landmarks.inference.stage_calibration import find_stage_calibration
from landmarks.inference.stages import StageCard
from landmarks.models.forward import forward_in_parts
from landmarks.tasks.cvm.task import StageTask
from landmarks.tasks.saved import load_model


class TorchStageNetwork:
    """Scores of films by torch, on any device; see `stages.StageNetwork`."""

    def __init__(self, model: nn.Module, card: StageCard, *, device: torch.device) -> None:
        self.model, self.card, self._device = model, card, device
        self.device = device.type

    def scores(self, images: np.ndarray) -> np.ndarray:
        found = forward_in_parts(self.model, torch.from_numpy(images), self._device, self.card.precision)
        return found.double().cpu().numpy()


class MeanScores(nn.Module):
    """The mean of several networks' scores, which is the geometric mean of their probabilities."""

    def __init__(self, models: Sequence[nn.Module]) -> None:
        super().__init__()
        self.models = nn.ModuleList(models)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.stack([model(images) for model in self.models]).mean(dim=0)


def open_stage_checkpoint(path: Path, *, device: str | None = "auto", overrides: Sequence[str] = ()) -> TorchStageNetwork:
    """The network of a checkpoint, or of the models that an `ensemble.json` names.

    Raises: CheckpointError; ValueError where the device or a setting cannot be used.
    """
    if path.suffix.lower() == SUFFIX:
        return _open_ensemble(path, device=device, overrides=overrides)
    loaded = load_model(path)
    if not isinstance(loaded.task, StageTask):
        raise ModelFileError(f"{path}: a model of another task, which knows no cervical stages; name it as --checkpoint")
    config = override_config(loaded.config, list(overrides)) if overrides else loaded.config
    chosen = choose_device(device or config.train.device, rank_info().local_rank)
    card = StageCard(
        image_size=config.data.image_size,
        margin=config.data.cache_scale,
        region=config.cvm.region,
        views=config.cvm.tta,
        settings=config_to_dict(loaded.config),
        calibration=find_stage_calibration(path),
        checkpoint=f"{path.name} {file_id(path)}",
        precision=usable_precision(config.train.precision, chosen),
    )
    model = loaded.model.to(chosen, memory_format=torch.channels_last)
    return TorchStageNetwork(model, card, device=chosen)


def _open_ensemble(path: Path, *, device: str | None, overrides: Sequence[str]) -> TorchStageNetwork:
    files = read_ensemble(path).models
    networks = [open_stage_checkpoint(file, device=device, overrides=overrides) for file in files]
    first = networks[0].card
    for file, network in zip(files, networks, strict=True):
        if (network.card.image_size, network.card.region) != (first.image_size, first.region):
            raise ModelFileError(f"{file}: input size or region differs from that of {files[0]}; predict with them separately")
    card = replace(
        first,
        settings=common_settings([network.card.settings for network in networks]),
        calibration=find_stage_calibration(path),
        checkpoint=f"{path.name} {file_id(path)}",
    )
    model = MeanScores([network.model for network in networks])
    return TorchStageNetwork(model, card, device=next(model.parameters()).device)
