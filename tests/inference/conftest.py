"""A small checkpoint and its ONNX file."""

from pathlib import Path

import pytest
import torch

from landmarks.checkpointfile import write_checkpoint
from landmarks.config import Config, DataConfig, ModelConfig
from landmarks.configfile import config_to_dict
from landmarks.inference.export import export_onnx
from landmarks.models.build import build_model
from landmarks.schema import AARIZ29, landmarks_to_dict


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory) -> Path:
    """Random weights, with maps that reach from 0 to 1."""
    config = Config(
        data=DataConfig(format="synthetic", image_size=(64, 96)),
        model=ModelConfig(backbone="hrnet_w18_small", head_channels=32),
    )
    torch.manual_seed(0)
    model = build_model(config.model, 29)
    model.head.final.weight.data.normal_(std=0.1)
    path = tmp_path_factory.mktemp("model") / "best.pt"
    content = {"model": model.state_dict(), "config": config_to_dict(config)}
    write_checkpoint(path, content | {"task": {"landmarks": landmarks_to_dict(AARIZ29)}})
    return path


@pytest.fixture(scope="session")
def onnx_file(checkpoint) -> Path:
    return export_onnx(checkpoint, checkpoint.with_name("model.onnx"), licence="none").path
