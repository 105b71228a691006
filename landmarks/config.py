"""The settings: one frozen dataclass a section, checked when built. Functions take the section they use."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields

GROUND_TRUTHS = ("mean", "senior", "junior", "official")
CACHE_MODES = ("auto", "ram", "disk", "none")
PRECISIONS = ("fp32", "fp16", "bf16")
DEVICES = ("auto", "cpu", "cuda")
LOSSES = ("adaptive_wing", "mse")
HEADS = ("v2", "stride4")
RECOMPUTE_LEVELS = ("none", "stem", "stride4", "stride8", "all")


class SettingError(ValueError):
    """A setting that cannot be used; the message names it, says what was found and what to write."""


def parse_size(text: str) -> int:
    """'8GB' or '7600MB' -> bytes; a GB is 1024 MB of 1024 x 1024, as on the box of a card. Raises: ValueError."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([GM])i?B\s*", text, flags=re.IGNORECASE)
    if not match or not float(match[1]):
        raise ValueError(f"found {text!r}; write a size, e.g. 8GB or 7600MB")
    return int(float(match[1]) * (2**30 if match[2].upper() == "G" else 2**20))


def _need(good: bool, name: str, found: object, wanted: str) -> None:
    if not good:
        raise SettingError(f"{name}: found {found!r}; write {wanted}")


def _finite(section: str, settings: object) -> None:
    for field_ in fields(settings):
        value = getattr(settings, field_.name)
        _need(not isinstance(value, float) or math.isfinite(value), f"{section}.{field_.name}", value, "a finite number")


def _one_of(name: str, found: object, choices: tuple[str, ...]) -> None:
    _need(found in choices, name, found, f"one of {', '.join(choices)}")


@dataclass(frozen=True, kw_only=True, slots=True)
class DataConfig:
    format: str = "aariz"
    """Layout on disk: aariz, isbi2015, table (own CSV), synthetic (made on first use), ...; data/README.md lists them."""
    root: str = ""
    """Folder of the data set; empty only for synthetic, which then lives in data/synthetic_v<version>_<num>_<seed>."""
    image_size: tuple[int, int] = (768, 768)
    """Network input (height, width) in px, each divisible by 32; images are letterboxed into it."""
    landmarks: tuple[str, ...] = ()
    """Symbols or groups to train on, in this order; empty means all that the data set names."""
    ground_truth: str = "mean"
    """Which reader's points are the truth: mean, senior, junior, or official (Aariz authors' ceil of the mean)."""
    train_split: str = "train"
    """Split that is trained on."""
    val_split: str = "valid"
    """Split that is validated on; for isbi2015 and for a table without it, valid is cut from train by val_fraction."""
    val_fraction: float = 0.1
    """isbi2015 and a table without 'valid': part of the training images held out for it, drawn by train.seed; 0: none."""
    cache: str = "auto"
    """Where decoded images are kept: auto (ram or disk, by free memory), ram, disk or none (decode every time)."""
    cache_scale: float = 1.25
    """Size of a cached image over the size it has in the network input; 1 is the leanest, more is sharper."""
    cache_dir: str = "data/cache"
    """Folder of the disk cache."""
    workers: int = 2
    """Loader processes; 0 loads in the training process, -1 chooses from the cores."""
    prefetch: int = 2
    """Batches that each worker prepares ahead."""
    exclude: str = ""
    """CSV file `image,reason` of images that neither training nor evaluation uses."""
    on_error: str = "stop"
    """What an image that breaks in the middle of a run does: stop (the run), or skip (named, left out)."""
    synthetic_num: int = 200
    """Images of a synthetic set that is made on first use."""
    synthetic_seed: int = 0
    """Seed of a synthetic set that is made on first use."""

    def __post_init__(self) -> None:
        _finite("data", self)
        _one_of("data.ground_truth", self.ground_truth, GROUND_TRUTHS)
        _one_of("data.cache", self.cache, CACHE_MODES)
        _one_of("data.on_error", self.on_error, ("stop", "skip"))
        sizes_ok = len(self.image_size) == 2 and all(s >= 32 and s % 32 == 0 for s in self.image_size)
        _need(sizes_ok, "data.image_size", list(self.image_size), "[height,width], each a multiple of 32, e.g. [768,768]")
        _need(0 <= self.val_fraction < 1, "data.val_fraction", self.val_fraction, "a number from 0 to below 1")
        _need(1 <= self.cache_scale <= 4, "data.cache_scale", self.cache_scale, "a number from 1 to 4")
        _need(self.workers >= -1, "data.workers", self.workers, "0 or more, or -1 for automatic")
        _need(self.prefetch >= 1, "data.prefetch", self.prefetch, "1 or more")
        _need(self.synthetic_num >= 10, "data.synthetic_num", self.synthetic_num, "10 or more")


