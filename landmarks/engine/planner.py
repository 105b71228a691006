"""Which micro-batch and recompute level a card has room for, predicted without it, and the fastest of them."""

import logging
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import torch

from landmarks.config import Config
from landmarks.configfile import config_to_dict
from landmarks.data.batches import largest_size
from landmarks.data.resources import available_memory
from landmarks.data.sets import read_split
from landmarks.distributed import least_of_ranks, rank_info
from landmarks.engine.account import PassAccount, account_pass, count_static, empty_network
from landmarks.engine.checkpoint import recipe_of
from landmarks.engine.constants import read_constants
from landmarks.engine.memory import CONTEXT_BYTES, MIB, higher_level, usable_memory
from landmarks.engine.network import freeze_backbone
from landmarks.formats.records import DataError
from landmarks.metrics import format_table
from landmarks.stages import change_stage, stage_settings
from landmarks.tasks import task_type
from landmarks.tasks.task import Task
from landmarks.trainconfig import RECOMPUTE_LEVELS

log = logging.getLogger(__name__)

_CARD = read_constants()


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """One way to make an optimizer step of `micro_batch` x `accumulate` images; sizes in bytes."""

    recompute: str
    micro_batch: int
    accumulate: int
    static: int
    activations: int
    loss: int
    margin: int
    total: int
    flops: int
    """Arithmetic of an optimizer step, recomputed parts included."""
    seconds: float
    """Estimated time of an optimizer step, good for comparing choices only."""
    fits: bool


def plan(
    config: Config,
    task: Task,
    memory: int,
    *,
    cuda: bool = True,
    ranks: int = 1,
    levels: Sequence[str] = RECOMPUTE_LEVELS,
) -> list[Choice]:
    """All choices for the settings' effective batch within `memory` bytes a process, fastest first.

    Raises: ValueError where the effective batch cannot be shared out among the processes.
    """
    images, rest = divmod(effective_batch(config), ranks)
    if rest or not images:
        raise ValueError(f"train.effective_batch: {effective_batch(config)} images cannot be shared by {ranks} processes")
    half = config.train.precision != "fp32"
    model = empty_network(task, half=half)
    freeze_backbone(model, config.train.backbone_share)
    averages = 1 if config.train.optimizer == "sgd" else 2
    static = count_static(model, half=half, ema=config.train.ema_epochs > 0, averages=averages)
    choices = []
    for level in levels:
        model.recompute = level
        account = account_pass(task, model, largest_size(config.data))
        for size in (size for size in range(1, images + 1) if images % size == 0):
            choices.append(_choice(level, size, images, static, account, memory, cuda))
    return sorted(choices, key=lambda choice: (not choice.fits, choice.seconds, choice.total))


def _choice(level: str, size: int, images: int, static: int, account: PassAccount, memory: int, cuda: bool) -> Choice:
    activations = size * max(account.peak, account.kept + account.loss)
    margin = int(_CARD.fragmentation * activations + _CARD.workspace_mib * MIB) + (CONTEXT_BYTES if cuda else 0)
    total = static + activations + margin
    seconds = images // size * _CARD.pass_seconds + images * account.flops / (1e12 * _CARD.tflops)
    return Choice(
        recompute=level,
        micro_batch=size,
        accumulate=images // size,
        static=static,
        activations=activations,
        loss=size * account.loss,
        margin=margin,
        total=total,
        flops=images * account.flops,
        seconds=seconds,
        fits=total <= memory,
    )


def fastest(choices: list[Choice], memory: int, measured: dict[int, tuple[float, float]] | None = None) -> Choice:
    """By measurement where there is one, as `measure_choices` gives it, else by prediction.

    Raises: ValueError where nothing fits, saying what the leanest needs.
    """
    if measured:
        seconds = {number: s for number, (mib, s) in measured.items() if mib <= memory / MIB}
        if seconds:
            return choices[min(seconds, key=seconds.get)]
        raise ValueError("train.batch_size: of all that should fit, nothing did; lower data.image_size or model.backbone")
    if choices[0].fits:
        return choices[0]
    least = min(choices, key=lambda choice: choice.total)
    raise ValueError(
        f"train.batch_size: nothing fits into {memory / 2**30:.1f} GB; one image with train.recompute={least.recompute} needs "
        f"{least.total / 2**30:.1f} GB: lower data.image_size or choose a narrower model.backbone"
    )


def effective_batch(config: Config) -> int:
    """Images of one optimizer step."""
    train = config.train
    return train.effective_batch if train.batch_size == "auto" else train.batch_size * train.accumulate


def task_for_plan(config: Config) -> Task:
    """The task on its data, or, where that cannot be read, as far as the settings tell."""
    try:
        return task_type(config).from_records(config, read_split(config.data, config.data.train_split, seed=config.train.seed))
    except DataError as error:
        log.info(f"planned without the data ({error})")
        return task_type(config).from_settings(config)


