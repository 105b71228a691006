"""Classifiers: a backbone of timm, pooled, and one linear layer."""

import timm
import torch
from torch import nn

# Spread of the gray values of ImageNet's images, for pixels from 0 to 1; that of an image that shows next to nothing.
_USUAL_SPREAD, _LEAST_SPREAD = 0.25, 0.01


class Classifier(nn.Module):
    """Gray images uint8 [B, 1, H, W] -> class scores [B, C].

    Args:
        backbone: of timm, without its own last layer: images -> features [B, F].
        standardise: gray values by each image's own mean and spread, so that exposure does not count.
    """

    def __init__(self, backbone: nn.Module, head: nn.Module, *, standardise: bool = False, recompute: str = "none") -> None:
        super().__init__()
        self._standardise = standardise
        self.backbone, self.head = backbone, head
        self.recompute = recompute
        about = backbone.pretrained_cfg
        self._mean, self._std = (sum(about[key]) / len(about[key]) for key in ("mean", "std"))

    def undecayed(self) -> list[nn.Parameter]:
        return []

    def backbone_units(self) -> list[nn.Module]:
        """The backbone's parts from input to output: stem, blocks, last convolution."""
        net = self.backbone
        blocks = [block for stage in net.blocks for block in stage]
        return [nn.ModuleList([net.conv_stem, net.bn1]), *blocks, nn.ModuleList([net.conv_head, net.bn2])]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        first = self.backbone.conv_stem.weight
        x = images.float() / 255
        if self._standardise:
            spread, mean = torch.std_mean(x, dim=(1, 2, 3), keepdim=True)
            x = (x - mean) * (_USUAL_SPREAD / spread.clamp_min(_LEAST_SPREAD) / self._std)
        else:
            x = (x - self._mean) / self._std
        return self.head(self.backbone(x.to(first.dtype).expand(-1, first.shape[1], -1, -1)))


class PooledHead(nn.Module):
    """Dropout and a linear layer on features; those of HRNet are the means of its two coarsest branches."""

    def __init__(self, features: int, num_classes: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.final = nn.Linear(features, num_classes)
        # equal probabilities at first: larger outputs waste the first steps
        nn.init.normal_(self.final.weight, std=0.01)
        nn.init.zeros_(self.final.bias)

    def forward(self, features: torch.Tensor | list[torch.Tensor], which: None = None) -> torch.Tensor:
        """Features [B, F], or HRNet's branches; `which` chooses maps of landmarks and is None here."""
        if isinstance(features, list):
            features = torch.cat([branch.mean(dim=(2, 3)) for branch in features[2:]], dim=1)
        return self.final(self.dropout(features))


def efficientnet(name: str, *, in_channels: int, drop_path: float) -> nn.Module:
    """A randomly initialised EfficientNet of timm without its last layer. Raises: ValueError where timm knows none."""
    if "efficientnet" in name and name in timm.list_models():
        return timm.create_model(name, num_classes=0, in_chans=in_channels, drop_path_rate=drop_path)
    known = ", ".join(timm.list_models("tf_efficientnetv2_*") + timm.list_models("*efficientnet_lite*"))
    raise ValueError(f"model.backbone: unknown network '{name}'; write an HRNet, or an EfficientNet such as {known}")


def timm_names(weights: dict[str, torch.Tensor], backbone: nn.Module) -> dict[str, torch.Tensor]:
    """Weights under timm's names, where they have those of the package efficientnet_pytorch.

    Both name the same layers; that package numbers the blocks through, timm by stage.
    """
    if "_conv_stem.weight" not in weights:
        return weights
    numbers = [f"{s}.{b}" for s, stage in enumerate(backbone.blocks) for b in range(len(stage))]
    renamed = {}
    for key, value in weights.items():
        outer, *rest = key.split(".")
        if outer == "_blocks" and int(rest[0]) < len(numbers):
            layers = _EXPANDING if f"_blocks.{rest[0]}._expand_conv.weight" in weights else _FIRST
            renamed[".".join(["blocks", numbers[int(rest[0])], layers.get(rest[1], rest[1]), *rest[2:]])] = value
        else:
            renamed[".".join([_OUTER.get(outer, outer), *rest])] = value
    return renamed


_OUTER = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_SQUEEZE = {"_se_reduce": "se.conv_reduce", "_se_expand": "se.conv_expand"}
_FIRST = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2", **_SQUEEZE}
_EXPANDING = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2",
              "_project_conv": "conv_pwl", "_bn2": "bn3", **_SQUEEZE}  # fmt: skip
