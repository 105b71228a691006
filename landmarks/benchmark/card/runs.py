"""Part 2, whole runs: a resumed one, one on two ranks, and the export of what was trained."""

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from landmarks.benchmark.card.bench import Bench
from landmarks.benchmark.card.checks import verdict
from landmarks.benchmark.card.parts import end_with_parent
from landmarks.config import Config
from landmarks.data.loading import part_of
from landmarks.distributed import RankInfo, leave
from landmarks.engine.build import prepare_run
from landmarks.engine.learner import make_learner
from landmarks.engine.measure import random_window
from landmarks.engine.network import start_training_mode
from landmarks.engine.step import train_window
from landmarks.engine.stopping import Stopped
from landmarks.engine.trainer import fit
from landmarks.inference.export import export_onnx
from landmarks.inference.network import open_checkpoint
from landmarks.inference.onnx import open_onnx
from landmarks.tasks import task_type

_SMALL = ("model.backbone=hrnet_w18", "data.image_size=[256,256]", "train.epochs=2", "train.warmup_epochs=0")
# Of the time that is left, what a step of several processes may take: they may wait for each other without end.
_PATIENCE = 1 / 3


def run(bench: Bench) -> None:
    """Whole runs of a small network; the export needs the checkpoint of the resumed one."""
    folder = bench.scratch("resumed")
    bench.item("resume", lambda: _resume(bench, folder), need=20)
    bench.item("export", lambda: _export(bench, folder / "checkpoints" / "latest.pt"), need=5)


def _resume(bench: Bench, folder: Path) -> dict:
    """A run that was stopped after its first step and resumed, against one that was not, bit for bit."""
    config = bench.run_recipe("isbi2015_1024", *_SMALL, "train.deterministic=true", "train.validate_every=2")
    try:
        whole = prepare_run(config, bench.scratch("whole"), resume=None)
        fit(whole)
        stopped = prepare_run(config, folder, resume=None)
        stopped.learner.signals.stop.append(signal.SIGTERM)
        with contextlib.suppress(Stopped):
            fit(stopped)
        stopped.close()
        windows = stopped.progress.windows  # not steps: at first fp16 may skip some, its loss scale being too high
        resumed = prepare_run(config, folder, resume=folder)
        fit(resumed)
    finally:
        torch.use_deterministic_algorithms(False)
    pairs = list(zip(_state(whole.learner.state_dict()), _state(resumed.learner.state_dict()), strict=True))
    different = [float((a.double() - b.double()).abs().max()) for a, b in pairs if not torch.equal(a, b)]
    facts = {"stopped after windows": windows, "steps": resumed.progress.step, "tensors": len(pairs)}
    ok = not different and windows == 1 and resumed.progress.step == whole.progress.step > 1
    return {"ok": ok, **facts, "different tensors": len(different), "largest difference": max(different, default=0.0)}


def _state(saved: dict) -> list[torch.Tensor]:
    """Weights, averaged weights and the optimizer's moments."""
    moments = [value for state in saved["optimizer"]["state"].values() for value in state.values()]
    return [*saved["model"].values(), *(saved["ema"] or {}).values(), *(m for m in moments if torch.is_tensor(m))]


def _export(bench: Bench, checkpoint: Path) -> dict:
    """Maps of the card in single precision, with and without tf32, against the ONNX file's on the processor."""
    exported = export_onnx(checkpoint, bench.job.folder / "exported.onnx")
    network = open_checkpoint(checkpoint, device=bench.device.type, overrides=["train.precision=fp32"])
    images = np.random.default_rng(0).integers(0, 256, (2, 1, *network.card.image_size), dtype=np.uint8)
    wanted = open_onnx(exported.path, device="cpu").maps(images)
    found, allowed = {"processor": exported.largest_difference}, torch.backends.cudnn.allow_tf32
    for name, allow in (("fp32", False), ("tf32", True)):
        torch.backends.cudnn.allow_tf32 = allow
        found[name] = float(np.abs(network.maps(images) - wanted).max())
    torch.backends.cudnn.allow_tf32 = allowed
    return verdict({"processor": 1e-3, "fp32": 1e-3, "tf32": 2e-2}, found)


def ranks(bench: Bench) -> dict:
    """A step of two processes on one device by gloo (nccl wants a card for each) against that of one process.

    They are copies of this process, which must not have used its device before.
    """
    config = bench.run_recipe("isbi2015_1024", *_SMALL, "train.precision=fp32", "train.batch_norm=frozen")
    one, two = (_step_of(bench, config, size) for size in (1, 2))
    loss, norm = (abs(two[key] / one[key] - 1) for key in ("loss", "norm"))
    found = {"loss, relative": loss, "gradient norm, relative": norm, "ranks apart": two["apart"]}
    return verdict({"loss, relative": 1e-5, "gradient norm, relative": 1e-3, "ranks apart": 0.0}, found)


def _step_of(bench: Bench, config: Config, size: int) -> dict[str, float]:
    """Loss, gradient norm and largest difference between the ranks' weights after one step of `size` processes."""
    folder = bench.scratch(f"ranks{size}")
    make = multiprocessing.get_context("fork" if hasattr(os, "fork") else "spawn").Process
    deadline = time.time() + _PATIENCE * bench.left()
    processes = [make(target=_rank, args=(rank, size, config, bench.device, folder)) for rank in range(size)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(max(0.0, deadline - time.time()))
    codes = [process.exitcode for process in processes]
    for process in processes:
        process.kill()
    if any(codes):
        raise RuntimeError(f"{size} processes ended with {codes}")
    if None in codes:
        raise RuntimeError(f"{size} processes waited for each other too long")
    found = [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(size)]
    apart = max(float((a - b).abs().max()) for a, b in zip(found[0]["weights"], found[-1]["weights"], strict=True))
    return {"loss": found[0]["loss"], "norm": found[0]["norm"], "apart": apart}


def _rank(rank: int, size: int, config: Config, device: torch.device, folder: Path) -> None:
    """One process of `_step_of`: its share of a batch of four, one step, and what came of it in a file."""
    threading.Thread(target=end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    torch.backends.cudnn.allow_tf32 = False
    if size > 1:
        file = (folder / "meeting").resolve().as_uri()
        torch.distributed.init_process_group("gloo", init_method=file, rank=rank, world_size=size)
    task = task_type(config).from_settings(config)
    config = replace(config, train=replace(config.train, batch_size=4, accumulate=1))
    share = 4 // size
    learner, _ = make_learner(config, task, device, RankInfo(rank, size, rank, size), num_batches=100, share=share)
    start_training_mode(learner.model, "frozen")
    (whole,) = random_window(learner)
    result = train_window(learner, [part_of(whole, slice(rank * share, (rank + 1) * share))])
    weights = [p.detach().cpu() for p in learner.model.parameters()]
    torch.save({"loss": result.loss_sum, "norm": result.grad_norm, "weights": weights}, folder / f"{rank}.pt")
    leave()
