"""What grows with the number of images: the check of a data set, listing films, comparing and judging evaluations."""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import torch

from landmarks.benchmark.clock import at_least_one, forget_peak, peak_mib
from landmarks.check.run import check_dataset
from landmarks.evaluation.comparison import compare, read_run
from landmarks.evaluation.evaluate import Evaluation, evaluate_prediction
from landmarks.evaluation.figures import Protocol
from landmarks.evaluation.files import write_predictions
from landmarks.evaluation.judge import judge
from landmarks.formats import table
from landmarks.formats.records import Record, RecordSet
from landmarks.formats.survey import TRUTH, Film, Survey
from landmarks.inference.films import find_films
from landmarks.jsonfile import plain, write_json
from landmarks.lateral_shape import lateral_shape
from landmarks.metrics import format_table
from landmarks.prediction import Prediction
from landmarks.schema import ISBI19

_PARTS = ("check", "listing", "compare", "judge")
# Images of 1 mm a pixel: tiny, as only their number counts.
_SIZE, _MM, _ORIGIN = (240, 200), 1.0, (70.0, 80.0)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--images", type=at_least_one, default=10_000, help="synthetic images (default: 10,000)")
    parser.add_argument("--part", choices=_PARTS, action="append", help="measure this alone (default: all)")


def run(args: argparse.Namespace) -> dict:
    """Prints the table and returns its figures."""
    parts, found = args.part or list(_PARTS), {}
    heads = _heads(args.images)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        if {"check", "listing"} & set(parts):
            _write_set(root / "set", heads)
        work = {
            "check": lambda: check_dataset(root / "set", "table"),
            "listing": lambda: find_films([root / "set"]),
            "compare": lambda: _compare(root),
            "judge": lambda: judge(evaluations[0], _protocol(args.images)),
        }
        evaluations = [_evaluation(heads, seed) for seed in (1, 2)]
        if "compare" in parts:
            _write_evaluations(root, evaluations)
        for name in parts:
            found[name] = _measured(work[name])
    rows = [
        [name, *(f"{part[key]:.1f}" for key in ("seconds", "processor_seconds", "peak_mib"))] for name, part in found.items()
    ]
    print(format_table([f"{args.images} images", "seconds", "of processor", "peak MiB"], rows))
    return {"images": args.images, **found}


def _measured(work: Callable) -> dict[str, float]:
    device = torch.device("cpu")
    forget_peak(device)
    start, processor = time.perf_counter(), time.process_time()
    work()
    seconds, processor = time.perf_counter() - start, time.process_time() - processor
    return {"seconds": seconds, "processor_seconds": processor, "peak_mib": peak_mib(device) or 0.0}


def _heads(num: int) -> np.ndarray:
    """Points float64 [N, K, 2] in px of heads that differ by 1.5 mm a landmark."""
    model = lateral_shape().select(ISBI19.symbols)
    missing = [s for s in ISBI19.symbols if s not in model.symbols]
    mean = {s: p for s, p in zip(model.symbols, model.mean, strict=True)} | {s: model.mean.mean(axis=0) for s in missing}
    points = np.array([mean[s] for s in ISBI19.symbols])
    return _ORIGIN + (points + np.random.default_rng(0).normal(0, 1.5, (num, *points.shape))) / _MM


def _write_set(root: Path, heads: np.ndarray) -> None:
    (root / "images").mkdir(parents=True)
    films = [
        Film(
            image_id=f"{i:06d}",
            path=path,
            pixel_size=(_MM, _MM),
            readers={TRUTH: heads[i]},
            split=("train", "valid")[i % 5 == 0],
        )
        for i, path in _images(root / "images", len(heads))
    ]
    survey = Survey(root=root, landmarks=ISBI19, films=films, splits=("train", "valid"))
    table.write(survey, root)


def _images(folder: Path, num: int) -> Iterator[tuple[int, Path]]:
    rng = np.random.default_rng(0)
    for i in range(num):
        image = cv2.resize(rng.integers(0, 256, (12, 10), dtype=np.uint8), _SIZE[::-1], interpolation=cv2.INTER_CUBIC)
        path = folder / f"{i:06d}.jpg"
        path.write_bytes(cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, 70))[1].tobytes())
        yield i, path


def _evaluation(heads: np.ndarray, seed: int) -> Evaluation:
    rng, readers = np.random.default_rng(seed), np.random.default_rng(0)
    records = tuple(
        Record(
            image_id=f"{i:06d}",
            image_path=Path(f"{i:06d}.jpg"),
            points_px=points,
            pixel_size=(_MM, _MM),
            device="ABC"[i % 3],
            split="test",
            readers={name: points + readers.normal(0, 1, points.shape) for name in ("senior", "junior")},
        )
        for i, points in enumerate(heads)
    )
    found = Prediction.of_points(heads + rng.normal(0, 1 + 0.1 * seed, heads.shape))
    return evaluate_prediction(RecordSet(landmarks=ISBI19, records=records), found)


def _protocol(num: int) -> Protocol:
    return Protocol(
        format="table", root="", split="test", ground_truth="mean", exclude="", landmarks=ISBI19.symbols, labels="0",
        image_size=_SIZE, scale="mm", decoder="fit", tta=False, precision="fp32", intervals="95 %", views=False, num_unread=0,
        num_images=num, num_points=num * len(ISBI19),
    )  # fmt: skip


def _write_evaluations(root: Path, evaluations: list[Evaluation]) -> None:
    for name, evaluation in zip("ab", evaluations, strict=True):
        (root / name).mkdir()
        write_predictions(root / name / "predictions.csv", evaluation, {})
        write_json(root / name / "metrics.json", {"protocol": plain(_protocol(len(evaluation.records.records)))})


def _compare(root: Path) -> None:
    compare(read_run(root / "a", None), read_run(root / "b", None))