def settle_batch(config: Config, task: Task, device: torch.device, saved: dict | None, *, ranks: int = 1) -> tuple[Config, str]:
    """Puts numbers where `train.batch_size` is auto: those of the run that is resumed, or the planner's.

    Returns: the settings, and a line that says what was chosen. Raises: ValueError where nothing fits.
    """
    if config.train.batch_size != "auto":
        return config, ""
    if saved:
        before = saved["config"]["train"]
        kept = {key: before[key] for key in ("batch_size", "accumulate", "effective_batch")}
        kept["recompute"] = higher_level(before["recompute"], config.train.recompute)
        line = f"train.batch_size: auto keeps {kept['batch_size']} x {kept['accumulate']} images a step of the resumed run"
        return replace(config, train=replace(config.train, **kept)), line
    here = usable_memory(config.train, device) if device.type == "cuda" else available_memory() // rank_info().local_size
    memory = least_of_ranks(here)  # or ranks on unlike cards would choose unlike batches
    choice = fastest(plan(config, task, memory, cuda=device.type == "cuda", ranks=ranks), memory)
    size = choice.micro_batch * ranks
    train = replace(config.train, batch_size=size, accumulate=choice.accumulate, recompute=choice.recompute)
    return replace(config, train=train), (
        f"train.batch_size: auto -> {size} x {choice.accumulate} images a step (effective batch {size * choice.accumulate}), "
        f"train.recompute={choice.recompute}; predicted {choice.total / 2**30:.1f} of {memory / 2**30:.1f} GB"
    )


def settle_batches(
    recipe: Config, task: Task, device: torch.device, saved: dict | None, *, ranks: int = 1
) -> tuple[Config, list[str]]:
    """`settle_batch` for each stage of a recipe, whose batch must fit with its own input size.

    Returns: the settings, and lines that say what was chosen. Raises: ValueError where nothing fits.
    """
    if not recipe.stages:
        recipe, line = settle_batch(recipe, task, device, saved, ranks=ranks)
        return recipe, [line]
    before, lines = stage_settings(recipe_of(saved)) if saved else [], []
    for position, settings in enumerate(stage_settings(recipe)):
        earlier = {"config": config_to_dict(before[position])} if position < len(before) else None
        try:
            settled, line = settle_batch(settings, task, device, earlier, ranks=ranks)
        except ValueError as error:
            raise ValueError(f"stages.{position + 1}.{error}") from error
        if device.type == "cuda" and settings.train.batch_size != "auto":
            memory = least_of_ranks(usable_memory(settings.train, device))
            line = _too_large(settings, task, memory, ranks)
            lines += [f"stages.{position + 1}.{line}"] if line else []
        elif line:
            found = {key: getattr(settled.train, key) for key in ("batch_size", "accumulate", "effective_batch", "recompute")}
            recipe = change_stage(recipe, position, "train", found)
            lines.append(f"stages.{position + 1}.{line}")
    return recipe, lines


def _too_large(config: Config, task: Task, memory: int, ranks: int) -> str:
    """A line where the batch that is written will hardly fit: in a later stage that shows after hours, and costs speed."""
    micro_batch = -(-config.train.batch_size // ranks)
    images = micro_batch * config.train.accumulate
    planned = plan(replace(config, train=replace(config.train, batch_size=images, accumulate=1)), task, memory)
    chosen = next(c for c in planned if (c.micro_batch, c.recompute) == (micro_batch, config.train.recompute))
    if chosen.fits:
        return ""
    return (
        f"train.batch_size: {config.train.batch_size} images with train.recompute={chosen.recompute} need about "
        f"{chosen.total / 2**30:.1f} of {memory / 2**30:.1f} GB; what does not fit is halved when it comes to it"
    )


def plan_table(choices: list[Choice], measured: dict[int, tuple[float, float]] | None = None) -> str:
    """The choices as a text table, MiB; `measured` gives (MiB in all, seconds a step) by position."""
    header = ["recompute", "batch x accumulate", "static", "activations", "loss alone", "margin", "in all", "time", "fits"]
    header += ["measured", "seconds"] if measured else []
    rows = []
    for number, choice in enumerate(choices):
        sizes = (choice.static, choice.activations, choice.loss, choice.margin, choice.total)
        row = [choice.recompute, f"{choice.micro_batch} x {choice.accumulate}", *(f"{size / MIB:,.0f}" for size in sizes)]
        row += [f"{choice.seconds / min(c.seconds for c in choices):.2f}", "yes" if choice.fits else "no"]
        if measured:
            found = measured.get(number)
            row += [f"{found[0]:,.0f}", f"{found[1]:.3f}"] if found else ["", ""]
        rows.append(row)
    return format_table(header, rows)


def plan_to_dict(choices: list[Choice], memory: int, measured: dict[int, tuple[float, float]] | None) -> dict:
    """Sizes in bytes, but for `measured_mib`, which is None where the step did not fit."""
    rows = [asdict(choice) for choice in choices]
    for number, (mib, seconds) in (measured or {}).items():
        fitted = math.isfinite(mib)
        rows[number] |= {"measured_mib": mib if fitted else None, "measured_seconds": seconds if fitted else None}
    return {"memory": memory, "choices": rows}
