"""A model from settings, with ImageNet weights where asked for, or out of a checkpoint."""

import json
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import safetensors
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from landmarks.checkpointfile import CheckpointError, read_checkpoint
from landmarks.config import Config, ModelConfig
from landmarks.configfile import config_from_dict
from landmarks.models.hrnet import HRNet, build_hrnet
from landmarks.schema import LandmarkSet


class Loaded(NamedTuple):
    """What a checkpoint holds for prediction."""

    model: HRNet
    config: Config
    landmarks: LandmarkSet


def build_model(model: ModelConfig, num_landmarks: int, *, recompute: str = "none") -> HRNet:
    """A network ready to train.

    Raises: ValueError where the backbone is unknown or the ImageNet weights cannot be had or do not fit.
    """
    built = build_hrnet(
        model.backbone,
        num_landmarks=num_landmarks,
        in_channels=model.in_channels,
        head=model.head,
        head_channels=model.head_channels,
        recompute=recompute,
    )
    if model.pretrained:
        _load_backbone(built.backbone, imagenet_weights(model), str(model.pretrained))
    return built


def imagenet_weights(model: ModelConfig) -> dict[str, torch.Tensor]:
    """Classification weights of the backbone, from timm or from a local file. Raises: ValueError."""
    if isinstance(model.pretrained, str):
        return _read_weights(Path(model.pretrained))
    try:
        return timm.create_model(model.backbone, pretrained=True).state_dict()
    except Exception as error:  # a hub, its cache and the network fail in many ways that share no class
        raise ValueError(
            f"model.pretrained: the ImageNet weights of {model.backbone} cannot be fetched ({type(error).__name__}); "
            "connect to the network once, or write the path of a weights file, or model.pretrained=false"
        ) from error


def _read_weights(path: Path) -> dict[str, torch.Tensor]:
    if not path.is_file():
        raise ValueError(f"model.pretrained: {path}: no such file; write true, false or the path of a weights file")
    try:
        if path.suffix == ".safetensors":
            with safetensors.safe_open(path, framework="pt") as file:
                state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no mapping)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zip and safetensors errors share no class
        raise ValueError(f"model.pretrained: {path}: not a file of plain weights ({type(error).__name__}); refused") from error
    state = state.get("state_dict", state.get("model", state))
    return {key.removeprefix("module.").removeprefix("backbone."): value for key, value in state.items()}


def _load_backbone(backbone: nn.Module, weights: dict[str, torch.Tensor], source: str) -> None:
    """Raises: ValueError naming the first tensor of the backbone that the weights lack or have in another shape."""
    wanted = backbone.state_dict()
    first = "conv1.weight"
    if first in weights and weights[first].shape[1] == 3 and wanted[first].shape[1] == 1:
        # a gray image in all three colours gives the same response as the summed filters
        weights = {**weights, first: weights[first].sum(dim=1, keepdim=True)}
    for key, tensor in wanted.items():
        if key not in weights or weights[key].shape != tensor.shape:
            raise ValueError(f"model.pretrained: {source}: backbone tensor {key} is missing or has another shape")
    backbone.load_state_dict({key: weights[key] for key in wanted})


def landmarks_to_dict(landmarks: LandmarkSet) -> dict:
    return {
        "name": landmarks.name,
        "symbols": list(landmarks.symbols),
        "titles": list(landmarks.titles),
        "groups": {name: list(members) for name, members in landmarks.groups.items()},
    }


def landmarks_from_dict(plain: dict) -> LandmarkSet:
    return LandmarkSet(
        name=plain["name"],
        symbols=tuple(plain["symbols"]),
        titles=tuple(plain["titles"]),
        groups={name: tuple(members) for name, members in plain["groups"].items()},
    )


def _averaged(content: dict) -> dict[str, torch.Tensor]:
    """The weights that predict: the averaged ones, where there are any."""
    return content.get("ema") or content["model"]


def load_model(path: Path) -> Loaded:
    """The network of a checkpoint in eval mode, with its averaged weights where it has them.

    Raises: CheckpointError.
    """
    content = read_checkpoint(path)
    try:
        landmarks = landmarks_from_dict(content["landmarks"])
        config = config_from_dict(content["config"])
        model = build_model(replace(config.model, pretrained=False), len(landmarks))
        model.load_state_dict(_averaged(content))
    except (KeyError, RuntimeError, ValueError) as error:
        raise CheckpointError(f"{path}: from another version of this project ({str(error).splitlines()[0]})") from error
    return Loaded(model.eval(), config, landmarks)


def init_from_checkpoint(model: HRNet, landmarks: LandmarkSet, path: Path) -> str:
    """Starts a network from another run's weights; maps of landmarks that both know are taken over by symbol.

    Returns: a line that says what was loaded and what was not. Raises: CheckpointError.
    """
    content = read_checkpoint(path)
    try:
        source, known = dict(_averaged(content)), landmarks_from_dict(content["landmarks"])
    except KeyError as error:
        raise CheckpointError(f"{path}: from another version of this project (no {error})") from error
    common = landmarks.common_with(known)
    own = model.state_dict()
    here, there = ([s.index(symbol) for symbol in common] for s in (landmarks, known))
    for key in ("head.final.weight", "head.final.bias"):
        rows = source.pop(key, None)
        if rows is not None and rows.shape[1:] == own[key].shape[1:]:
            own[key][here] = rows[there]
    fits = {key: value for key, value in source.items() if key in own and own[key].shape == value.shape}
    if not any(key.startswith("backbone.") for key in fits):
        raise CheckpointError(f"{path}: none of its weights fit this backbone; set model.backbone as it was trained")
    model.load_state_dict({**own, **fits})
    left = len(own) - len(fits) - 2
    new = [symbol for symbol in landmarks.symbols if symbol not in common]
    return (
        f"init_from {path}: loaded {len(fits)} tensors and {len(common)} landmark maps; "
        f"not loaded: {left} tensors, new landmarks: {', '.join(new) or 'none'}"
    )


def describe_checkpoint(content: dict) -> str:
    """What a checkpoint holds, as lines of YAML-like text."""
    weights = sum(t.numel() * t.element_size() for t in content["model"].values())
    lines = [f"landmarks: {', '.join(content['landmarks']['symbols'])}"]
    lines += [f"weights: {weights / 2**20:.1f} MiB, averaged weights: {'yes' if content.get('ema') else 'no'}"]
    facts = {"versions": content["versions"], "labels": content["data"], "progress": content["progress"]}
    for part, values in (facts | content["config"]).items():
        lines += [f"{part}:", *(f"  {key}: {value}" for key, value in values.items())]
    return "\n".join(lines)


def write_weights(path: Path, content: dict) -> None:
    """The weights alone, averaged where there are any, as safetensors with landmarks and settings in its header."""
    state = {key: value.contiguous() for key, value in _averaged(content).items()}
    about = {"landmarks": json.dumps(content["landmarks"]), "config": json.dumps(content["config"])}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(state, path, metadata=about)
