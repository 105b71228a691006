"""A network from settings, with ImageNet weights where asked for."""

from pathlib import Path

import safetensors
import timm
import torch
from torch import nn

from landmarks.config import ModelConfig
from landmarks.models.classifier import Classifier, PooledHead, efficientnet, timm_names
from landmarks.models.heads import Stride4Head, V2Head
from landmarks.models.hrnet import HRNet


def build_model(model: ModelConfig, num_landmarks: int, *, recompute: str = "none") -> HRNet:
    """A network ready to train.

    Raises: ValueError where the backbone is unknown or the ImageNet weights cannot be loaded or do not fit.
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


def build_classifier(
    model: ModelConfig,
    num_classes: int,
    *,
    dropout: float = 0.0,
    drop_path: float = 0.0,
    standardise: bool = False,
    recompute: str = "none",
) -> Classifier | HRNet:
    """A classifier ready to train: an EfficientNet, or the two coarsest branches of an HRNet.

    Raises: ValueError where the backbone is unknown or the ImageNet weights cannot be loaded or do not fit.
    """
    if model.backbone.startswith("hrnet_"):
        built = build_hrnet(model.backbone, num_landmarks=1, in_channels=model.in_channels, recompute=recompute)
        built.head = PooledHead(sum(built.backbone.feature_info.channels()[3:]), num_classes, dropout)
    else:
        backbone = efficientnet(model.backbone, in_channels=model.in_channels, drop_path=drop_path)
        head = PooledHead(backbone.num_features, num_classes, dropout)
        built = Classifier(backbone, head, standardise=standardise, recompute=recompute)
    if model.pretrained:
        weights = timm_names(imagenet_weights(model), built.backbone)
        _load_backbone(built.backbone, weights, str(model.pretrained))
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
    first = next(iter(wanted))
    if first in weights and weights[first].shape[1] == 3 and wanted[first].shape[1] == 1:
        # a gray image in all three colours gives the same response as the summed filters
        weights = {**weights, first: weights[first].sum(dim=1, keepdim=True)}
    for key, tensor in wanted.items():
        if key not in weights or weights[key].shape != tensor.shape:
            raise ValueError(f"model.pretrained: {source}: backbone tensor {key} is missing or has another shape")
    backbone.load_state_dict({key: weights[key] for key in wanted})


def build_hrnet(
    name: str,
    *,
    num_landmarks: int,
    in_channels: int = 1,
    head: str = "v2",
    head_channels: int = 0,
    recompute: str = "none",
) -> HRNet:
    """A randomly initialised HRNet of timm with a landmark head.

    Raises: ValueError where timm knows no such HRNet.
    """
    try:
        if not name.startswith("hrnet_"):
            raise RuntimeError(name)
        backbone = timm.create_model(name, features_only=True, feature_location="", in_chans=in_channels)
    except RuntimeError as error:
        known = ", ".join(timm.list_models("hrnet_*"))
        raise ValueError(f"model.backbone: unknown HRNet '{name}'; timm has {known}") from error
    widths = backbone.feature_info.channels()[1:]
    if head == "stride4":
        # only the finest branch is read: the last exchange unit's other outputs would never see a gradient
        last = backbone.stage4[-1]
        last.fuse_layers = last.fuse_layers[:1]
        return HRNet(backbone, Stride4Head(widths[0], num_landmarks), recompute=recompute)
    return HRNet(backbone, V2Head(widths, num_landmarks, head_channels or sum(widths)), recompute=recompute)
