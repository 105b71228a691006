"""Stage networks in torch: a checkpoint's."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from landmarks.configfile import config_to_dict, override_config
from landmarks.device import choose_device, usable_precision
from landmarks.distributed import rank_info
from landmarks.inference.card import ModelFileError
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


def open_stage_checkpoint(path: Path, *, device: str | None = "auto", overrides: Sequence[str] = ()) -> TorchStageNetwork:
    """The network of a checkpoint. Raises: CheckpointError; ValueError where the device or a setting cannot be used."""
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
