"""The settings: one frozen dataclass a section, checked when built. Functions take the section they use."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from landmarks.settings import SettingError, check_section, need, rules, setting

GROUND_TRUTHS = ("mean", "senior", "junior", "official")
CACHE_MODES = ("auto", "ram", "disk", "none")
PRECISIONS = ("auto", "fp32", "fp16", "bf16")
DEVICES = ("auto", "cpu", "cuda")
LOSSES = ("adaptive_wing", "mse")
HEADS = ("v2", "stride4")
RECOMPUTE_LEVELS = ("none", "stem", "stride4", "stride8", "all")


def parse_size(text: str) -> int:
    """'8GB' or '7600MB' -> bytes; a GB is 1024 MB of 1024 x 1024, as on the box of a card. Raises: ValueError."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([GM])i?B\s*", text, flags=re.IGNORECASE)
    if not match or not float(match[1]):
        raise ValueError(f"found {text!r}; write a size, e.g. 8GB or 7600MB")
    return int(float(match[1]) * (2**30 if match[2].upper() == "G" else 2**20))


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
    task: str = setting("landmarks", "What the network learns, a name of landmarks/tasks: landmarks (heatmaps).")
    backbone: str = setting(
        "hrnet_w32", "Any HRNet of timm: hrnet_w18_small, hrnet_w18_small_v2, hrnet_w18, hrnet_w32, hrnet_w48, ..."
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
        need(self.backbone.startswith("hrnet_"), "model.backbone", self.backbone, "a timm HRNet, e.g. hrnet_w32")


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
class TrainConfig:
    epochs: int = setting(100, "Passes over the training images.", low=1)
    batch_size: int | str = setting(
        2,
        "Images of one forward pass, over all processes together; auto: chosen with accumulate and recompute to fit memory.",
        low=1,
        high=2**16,
        choices=("auto",),
        wanted="a whole number from 1, or auto",
    )
    accumulate: int = setting(1, "Forward passes whose gradients make one optimizer step.", low=1, high=2**16)
    effective_batch: int = setting(
        6,
        "Images of one optimizer step where batch_size is auto; otherwise batch_size times accumulate.",
        low=1,
        high=2**16,
        changeable=True,
    )
    precision: str = setting("fp32", "fp32, fp16 (CUDA, with loss scaling), bf16, or auto (by the device).", choices=PRECISIONS)
    device: str = setting("auto", "auto, cpu or cuda.", choices=DEVICES, changeable=True)
    threads: int = setting(
        0,
        "Threads of a step on the CPU; 0: one a core. Other numbers change the last digits of a result.",
        low=0,
        high=1024,
        changeable=True,
    )
    lr: float = setting(5e-4, "Peak learning rate of AdamW.", above=0)
    weight_decay: float = setting(1e-2, "AdamW's decay of convolution weights; norms and biases are not decayed.", low=0)
    warmup_epochs: float = setting(5.0, "Linear rise of the learning rate, epochs.", low=0)
    final_lr: float = setting(
        0.01,
        "Learning rate at the end of the cosine, as a fraction of the peak.",
        low=0,
        high=1,
        wanted="a fraction from 0 to 1",
    )
    batch_norm: str = setting(
        "local",
        "Statistics of BatchNorm: local (each process's images), sync (all processes', CUDA), frozen (as loaded).",
        choices=("local", "sync", "frozen"),
    )
    clip_norm: float = setting(1.0, "Largest norm of a step's gradient; 0 turns clipping off.", low=0)
    ema_epochs: float = setting(5.0, "Time constant of the averaged weights (EMA), epochs; 0 turns them off.", low=0)
    validate_every: int = setting(1, "Epochs between validations; the last epoch is always validated.", low=1)
    val_batch_size: int = setting(0, "Images of a validation pass; 0: twice the training batch.", low=0, changeable=True)
    save_every: int = setting(1, "Epochs between writes of latest.pt.", low=1, changeable=True)
    save_every_steps: int = setting(
        0, "Optimizer steps between writes of latest.pt inside an epoch; 0: at ends of epochs only.", low=0, changeable=True
    )
    keep_every: int = setting(10, "Epochs between the numbered checkpoints epoch_NNN.pt; 0: none.", low=0, changeable=True)
    keep: int = setting(3, "How many numbered checkpoints stay.", low=1, changeable=True)
    patience: int = setting(0, "Early stopping: validations without a better MRE before the run ends; 0: off.", low=0)
    min_delta: float = setting(
        0.0, "Early stopping: smallest drop of the validation MRE that counts, mm (px where no pixel size is known).", low=0
    )
    seed: int = setting(
        0,
        "Seed of the initial weights, the order of images, augmentation and the held-out part.",
        low=0,
        below=2**32,
        wanted="a whole number from 0 to below 2^32",
    )
    deterministic: bool = setting(False, "Bit-exact repetition on a GPU too, at some cost of speed.")
    channels_last: bool = setting(True, "Memory layout that convolutions prefer.")
    compile: bool = setting(False, "torch.compile of the network, where the platform has a compiler.", changeable=True)
    recompute: str = setting(
        "none",
        "Activations that are computed again in the backward pass to save memory: none, stem, stride4, stride8, all.",
        choices=RECOMPUTE_LEVELS,
        changeable=True,
    )
    memory_limit: str = setting(
        "",
        "Cap of a CUDA process, e.g. 8GB: what does not fit fails and recovers instead of spilling; empty: no cap of ours.",
        changeable=True,
    )
    log_images: int = setting(4, "Validation images drawn into TensorBoard.", low=0, changeable=True)

    def __post_init__(self) -> None:
        check_section("train", self)
        if self.memory_limit:
            try:
                parse_size(self.memory_limit)
            except ValueError as error:
                raise SettingError(f"train.memory_limit: {error}") from error
        need(self.precision != "fp16" or self.device != "cpu", "train.precision", "fp16 on the CPU", "bf16 or fp32")


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    data: DataConfig
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    heatmap: HeatmapConfig = field(default_factory=HeatmapConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    train: TrainConfig = field(default_factory=TrainConfig)


SECTIONS: dict[str, Callable] = {
    "data": DataConfig,
    "augment": AugmentConfig,
    "model": ModelConfig,
    "heatmap": HeatmapConfig,
    "loss": LossConfig,
    "train": TrainConfig,
}

CHANGEABLE = {section: {key for key, rule in rules(kind).items() if rule.changeable} for section, kind in SECTIONS.items()}
"""The settings that a resumed run may change, by section."""
