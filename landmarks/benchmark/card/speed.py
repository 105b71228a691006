"""Part 4: time of a step in several forms against the card's ceilings, of a prediction, and of the loader."""

import torch

from landmarks.benchmark.card import forms
from landmarks.benchmark.card.bench import Bench
from landmarks.benchmark.card.ceilings import ceilings
from landmarks.benchmark.card.forms import with_train
from landmarks.benchmark.infer import measure_forms, torch_forms
from landmarks.benchmark.loss import measure_loss
from landmarks.benchmark.rate import loader_rate
from landmarks.benchmark.step import measure_own
from landmarks.config import Config
from landmarks.data.batches import BatchPlan
from landmarks.data.loading import open_dataset
from landmarks.data.workers import make_loader
from landmarks.engine.account import account_pass, empty_network
from landmarks.engine.network import set_up_torch
from landmarks.inference.network import training_card
from landmarks.tasks import task_type
from landmarks.tasks.task import Task

# Images of a pass: what fits a card of 8 GB, and what fills a large one.
_SMALL, _LARGE, _LARGE_CARD_BYTES = 2, 8, 20 * 2**30
_PREDICTED_AT_ONCE = (1, 8, 32)
_LOADER_SECONDS = 8.0
# Seconds that a form takes at least: its network, the trial of kernels, twelve steps; the compiler needs minutes.
_NEED, _COMPILER_NEED = 8, 60


def run(bench: Bench) -> None:
    device = bench.device
    config = bench.recipe("1024_rtx3070ti")
    task = task_type(config).from_settings(config)
    num = len(task.landmarks)
    bench.item("ceilings", lambda: ceilings(device, dry=bench.dry))
    bench.item("counts of an image", lambda: _counts(config, task))
    batch = _LARGE if device.type == "cuda" and _total_bytes(device) > _LARGE_CARD_BYTES else _SMALL
    config = with_train(config, batch_size=batch, accumulate=1, memory_limit="")
    # the plain loop comes first: what the framework sets in the process must not help it
    bench.item(f"plain loop, batch {batch}", lambda: forms.plain(config, num, bench), need=_NEED)
    set_up_torch(config, device)
    _steps(bench, config, task)
    half = "fp16" if device.type == "cuda" else "bf16"
    shape = (1, num, 16, 16) if bench.dry else (batch, num, 256, 256)
    bench.item("loss", lambda: measure_loss("early", "channels_last", shape, bench.num(5), device), need=3)
    bench.item("prediction", lambda: _prediction(config, task, bench), need=_NEED)
    bench.item("loader", lambda: _loader(bench), need=_LOADER_SECONDS)
    bench.item("step with the loader", lambda: _with_loader(bench), need=2 * _NEED)
    bench.item(f"landmarker, batch {batch}", lambda: forms.peer(config, num, bench), need=_NEED)
    if device.type == "cuda":  # last: it may take all the time that is left
        eager = bench.items[_label(half, batch)].get("figures")
        compiled = with_train(config, precision=half)
        bench.item(
            f"{half}, compiled, batch {batch}",
            lambda: forms.changed_step(compiled, task, bench, forms.compiled, eager),
            need=_COMPILER_NEED,
        )


def _steps(bench: Bench, config: Config, task: Task) -> None:
    """The project's own step."""
    device, batch = bench.device, config.train.batch_size
    cuda = device.type == "cuda"
    for precision in ("fp16", "bf16", "fp32") if cuda else ("bf16",):
        chosen = with_train(config, precision=precision)
        bench.item(_label(precision, batch), lambda chosen=chosen: forms.own_step(chosen, task, bench), need=_NEED)
    half = "fp16" if cuda else "bf16"
    contiguous = with_train(config, precision=half, channels_last=False)
    if not bench.dry:
        bench.item(f"{half}, contiguous, batch {batch}", lambda: forms.own_step(contiguous, task, bench), need=_NEED)
    for precision in ("fp16", "bf16") if cuda else ():
        chosen, eager = with_train(config, precision=precision), bench.items[_label(precision, batch)].get("figures")
        bench.item(
            f"{precision}, CUDA graphs, batch {batch}",
            lambda chosen=chosen, eager=eager: forms.changed_step(chosen, task, bench, forms.graphed, eager),
            need=_NEED,
        )
    if batch != _SMALL:
        small = with_train(config, precision=half, batch_size=_SMALL)
        bench.item(_label(half, _SMALL), lambda: forms.own_step(small, task, bench), need=_NEED)
        eager = bench.items[_label(half, _SMALL)].get("figures")
        bench.item(
            f"{half}, CUDA graphs, batch {_SMALL}",
            lambda: forms.changed_step(small, task, bench, forms.graphed, eager),
            need=_NEED,
        )


def _label(precision: str, batch: int) -> str:
    return f"{precision}, channels_last, batch {batch}"


def _counts(config: Config, task: Task) -> dict:
    """Arithmetic of one image's forward and backward pass, and bytes that its operations read and write one by one."""
    account = account_pass(task, empty_network(task, half=True), config.data.image_size)
    return {"flops": account.flops, "traffic bytes": account.traffic}


def _prediction(config: Config, task: Task, bench: Bench) -> dict:
    """Milliseconds a film by form and by films predicted at once."""
    torch.manual_seed(0)
    network = task.build_network(pretrained=False, recompute="none").eval()
    card = training_card(task.landmarks, config, precision="fp32")
    found = {}
    named = torch_forms(network, card, bench.device)
    measure_forms(found, [named[0], *named[2:]], [1] if bench.dry else list(_PREDICTED_AT_ONCE), bench.num(5))
    return {name: {str(b): 1000 * seconds for b, seconds in form["seconds"].items()} for name, form in found.items()}


def _loader(bench: Bench) -> dict:
    """Images a second that reach the training process, with as many workers as the machine allows."""
    config = bench.recipe("1024_rtx3070ti", "data.workers=-1", "data.cache=ram")
    _, dataset = open_dataset(config.data, config.data.train_split, augment=config.augment, seed=0)
    batches = BatchPlan(len(dataset), config.train.batch_size, seed=0, shuffle=True)
    loader = make_loader(dataset, batches, config.data, pin_memory=bench.device.type == "cuda")
    rate = loader_rate(loader, 0.1 if bench.dry else _LOADER_SECONDS, batches)
    return {"images/s": rate, "workers": loader.num_workers, "batch": config.train.batch_size}


def _with_loader(bench: Bench) -> dict:
    """Phases of a step that is fed by the loader, data wait included."""
    config = bench.run_recipe("1024_rtx3070ti", "data.workers=-1", "data.cache=ram", "train.accumulate=1")
    return measure_own(config, bench.device, bench.num(20), warm_up=bench.num(3))


def _total_bytes(device: torch.device) -> int:
    return torch.cuda.get_device_properties(device).total_memory
