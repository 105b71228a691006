"""Time of a prediction, image to points, in the forms that a model can take, beside the plain one, in one process."""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from landmarks.benchmark.clock import at_least_one
from landmarks.config import Config
from landmarks.configfile import load_config
from landmarks.device import choose_device
from landmarks.engine.network import set_up_torch
from landmarks.inference.predictor import Predictor
from landmarks.metrics import format_table
from landmarks.models.fold import fold_norms
from landmarks.models.hrnet import HRNet
from landmarks.schema import LandmarkSet
from landmarks.tasks import task_type
from landmarks.tasks.saved import load_model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", help="recipe whose network, with random weights, is measured")
    parser.add_argument("--checkpoint", type=Path, help="or a checkpoint; then the change of the points means something")
    parser.add_argument("--batch", type=at_least_one, default=1, help="images of one pass")
    parser.add_argument("--repeats", type=at_least_one, default=10, help="passes that are measured; the fastest counts")
    parser.add_argument("settings", nargs="*", metavar="section.key=value", help="settings that win over the recipe's")


def run(args: argparse.Namespace) -> dict:
    """Prints the table and returns its figures. Raises: ValueError for a user's reason."""
    model, config, landmarks = _model(args)
    device = choose_device(config.train.device)
    half = "bf16" if device.type == "cpu" else "fp16"
    rng = np.random.default_rng(0)
    images = torch.from_numpy(rng.integers(0, 256, (args.batch, 1, *config.data.image_size), dtype=np.uint8))
    folded = fold_norms(model)
    forms = [
        ("plain: contiguous fp32", model, torch.contiguous_format, "fp32"),
        ("channels_last", model, torch.channels_last, "fp32"),
        ("channels_last, norms folded", folded, torch.channels_last, "fp32"),
        (f"channels_last, norms folded, {half}", folded, torch.channels_last, half),
    ]
    found, first = {}, None
    for name, network, layout, precision in forms:
        predictor = Predictor.from_settings(
            network.to(device, memory_format=layout), landmarks, config.data, config.heatmap, device=device, precision=precision
        )
        seconds, points = _time(predictor, images, args.repeats)
        first = points if first is None else first
        found[name] = {"seconds": seconds / args.batch, "largest_change_px": float(np.abs(points - first).max())}
        # after the plain form: what the framework sets in the process must not help it
        set_up_torch(config, device)
    plain = found[forms[0][0]]["seconds"]
    rows = [
        [name, f"{1000 * f['seconds']:.1f}", f"{plain / f['seconds']:.2f}", f"{f['largest_change_px']:.4f}"]
        for name, f in found.items()
    ]
    print(format_table(["form", "ms an image", "times faster", "largest change, input px"], rows))
    return {"forms": found, "device": str(device), "batch": args.batch}


def _model(args: argparse.Namespace) -> tuple[HRNet, Config, LandmarkSet]:
    if args.checkpoint:
        loaded = load_model(args.checkpoint)
        return loaded.model, loaded.config, loaded.landmarks
    if not args.config:
        raise ValueError("--config: name a recipe, or a --checkpoint")
    config = load_config(args.config, args.settings)
    torch.manual_seed(0)
    task = task_type(config).from_settings(config)
    return task.build_network(pretrained=False, recompute="none").eval(), config, task.landmarks


def _time(predictor: Predictor, images: torch.Tensor, repeats: int) -> tuple[float, np.ndarray]:
    """Fastest pass in seconds, and the points in input px."""
    to_source = torch.eye(2, 3, dtype=torch.float64).expand(len(images), 2, 3)

    def once() -> np.ndarray:
        return predictor.predict(images, to_source).points_px

    once()
    return min(_seconds(once) for _ in range(repeats)), once()


def _seconds(work: Callable[[], np.ndarray]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