@dataclass(frozen=True, kw_only=True, slots=True)
class AugmentConfig:
    rotate: float = 15.0
    """Largest rotation, degrees."""
    scale: float = 0.15
    """Largest relative change of size."""
    aspect: float = 0.0
    """Largest relative change of width against height."""
    shift: float = 0.05
    """Largest shift, as a fraction of the input's height and width."""
    flip: float = 0.0
    """Probability of a horizontal flip; off, because all heads of these sets look the same way."""
    brightness: float = 0.2
    """Largest change of brightness, as a fraction of full scale."""
    contrast: float = 0.2
    """Largest relative change of contrast."""
    gamma: float = 0.3
    """Largest relative change of gamma."""
    noise: float = 0.02
    """Largest standard deviation of Gaussian noise, as a fraction of full scale."""
    blur: float = 0.1
    """Probability of a slight Gaussian blur."""
    erase: float = 0.0
    """Probability that one to three rectangles are painted over."""
    degrade: float = 0.0
    """Probability that a sample is changed as films of other devices, scanners and hands are (landmarks/data/degrade.py)."""

    def __post_init__(self) -> None:
        _finite("augment", self)
        tops = {"rotate": 180, "scale": 0.9, "aspect": 0.9, "gamma": 0.9}
        for name in (field_.name for field_ in fields(self)):
            value, top = getattr(self, name), tops.get(name, 1)
            _need(0 <= value <= top, f"augment.{name}", value, f"a number from 0 to {top}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig:
    backbone: str = "hrnet_w32"
    """Any HRNet of timm: hrnet_w18_small, hrnet_w18_small_v2, hrnet_w18, hrnet_w32, hrnet_w48, ..."""
    pretrained: bool | str = False
    """ImageNet weights: true fetches them through timm, a path reads a local file, false starts from random."""
    in_channels: int = 1
    """1: gray input; 3: the gray image repeated, as ImageNet weights saw it."""
    head: str = "v2"
    """v2: all four branches upsampled and joined (HRNetV2); stride4: the finest branch alone."""
    head_channels: int = 0
    """Hidden channels of the v2 head; 0: as many as the branches have together."""
    init_from: str = ""
    """Checkpoint whose weights start a new run (fine-tuning); another input size or landmark set is allowed."""

    def __post_init__(self) -> None:
        _finite("model", self)
        _need(self.backbone.startswith("hrnet_"), "model.backbone", self.backbone, "a timm HRNet, e.g. hrnet_w32")
        _one_of("model.head", self.head, HEADS)
        _need(self.in_channels in (1, 3), "model.in_channels", self.in_channels, "1 or 3")
        _need(0 <= self.head_channels <= 4096, "model.head_channels", self.head_channels, "0 (automatic) to 4096")


@dataclass(frozen=True, kw_only=True, slots=True)
class HeatmapConfig:
    sigma: float = 2.0
    """Standard deviation of the target Gaussian, heatmap px (one heatmap px is 4 input px)."""

    def __post_init__(self) -> None:
        _finite("heatmap", self)
        _need(0.5 <= self.sigma <= 20, "heatmap.sigma", self.sigma, "a number from 0.5 to 20")


@dataclass(frozen=True, kw_only=True, slots=True)
class LossConfig:
    name: str = "adaptive_wing"
    """adaptive_wing or mse."""
    alpha: float = 2.1
    """Adaptive Wing: exponent; above 2."""
    omega: float = 14.0
    """Adaptive Wing: height of the curved part."""
    epsilon: float = 1.0
    """Adaptive Wing: width of the curved part."""
    theta: float = 0.5
    """Adaptive Wing: error at which the curve turns into a straight line."""
    foreground_weight: float = 10.0
    """Extra weight of pixels near the landmark (the weighted loss map); 0 turns it off."""
    weights: dict[str, float] = field(default_factory=dict)
    """Weight of a landmark's loss by symbol or group (all, hard12), later entries win: {hard12: 1.5, UMT: 2.5}."""
    preset: str = "none"
    """none: all weigh 1; hard12: weights of the reference scripts for 12 hard landmarks; hard12_only: these 12 alone."""

    def __post_init__(self) -> None:
        _finite("loss", self)
        _one_of("loss.name", self.name, LOSSES)
        _one_of("loss.preset", self.preset, ("none", "hard12", "hard12_only"))
        _need(self.alpha > 2, "loss.alpha", self.alpha, "a number above 2 (targets reach 1)")
        for name in ("omega", "epsilon", "theta"):
            _need(getattr(self, name) > 0, f"loss.{name}", getattr(self, name), "a number above 0")
        _need(self.foreground_weight >= 0, "loss.foreground_weight", self.foreground_weight, "0 or more")
        for symbol, weight in self.weights.items():
            _need(0 <= weight < math.inf, f"loss.weights.{symbol}", weight, "0 or more")


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainConfig:
    epochs: int = 100
    """Passes over the training images."""
    batch_size: int | str = 2
    """Images of one forward pass, over all processes together; auto: chosen with accumulate and recompute to fit memory."""
    accumulate: int = 1
    """Forward passes whose gradients make one optimizer step."""
    effective_batch: int = 6
    """Images of one optimizer step where batch_size is auto; otherwise batch_size times accumulate."""
    precision: str = "fp32"
    """fp32, fp16 (CUDA, with loss scaling) or bf16 (either device)."""
    device: str = "auto"
    """auto, cpu or cuda."""
    lr: float = 5e-4
    """Peak learning rate of AdamW."""
    weight_decay: float = 1e-2
    """AdamW's decay of convolution weights; norms and biases are not decayed."""
    warmup_epochs: float = 5.0
    """Linear rise of the learning rate, epochs."""
    final_lr: float = 0.01
    """Learning rate at the end of the cosine, as a fraction of the peak."""
    batch_norm: str = "local"
    """Statistics of BatchNorm: local (each process's images), sync (all processes', CUDA), frozen (as loaded)."""
    clip_norm: float = 1.0
    """Largest norm of a step's gradient; 0 turns clipping off."""
    ema_epochs: float = 5.0
    """Time constant of the averaged weights (EMA), epochs; 0 turns them off."""
    validate_every: int = 1
    """Epochs between validations; the last epoch is always validated."""
    val_batch_size: int = 0
    """Images of a validation pass; 0: twice the training batch."""
    save_every: int = 1
    """Epochs between writes of latest.pt."""
    save_every_steps: int = 0
    """Optimizer steps between writes of latest.pt inside an epoch; 0: at ends of epochs only."""
    keep_every: int = 10
    """Epochs between the numbered checkpoints epoch_NNN.pt; 0: none."""
    keep: int = 3
    """How many numbered checkpoints stay."""
    patience: int = 0
    """Early stopping: validations without a better MRE before the run ends; 0: off."""
    min_delta: float = 0.0
    """Early stopping: smallest drop of the validation MRE that counts, mm (px where no pixel size is known)."""
    seed: int = 0
    """Seed of the initial weights, the order of images, augmentation and the held-out part."""
    deterministic: bool = False
    """Bit-exact repetition on a GPU too, at some cost of speed."""
    channels_last: bool = True
    """Memory layout that convolutions prefer."""
    compile: bool = False
    """torch.compile of the network, where the platform has a compiler."""
    recompute: str = "none"
    """Activations that are computed again in the backward pass to save memory: none, stem, stride4, stride8, all."""
    memory_limit: str = ""
    """Cap of a CUDA process, e.g. 8GB: what does not fit fails and recovers instead of spilling; empty: no cap of ours."""
    log_images: int = 4
    """Validation images drawn into TensorBoard."""

    def __post_init__(self) -> None:
        _finite("train", self)
        _one_of("train.precision", self.precision, PRECISIONS)
        _one_of("train.device", self.device, DEVICES)
        _one_of("train.batch_norm", self.batch_norm, ("local", "sync", "frozen"))
        _one_of("train.recompute", self.recompute, RECOMPUTE_LEVELS)
        if self.memory_limit:
            try:
                parse_size(self.memory_limit)
            except ValueError as error:
                raise SettingError(f"train.memory_limit: {error}") from error
        sized = self.batch_size == "auto" or (type(self.batch_size) is int and 1 <= self.batch_size <= 2**16)
        _need(sized, "train.batch_size", self.batch_size, "a whole number from 1, or auto")
        for name in ("accumulate", "effective_batch"):
            _need(1 <= getattr(self, name) <= 2**16, f"train.{name}", getattr(self, name), "1 to 65536")
        for name in ("epochs", "validate_every", "save_every", "keep"):
            _need(getattr(self, name) >= 1, f"train.{name}", getattr(self, name), "1 or more")
        for name in ("val_batch_size", "save_every_steps", "keep_every", "patience", "min_delta", "seed", "log_images",
                     "weight_decay", "warmup_epochs", "clip_norm", "ema_epochs"):  # fmt: skip
            _need(getattr(self, name) >= 0, f"train.{name}", getattr(self, name), "0 or more")
        _need(self.seed < 2**32, "train.seed", self.seed, "a whole number below 2^32")
        _need(self.lr > 0, "train.lr", self.lr, "a number above 0")
        _need(0 <= self.final_lr <= 1, "train.final_lr", self.final_lr, "a fraction from 0 to 1")
        _need(self.precision != "fp16" or self.device != "cpu", "train.precision", "fp16 on the CPU", "bf16 or fp32")


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
