"""Time of a prediction, film to points, by torch in several forms and by onnxruntime, in one process."""

import argparse
import copy
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch

from landmarks.benchmark.clock import at_least_one
from landmarks.config import Config
from landmarks.configfile import load_config
from landmarks.device import choose_device
from landmarks.draw import overlay, write_picture
from landmarks.engine.network import set_up_torch
from landmarks.inference.card import ModelCard
from landmarks.inference.export import onnx_bytes
from landmarks.inference.network import TorchNetwork, training_card
from landmarks.inference.onnx import OnnxNetwork
from landmarks.inference.predictor import Network, Predictor
from landmarks.inference.prepare import prepare
from landmarks.metrics import format_table
from landmarks.models.fold import fold_norms
from landmarks.models.hrnet import HRNet
from landmarks.radiograph import read_gray
from landmarks.tasks import task_type
from landmarks.tasks.saved import load_model

_FILM = (2400, 1935)  # px, the size of ISBI 2015's films
_PHASES = ("read", "prepare", "network", "decode", "write")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", help="recipe whose network, with random weights, is measured")
    parser.add_argument("--checkpoint", type=Path, help="or a checkpoint; then the change of the points means something")
    parser.add_argument("--batch", type=at_least_one, action="append", help="films of one pass (default: 1, then 8)")
    parser.add_argument("--threads", type=at_least_one, help="threads of torch and of onnxruntime (default: torch's)")
    parser.add_argument("--repeats", type=at_least_one, default=10, help="passes that are measured; the fastest counts")
    parser.add_argument("--film", type=Path, help="film whose whole way is measured (default: noise of 2400 x 1935 px)")
    parser.add_argument("settings", nargs="*", metavar="section.key=value", help="settings that override the recipe's")


def run(args: argparse.Namespace) -> dict:
    """Prints the tables and returns their figures. Raises: ValueError for a user's reason."""
    model, config, card = _model(args)
    device = choose_device(config.train.device)
    if args.threads:
        torch.set_num_threads(args.threads)
    threads = torch.get_num_threads()
    batches = args.batch or [1, 8]
    forms = torch_forms(model, card, device)
    found = {name: {"seconds": {}, "largest_change_px": 0.0} for name, _ in forms}
    measure_forms(found, forms[:1], batches, args.repeats)
    # after the plain form: what the framework sets in the process must not help it
    set_up_torch(config, device)
    torch.set_num_threads(threads)
    measure_forms(found, forms[1:], batches, args.repeats)
    exported = onnx_bytes(TorchNetwork(fold_norms(model).cpu(), card, device=torch.device("cpu")), card)
    onnx = OnnxNetwork(exported, "benchmark", device=device.type, threads=threads)
    measure_forms(found, [("onnxruntime", onnx)], batches, args.repeats)
    for form in found.values():
        del form["points"]
    _print(found, batches, threads)
    whole = {"torch": _whole_way(forms[2][1], args.film), "onnxruntime": _whole_way(onnx, args.film)}
    rows = [
        [name, *(f"{1000 * times[p]:.1f}" for p in _PHASES), f"{1000 * sum(times.values()):.1f}"]
        for name, times in whole.items()
    ]
    print("", format_table(["one film, ms", *_PHASES, "together"], rows), sep="\n")
    return {"forms": found, "film": whole, "device": str(device), "threads": threads}


def torch_forms(model: HRNet, card: ModelCard, device: torch.device) -> list[tuple[str, Network]]:
    half = "bf16" if device.type == "cpu" else "fp16"
    folded = fold_norms(model)
    forms = (
        ("torch: contiguous fp32", model, torch.contiguous_format, "fp32"),
        ("torch: channels_last", model, torch.channels_last, "fp32"),
        ("torch: channels_last, norms folded", folded, torch.channels_last, "fp32"),
        (f"torch: channels_last, norms folded, {half}", folded, torch.channels_last, half),
    )

    def network(model: HRNet, layout: torch.memory_format, precision: str) -> TorchNetwork:
        model = copy.deepcopy(model).to(device, memory_format=layout)
        return TorchNetwork(model, replace(card, precision=precision), device=device)

    return [(name, network(*form)) for name, *form in forms]


