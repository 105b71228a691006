"""The settings: one frozen dataclass a section, checked when built. Functions take the section they use."""

from collections.abc import Callable
from dataclasses import dataclass, field

from landmarks.cvmconfig import CvmConfig
from landmarks.settings import check_section, need, rules, setting
from landmarks.trainconfig import TrainConfig

GROUND_TRUTHS = ("mean", "senior", "junior", "official")
CACHE_MODES = ("auto", "ram", "disk", "none")
LOSSES = ("adaptive_wing", "mse")
HEADS = ("v2", "stride4")


@dataclass(frozen=True, kw_only=True, slots=True)
class DataConfig:
    format: str = setting(
        "aariz", "Layout on disk: aariz, isbi2015, table (own CSV), synthetic (made on first use), ...; see data/README.md."
    )
    root: str = setting(
        "",
        "Folder of the data set; empty only for synthetic, which then lives in data/synthetic_v<version>_<num>_<seed>.",
        changeable=True,
    )
    image_size: tuple[int, int] = setting(
        (768, 768), "Network input (height, width) in px, each divisible by 32; images are letterboxed into it."
    )
    landmarks: tuple[str, ...] = setting(
        (), "Symbols or groups to train on, in this order; empty means all that the data set names."
    )
    ground_truth: str = setting(
        "mean",
        "Which reader's points are the truth: mean, senior, junior, or official (Aariz authors' ceil of the mean).",
        choices=GROUND_TRUTHS,
    )
    train_split: str = setting("train", "Split that is trained on.")
    val_split: str = setting(
        "valid", "Split that is validated on; for isbi2015 and for a table without it, valid is cut from train by val_fraction."
    )
    val_fraction: float = setting(
        0.1,
        "isbi2015 and a table without 'valid': part of the training images held out for it, drawn by train.seed; 0: none.",
        low=0,
        below=1,
    )
    cache: str = setting(
        "auto",
        "Where decoded images are kept: auto (ram or disk, by free memory), ram, disk or none (decode every time).",
        choices=CACHE_MODES,
        changeable=True,
    )
    cache_scale: float = setting(
        1.25,
        "Size of a cached image over the size it has in the network input; 1 is the leanest, more is sharper.",
        low=1,
        high=4,
    )
    cache_dir: str = setting("data/cache", "Folder of the disk cache.", changeable=True)
    workers: int = setting(
        2,
        "Loader processes; 0 loads in the training process, -1 chooses from the cores.",
        low=-1,
        wanted="0 or more, or -1 for automatic",
        changeable=True,
    )
    prefetch: int = setting(2, "Batches that each worker prepares ahead.", low=1, changeable=True)
    names: str = setting("", "YAML file `name: symbol` for a set's own landmark names, or usual or isbi_numbers; empty: none.")
    exclude: str = setting("", "CSV file `image,reason` of images that neither training nor evaluation uses.")
    on_error: str = setting(
        "stop",
        "What an image that breaks in the middle of a run does: stop (the run), or skip (named, left out).",
        choices=("stop", "skip"),
        changeable=True,
    )
    outside: str = setting("stop", "A point outside its image: stop, or drop (not annotated).", choices=("stop", "drop"))
    synthetic_num: int = setting(200, "Images of a synthetic set that is made on first use.", low=10)
    synthetic_seed: int = setting(0, "Seed of a synthetic set that is made on first use.")

    def __post_init__(self) -> None:
        check_section("data", self)
        sizes_ok = len(self.image_size) == 2 and all(s >= 32 and s % 32 == 0 for s in self.image_size)
        # of one image of 32 x 32 px the coarsest maps are a single pixel, of which BatchNorm takes no statistics
        sizes_ok = sizes_ok and sum(self.image_size) > 64
        wanted = "[height,width], each a multiple of 32 and one of them 64 or more, e.g. [768,768]"
        need(sizes_ok, "data.image_size", list(self.image_size), wanted)


@dataclass(frozen=True, kw_only=True, slots=True)
class AugmentConfig:
    rotate: float = setting(15.0, "Largest rotation, degrees.", low=0, high=180)
    scale: float = setting(0.15, "Largest relative change of size.", low=0, high=0.9)
    aspect: float = setting(0.0, "Largest relative change of width against height.", low=0, high=0.9)
    shift: float = setting(0.05, "Largest shift, as a fraction of the input's height and width.", low=0, high=1)
    flip: float = setting(
        0.0, "Probability of a horizontal flip; off, because all heads of these sets look the same way.", low=0, high=1
    )
    brightness: float = setting(0.2, "Largest change of brightness, as a fraction of full scale.", low=0, high=1)
    contrast: float = setting(0.2, "Largest relative change of contrast.", low=0, high=1)
    gamma: float = setting(0.3, "Largest relative change of gamma.", low=0, high=0.9)
    noise: float = setting(0.02, "Largest standard deviation of Gaussian noise, as a fraction of full scale.", low=0, high=1)
    blur: float = setting(0.1, "Probability of a slight Gaussian blur.", low=0, high=1)
    erase: float = setting(0.0, "Probability that one to three rectangles are painted over.", low=0, high=1)
    degrade: float = setting(
        0.0,
        "Probability that a sample is changed as films of other devices, scanners and hands are (landmarks/data/degrade.py).",
        low=0,
        high=1,
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
class Config:
    data: DataConfig
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    heatmap: HeatmapConfig = field(default_factory=HeatmapConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    cvm: CvmConfig = field(default_factory=CvmConfig)
    train: TrainConfig = field(default_factory=TrainConfig)


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
