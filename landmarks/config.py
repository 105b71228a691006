"""The settings: one frozen dataclass a section, checked when built. Functions take the section they use."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from landmarks.cvmconfig import CvmConfig
from landmarks.dataconfig import DataConfig
from landmarks.settings import check_section, rules, setting
from landmarks.trainconfig import TrainConfig

LOSSES = ("adaptive_wing", "mse")
HEADS = ("v2", "stride4")


@dataclass(frozen=True, kw_only=True, slots=True)
class AugmentConfig:
    rotate: float = setting(15.0, "Largest rotation, degrees.", low=0, high=180, staged=True)
    scale: float = setting(0.15, "Largest relative change of size.", low=0, high=0.9, staged=True)
    aspect: float = setting(0.0, "Largest relative change of width against height.", low=0, high=0.9, staged=True)
    shift: float = setting(0.05, "Largest shift, as a fraction of the input's height and width.", low=0, high=1, staged=True)
    flip: float = setting(
        0.0,
        "Probability of a horizontal flip; off, because all heads of these sets look the same way.",
        low=0,
        high=1,
        staged=True,
    )
    brightness: float = setting(0.2, "Largest change of brightness, as a fraction of full scale.", low=0, high=1, staged=True)
    contrast: float = setting(0.2, "Largest relative change of contrast.", low=0, high=1, staged=True)
    gamma: float = setting(0.3, "Largest relative change of gamma.", low=0, high=0.9, staged=True)
    noise: float = setting(
        0.02, "Largest standard deviation of Gaussian noise, as a fraction of full scale.", low=0, high=1, staged=True
    )
    blur: float = setting(0.1, "Probability of a slight Gaussian blur.", low=0, high=1, staged=True)
    erase: float = setting(0.0, "Probability that one to three rectangles are painted over.", low=0, high=1, staged=True)
    degrade: float = setting(
        0.0,
        "Probability that a sample is changed as films of other devices, scanners and hands are (landmarks/data/degrade.py).",
        low=0,
        high=1,
        staged=True,
    )

    def __post_init__(self) -> None:
        check_section("augment", self)


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig:
    task: str = setting("landmarks", "What the network learns, a name of landmarks/tasks: landmarks, cvm.")
    backbone: str = setting(
        "hrnet_w32", "Any HRNet of timm: hrnet_w18_small, hrnet_w18, hrnet_w32, ...; cvm: any EfficientNet as well."
    )
    pretrained: bool | str = setting(
        False, "ImageNet weights: true fetches them through timm, a path reads a local file, false starts from random."
    )
    in_channels: int = setting(1, "1: gray input; 3: the gray image repeated, as ImageNet weights saw it.", choices=(1, 3))
    head: str = setting(
        "v2", "v2: all four branches upsampled and joined (HRNetV2); stride4: the finest branch alone.", choices=HEADS
    )
    head_channels: int = setting(
        0,
        "Hidden channels of the v2 head; 0: as many as the branches have together.",
        low=0,
        high=4096,
        wanted="0 (automatic) to 4096",
    )
    init_from: str = setting(
        "", "Checkpoint whose weights start a new run (fine-tuning); another input size or landmark set is allowed."
    )

    def __post_init__(self) -> None:
        check_section("model", self)


@dataclass(frozen=True, kw_only=True, slots=True)
class HeatmapConfig:
    sigma: float = setting(
        2.0, "Standard deviation of the target Gaussian, heatmap px (one heatmap px is 4 input px).", low=0.5, high=20
    )
    shape: bool = setting(
        True, "Points that no head of the training annotations has there are placed again (needs 30 annotated images)."
    )

    def __post_init__(self) -> None:
        check_section("heatmap", self)


@dataclass(frozen=True, kw_only=True, slots=True)
class LossConfig:
    name: str = setting("adaptive_wing", "adaptive_wing or mse.", choices=LOSSES)
    alpha: float = setting(2.1, "Adaptive Wing: exponent; above 2.", above=2, wanted="a number above 2 (targets reach 1)")
    omega: float = setting(14.0, "Adaptive Wing: height of the curved part.", above=0)
    epsilon: float = setting(1.0, "Adaptive Wing: width of the curved part.", above=0)
    theta: float = setting(0.5, "Adaptive Wing: error at which the curve turns into a straight line.", above=0)
    foreground_weight: float = setting(
        10.0, "Extra weight of pixels near the landmark (the weighted loss map); 0 turns it off.", low=0
    )
    weights: dict[str, float] = setting(
        {}, "Weight of a landmark's loss by symbol or group (all, hard12), later entries win: {hard12: 1.5, UMT: 2.5}.", low=0
    )
    preset: str = setting(
        "none",
        "none: all weigh 1; hard12: weights of the reference scripts for 12 hard landmarks; hard12_only: these 12 alone.",
        choices=("none", "hard12", "hard12_only"),
    )

    def __post_init__(self) -> None:
        check_section("loss", self)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """Some epochs of a run with settings of their own; `landmarks.stages` puts them into force."""

    epochs: int
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By section and name; the other settings are the recipe's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    data: DataConfig
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    heatmap: HeatmapConfig = field(default_factory=HeatmapConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    cvm: CvmConfig = field(default_factory=CvmConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    stages: tuple[Stage, ...] = ()
    """Empty: one stage of `train.epochs` epochs with the recipe's settings."""

    def __post_init__(self) -> None:
        if self.stages:
            epochs = sum(stage.epochs for stage in self.stages)
            object.__setattr__(self, "train", replace(self.train, epochs=epochs))  # one place to ask for a run's length


SECTIONS: dict[str, Callable] = {
    "data": DataConfig,
    "augment": AugmentConfig,
    "model": ModelConfig,
    "heatmap": HeatmapConfig,
    "loss": LossConfig,
    "cvm": CvmConfig,
    "train": TrainConfig,
}

CHANGEABLE = {section: {key for key, rule in rules(kind).items() if rule.changeable} for section, kind in SECTIONS.items()}
"""The settings that a resumed run may change, by section."""

STAGED = {section: {key for key, rule in rules(kind).items() if rule.staged} for section, kind in SECTIONS.items()}
"""The settings that a stage of a recipe may change, by section."""
