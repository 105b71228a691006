"""How fast images arrive at the training process, where the time goes, and what the cache takes."""

import argparse
import dataclasses
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader

from landmarks.benchmark.cache_memory import cache_memory, first_batch_seconds
from landmarks.benchmark.plain_pipeline import PlainPipeline
from landmarks.benchmark.rate import loader_rate
from landmarks.config import Config
from landmarks.configfile import load_config
from landmarks.data.augment import Appearance, random_map
from landmarks.data.batches import BatchPlan
from landmarks.data.cache import FileStore, open_store
from landmarks.data.loading import open_dataset
from landmarks.data.resources import keep_freed_memory, usable_cores
from landmarks.data.sets import read_split
from landmarks.data.workers import make_loader
from landmarks.device import choose_device
from landmarks.engine.planner import settle_batch
from landmarks.engine.runfolder import versions
from landmarks.formats.records import RecordSet
from landmarks.geometry import compose, invert, letterbox_map, resize_map
from landmarks.images import warp
from landmarks.metrics import format_table
from landmarks.synthetic.folder import make_missing_set
from landmarks.tasks import task_type


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", required=True, help="recipe, a YAML file of configs/")
    parser.add_argument("--seconds", type=float, default=15, help="how long each loader is measured (default: 15)")
    parser.add_argument("settings", nargs="*", metavar="section.key=value", help="settings that override the recipe's")


def run(args: argparse.Namespace) -> dict:
    """Prints the table and returns its figures. Raises: ValueError for a user's reason."""
    config = load_config(args.config, args.settings)
    config, _ = settle_batch(config, task_type(config).from_settings(config), choose_device(config.train.device), None)
    with tempfile.TemporaryDirectory(prefix="landmarks_benchmark_") as folder:
        # a folder of its own: the first build is a cold one, and no cache of a run is touched
        config = dataclasses.replace(config, data=dataclasses.replace(config.data, cache="disk", cache_dir=folder))
        found = measure(config, args.seconds)
    print(_table(found))
    return found


def measure(config: Config, seconds: float) -> dict:
    """All figures; `config.data.cache_dir` is empty at first."""
    data = config.data
    make_missing_set(data)
    records = read_split(data, data.train_split, seed=config.train.seed)
    found: dict = {"machine": f"{usable_cores()} cores", "versions": versions(), "image_size": list(data.image_size)}
    found["build"] = _cold_build(config, records)
    _, dataset = open_dataset(data, data.train_split, augment=config.augment, seed=config.train.seed)
    plan = BatchPlan(len(dataset), config.train.batch_size, seed=0, shuffle=True)
    loader = make_loader(dataset, plan, data, pin_memory=torch.cuda.is_available())
    found["workers"], found["batch_size"] = loader.num_workers, config.train.batch_size
    plain = PlainPipeline(records, data.image_size, config.augment, config.heatmap.sigma)
    plain_loader = DataLoader(plain, config.train.batch_size, shuffle=True, num_workers=found["workers"])
    found["plain_images_per_second"] = loader_rate(plain_loader, seconds)
    del plain_loader
    keep_freed_memory()  # as training does; after the plain pipeline, which must not profit
    found["images_per_second"] = loader_rate(loader, seconds, plan)
    del loader
    found["ratio_to_plain"] = found["images_per_second"] / found["plain_images_per_second"]
    found["milliseconds"] = _steps(config, records)
    found["cache_megabytes_per_image"] = found["build"].pop("megabytes") / len(records.records)
    found["memory"] = cache_memory(config)
    found["second_run"] = first_batch_seconds(config)
    return found


def _cold_build(config: Config, records: RecordSet) -> dict:
    """Rate of the first build, beside decoding and shrinking alone with as many threads."""
    paths = [record.image_path for record in records.records]
    files = FileStore(paths, config.data.image_size, config.data.cache_scale)
    for path in paths:
        path.read_bytes()  # from here on the files come from memory for both
    start = time.perf_counter()
    with ThreadPoolExecutor(usable_cores()) as pool:
        for _ in pool.map(lambda i: files.image(i)[1], range(len(paths))):
            pass
    decoded = time.perf_counter()
    store = open_store(records.records, config.data)
    built = time.perf_counter()
    return {
        "images_per_second": len(paths) / (built - decoded),
        "decode_alone_images_per_second": len(paths) / (decoded - start),
        "megabytes": store.num_bytes / 1e6,
    }


def _steps(config: Config, records: RecordSet, num: int = 100) -> dict[str, float]:
    """Milliseconds an image of each step in one process, and of the floor: one warp and one copy."""
    data, store = config.data, open_store(records.records, config.data)
    appearance, rng = Appearance(config.augment), np.random.default_rng(0)
    cv2.setNumThreads(0)
    order = rng.integers(0, len(records.records), num)
    maps, images = [], []
    for index in order:
        image, source_size = store.image(int(index))
        to_input = compose(random_map(config.augment, data.image_size, rng), letterbox_map(source_size, data.image_size))
        maps.append(compose(to_input, invert(resize_map(source_size, image.shape))))
        images.append(image)
    warped = [warp(image, map_23, data.image_size) for image, map_23 in zip(images, maps, strict=True)]
    buffer = np.empty(data.image_size, np.uint8)
    read = _each(lambda i: images[i].copy(), num)
    spent = {
        "read": read,
        "warp": _each(lambda i: warp(images[i].copy(), maps[i], data.image_size), num) - read,
        "appearance": _each(lambda i: appearance(warped[i], i), num),
        "copy": _each(lambda i: np.copyto(buffer, warped[i]), num),
    }
    _, dataset = open_dataset(data, data.train_split, augment=config.augment, seed=0)
    spent["whole sample"] = _each(lambda i: dataset[(0, int(order[i]))], num)
    spent["points, maps, seeds"] = max(0.0, spent["whole sample"] - read - spent["warp"] - spent["appearance"])
    spent["floor: warp and copy"] = spent["warp"] + spent["copy"]
    return spent


def _each(work: Callable[[int], object], num: int) -> float:
    work(0)
    start = time.perf_counter()
    for i in range(num):
        work(i)
    return 1000 * (time.perf_counter() - start) / num


def _table(found: dict) -> str:
    size = "x".join(str(side) for side in found["image_size"])
    own, plain = found["images_per_second"], found["plain_images_per_second"]
    spent, memory, second = found["milliseconds"], found["memory"], found["second_run"]
    busy = spent["whole sample"] * own / 1000
    rows = [
        [f"images/s at {size}, {found['workers']} workers", f"{own:.0f}"],
        ["plain pipeline, images/s", f"{plain:.1f}"],
        ["ratio to the plain pipeline", f"{found['ratio_to_plain']:.1f}"],
        *[[f"ms an image: {name}", f"{value:.2f}"] for name, value in spent.items()],
        ["cores busy with samples", f"{busy:.2f}"],
        ["cache, MB an image", f"{found['cache_megabytes_per_image']:.2f}"],
        ["cold build, images/s", f"{found['build']['images_per_second']:.0f}"],
        ["decoding alone, images/s", f"{found['build']['decode_alone_images_per_second']:.0f}"],
        ["second run: data to first batch, s", f"{second['data_seconds']:.2f}"],
        ["second run: imports before that, s", f"{second['import_seconds']:.2f}"],
    ]
    if memory:
        rows.append(
            [f"cache in memory, {memory['ranks']} ranks x {memory['workers']} workers, copies", f"{memory['copies']:.2f}"]
        )
    facts = ", ".join(f"{name} {value}" for name, value in found["versions"].items())
    return f"{found['machine']}; {facts}\n\n" + format_table(["data", "measured"], rows)
