"""The section `train` of the settings: how long, how fast and on what a network is trained."""

import itertools
import re
from dataclasses import dataclass

from landmarks.settings import SettingError, check_section, need, setting

PRECISIONS = ("auto", "fp32", "fp16", "bf16")
DEVICES = ("auto", "cpu", "cuda")
OPTIMIZERS = ("adamw", "adam", "sgd")
SCHEDULES = ("cosine", "restarts", "one_cycle", "constant")
RECOMPUTE_LEVELS = ("none", "stem", "stride4", "stride8", "all")


def parse_size(text: str) -> int:
    """'8GB' or '7600MB' -> bytes; a GB is 1024 MB of 1024 x 1024, as on the box of a card. Raises: ValueError."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([GM])i?B\s*", text, flags=re.IGNORECASE)
    if not match or not float(match[1]):
        raise ValueError(f"found {text!r}; write a size, e.g. 8GB or 7600MB")
    return int(float(match[1]) * (2**30 if match[2].upper() == "G" else 2**20))


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainConfig:
    epochs: int = setting(100, "Passes over the training images; where a recipe has stages, the sum of theirs.", low=1)
    batch_size: int | str = setting(
        2,
        "Images of one forward pass, over all processes together; auto: chosen with accumulate and recompute to fit memory.",
        low=1,
        high=2**16,
        choices=("auto",),
        wanted="a whole number from 1, or auto",
        staged=True,
    )
    accumulate: int = setting(1, "Forward passes whose gradients make one optimizer step.", low=1, high=2**16, staged=True)
    effective_batch: int = setting(
        6,
        "Images of one optimizer step where batch_size is auto; otherwise batch_size times accumulate.",
        low=1,
        high=2**16,
        changeable=True,
        staged=True,
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
    optimizer: str = setting("adamw", "adamw, adam (decay is added to the gradient), or sgd with momentum.", choices=OPTIMIZERS)
    momentum: float = setting(0.9, "Momentum of sgd.", low=0, below=1)
    lr: float = setting(5e-4, "Peak learning rate.", above=0, staged=True)
    weight_decay: float = setting(1e-2, "Decay of convolution weights; norms and biases are not decayed.", low=0)
    schedule: str = setting(
        "cosine",
        "Learning rate after the warm-up: cosine; restarts (a cosine from each of train.restarts on); one_cycle (the warm-up "
        "is a cosine as well, from 1/25 of the peak); constant (then linear over the last train.decay_epochs).",
        choices=SCHEDULES,
    )
    restarts: tuple[float, ...] = setting((), "Epochs after which the rate returns to its peak, for schedule restarts.")
    decay_epochs: float = setting(0.0, "Last epochs of schedule constant, in which the rate falls to final_lr.", low=0)
    warmup_epochs: float = setting(5.0, "Rise of the learning rate, epochs; linear but for one_cycle.", low=0)
    final_lr: float = setting(
        0.01,
        "Learning rate at the end of the schedule, as a fraction of the peak.",
        low=0,
        high=1,
        wanted="a fraction from 0 to 1",
    )
    backbone_share: float = setting(
        1.0,
        "Part of the backbone that learns, counted in units from its output; the rest is frozen, norms included.",
        low=0,
        high=1,
        staged=True,
    )
    backbone_rate: float = setting(
        1.0,
        "Learning rate of the backbone over that of the head.",
        above=0,
        high=1,
        wanted="a number above 0 to 1",
        staged=True,
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
        staged=True,
    )
    memory_limit: str = setting(
        "",
        "Cap of a CUDA process, e.g. 8GB: what does not fit fails and recovers instead of spilling; empty: no cap of ours.",
        changeable=True,
    )
    time_steps: int = setting(
        5,
        "Real steps of each stage that are timed before a run starts, for the line that says when it ends; 0: none.",
        low=0,
        changeable=True,
    )
    backup: str = setting(
        "", "Folder, on another disk, that keeps a verified copy of best.pt and latest.pt; empty: none.", changeable=True
    )
    log_images: int = setting(4, "Validation images drawn into TensorBoard.", low=0, changeable=True)

    def __post_init__(self) -> None:
        check_section("train", self)
        if self.memory_limit:
            try:
                parse_size(self.memory_limit)
            except ValueError as error:
                raise SettingError(f"train.memory_limit: {error}") from error
        rising = all(before < after for before, after in itertools.pairwise((0.0, *self.restarts)))
        needed = bool(self.restarts) == (self.schedule == "restarts")
        need(
            rising and needed,
            "train.restarts",
            list(self.restarts),
            "rising epochs, e.g. [10,30], with schedule restarts alone",
        )
        need(self.precision != "fp16" or self.device != "cpu", "train.precision", "fp16 on the CPU", "bf16 or fp32")