def measure_forms(found: dict, forms: list[tuple[str, Network]], batches: list[int], repeats: int) -> None:
    """Adds seconds a film by batch, and how far points lie from those of the first form."""
    for name, network in forms:
        figures = found.setdefault(name, {"seconds": {}, "largest_change_px": 0.0})
        figures["points"] = {}
        for batch in batches:
            images = np.random.default_rng(0).integers(0, 256, (batch, 1, *network.card.image_size), dtype=np.uint8)
            to_input = np.broadcast_to(np.eye(2, 3), (batch, 2, 3))
            seconds, points = _fastest(Predictor(network), images, to_input, repeats)
            figures["seconds"][batch], figures["points"][batch] = seconds / batch, points
            change = np.abs(points - next(iter(found.values()))["points"][batch]).max()
            figures["largest_change_px"] = max(figures["largest_change_px"], float(change))


def _fastest(predictor: Predictor, images: np.ndarray, to_input: np.ndarray, repeats: int) -> tuple[float, np.ndarray]:
    """Seconds of the fastest pass, and the points in input px."""
    points = predictor.predict(images, to_input).points_px
    return min(_seconds(lambda: predictor.predict(images, to_input)) for _ in range(repeats)), points


def _print(found: dict, batches: list[int], threads: int) -> None:
    plain = next(iter(found.values()))["seconds"]
    header = ["form", *(f"ms a film, batch {b}" for b in batches), *(f"times faster, {b}" for b in batches), "change, input px"]
    rows = []
    for name, form in found.items():
        times = [f"{1000 * form['seconds'][b]:.1f}" for b in batches]
        ratios = [f"{plain[b] / form['seconds'][b]:.2f}" for b in batches]
        rows.append([name, *times, *ratios, f"{form['largest_change_px']:.4f}"])
    print(f"threads: {threads}", format_table(header, rows), sep="\n")


def _whole_way(network: Network, film: Path | None) -> dict[str, float]:
    """Seconds from a file to points and their picture, by phase; the fastest of three."""
    with tempfile.TemporaryDirectory() as folder:
        if film is None:
            film = Path(folder) / "film.png"
            noise = np.random.default_rng(0).integers(0, 256, (_FILM[0] // 8, _FILM[1] // 8), dtype=np.uint8)
            cv2.imwrite(str(film), cv2.resize(noise, _FILM[::-1]))
        times = {phase: [] for phase in _PHASES}

        def timed(phase: str, work: Callable):
            start = time.perf_counter()
            result = work()
            times[phase].append(time.perf_counter() - start)
            return result

        card, predictor = network.card, Predictor(network)
        for _ in range(3):
            gray = timed("read", lambda: read_gray(film))
            pixels, to_source = timed("prepare", lambda gray=gray: prepare(gray, card.image_size, card.margin))
            timed("network", lambda pixels=pixels: network.maps(pixels[None, None]))
            # decoding alone cannot be timed on every device: it is what predicting takes beyond the network
            start = time.perf_counter()
            found = predictor.predict(pixels[None, None], to_source[None])
            times["decode"].append(max(0.0, time.perf_counter() - start - times["network"][-1]))
            picture = overlay(gray, found.points_px[0], symbols=predictor.landmarks.symbols)
            timed("write", lambda picture=picture: write_picture(Path(folder) / "overlay.png", picture))
        return {phase: min(seconds) for phase, seconds in times.items()}


def _model(args: argparse.Namespace) -> tuple[HRNet, Config, ModelCard]:
    if args.checkpoint:
        loaded = load_model(args.checkpoint)
        return loaded.model, loaded.config, training_card(loaded.landmarks, loaded.config, precision="fp32")
    if not args.config:
        raise ValueError("--config: name a recipe, or a --checkpoint")
    config = load_config(args.config, args.settings)
    torch.manual_seed(0)
    task = task_type(config).from_settings(config)
    network = task.build_network(pretrained=False, recompute="none").eval()
    return network, config, training_card(task.landmarks, config, precision="fp32")


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
