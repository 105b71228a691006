"""A synthetic data set in the exact Aariz layout, for first steps, tests and demonstrations without patients."""

import multiprocessing
import os
import shutil
import struct
import zlib
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from landmarks.formats import aariz
from landmarks.formats.survey import Film, Survey
from landmarks.schema import AARIZ29
from landmarks.synthetic.anatomy import sample_head
from landmarks.synthetic.device import DEVICES, Device, radiograph
from landmarks.wholefile import put_in_place

GENERATOR_VERSION = 1
"""Raised whenever the same seed gives other images or annotations."""

_READERS = ("junior", "senior")
_DIGITS = np.array(list("0123456789abcdefghijklmnopqrstuvwxyz"))

# One reader's spread per axis in mm: made up. The order follows where models on Aariz and readers of ISBI 2015
# err most (Go, Po, Or, R, cusps of the posterior teeth); the level is a careful reader's.
_READER_SD_MM = {"S": 0.3, "Pn": 0.35, "Sn": 0.35, "Ls": 0.35, "Li": 0.35, "UIT": 0.3, "LIT": 0.35, "Me": 0.4,
                 "Gn": 0.4, "Pog": 0.45, "N": 0.45, "A": 0.55, "B": 0.55, "ANS": 0.55, "PNS": 0.65, "Ar": 0.65,
                 "Co": 0.7, "UIA": 0.65, "LIA": 0.7, "LPM": 0.6, "LMT": 0.7, "UPM": 0.8, "UMT": 0.85, "Or": 0.8,
                 "Po": 0.8, "Go": 0.9, "R": 0.9, "N`": 0.6, "Pog`": 0.65}  # fmt: skip
_JUNIOR_FACTOR = 1.15
_JUNIOR_BIAS_MM = np.array([0.08, 0.1])

_README = """SYNTHETIC cephalograms in the layout of Aariz (Khalid et al., Sci Data 12, 1336, 2025).

No patient is shown: every image is drawn by tools/synthesize.py. Nothing that is measured on them says
anything about clinical accuracy.

generator version: {version}
images: {num}
seed: {seed}
image height: {height}

Shapes follow statistics of 255 Aariz training annotations, CC BY 4.0. Pixel sizes are true to what is drawn.
The points N` and Pog`, the readers' disagreement and the devices' looks are made up.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Plan:
    """What one image is, settled before anything is drawn."""

    index: int
    seed: int
    split: str
    device: Device
    height: int | None


def write_synthetic_dataset(output: Path, *, num: int, seed: int, height: int | None = None, workers: int = 1) -> Path:
    """Write `num` images with annotations to the folder `output` and return it; same arguments, same bytes.

    `height` in px replaces every device's own, with pixel sizes to match. More than one of `workers` draws in
    processes of their own, which changes nothing in the result. The folder appears only when it is complete.

    Raises: ValueError for impossible numbers, or if `output` exists and is not an empty folder.
    """
    output = Path(output)
    _check(output, num=num, height=height, workers=workers)
    plans = _plan(num, seed, height)
    output.parent.mkdir(parents=True, exist_ok=True)
    unfinished = output.with_name(f".{output.name}.unfinished-{os.getpid()}")
    try:
        films = _draw_all(unfinished, plans, workers)
        aariz.write(Survey(root=unfinished, landmarks=AARIZ29, films=films), unfinished)
        readme = _README.format(version=GENERATOR_VERSION, num=num, seed=seed, height=height or "each device's own")
        (unfinished / "Readme.txt").write_text(readme, encoding="utf-8", newline="\n")
        if output.exists():
            output.rmdir()
        put_in_place(unfinished, output)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return output


def _check(output: Path, *, num: int, height: int | None, workers: int) -> None:
    if num < 3:
        raise ValueError(f"num: {num} is too few; write at least 3, one image for each split")
    if height is not None and height < 64:
        raise ValueError(f"height: {height} px is too small to show a landmark; write at least 64")
    if workers < 1:
        raise ValueError(f"workers: {workers}; write 1 or more")
    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise ValueError(f"{output}: exists and is not an empty folder; name a new one or remove it")


def _plan(num: int, seed: int, height: int | None) -> list[_Plan]:
    """The images' splits (70, 15 and 15 %) and devices (every one at least once if there are seven images)."""
    rng = np.random.default_rng([seed, GENERATOR_VERSION])
    share = np.array([device.share for device in DEVICES])
    extra = rng.choice(len(DEVICES), max(num - len(DEVICES), 0), p=share / share.sum())
    machines = rng.permutation(np.concatenate([rng.permutation(len(DEVICES)), extra])[:num].astype(int))
    held_out = max(round(0.15 * num), 1)
    splits = ["train"] * (num - 2 * held_out) + ["valid"] * held_out + ["test"] * held_out
    return [
        _Plan(index=i, seed=seed, split=split, device=DEVICES[machine], height=height)
        for i, (split, machine) in enumerate(zip(splits, machines, strict=True))
    ]


def _draw_all(folder: Path, plans: list[_Plan], workers: int) -> list[Film]:
    """Draw every plan and write its image; the films in the plans' order."""
    draw = partial(_draw_one, folder)
    if workers == 1:
        return [draw(plan) for plan in tqdm(plans, desc="synthetic", unit="image", disable=None)]
    # Forking a process that already runs threads (torch, OpenCV) can hang.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawn, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        drawn = pool.map(draw, plans, chunksize=4)
        return list(tqdm(drawn, total=len(plans), desc="synthetic", unit="image", disable=None))


def _draw_one(folder: Path, plan: _Plan) -> Film:
    """Draw one image and write it."""
    rng = np.random.default_rng([plan.seed, GENERATOR_VERSION, plan.index])
    ceph_id, device = _identifier(rng, "cksynth"), plan.device
    size, pixel_mm = _size(plan)
    head = sample_head(rng)
    image, points_px = radiograph(head, device, size, pixel_mm, rng)
    film = Film(image_id=ceph_id, path=folder, split=plan.split, device=device.name, pixel_size=(pixel_mm, pixel_mm),
                cvm_stage=head.cvm_stage)  # fmt: skip
    path = folder / f"{aariz.image_place(film)}.{rng.choice(device.extensions)}"
    path.parent.mkdir(parents=True, exist_ok=True)
    _write_image(path, image, device.color)
    readers = {reader: _read(points_px, size, pixel_mm, rng, is_junior=reader == "junior") for reader in _READERS}
    return replace(film, path=path, readers=readers)


def _size(plan: _Plan) -> tuple[tuple[int, int], float]:
    """Size in px and pixel size in mm; the size is rounded after the pixel size, which the CSV holds exactly."""
    (own_height, own_width), pixel_mm = plan.device.size, plan.device.pixel_mm
    if plan.height is None:
        return plan.device.size, pixel_mm
    pixel_mm = round(own_height * pixel_mm / plan.height, 4)
    return (plan.height, round(own_width * plan.device.pixel_mm / pixel_mm)), pixel_mm


def _read(points_px: np.ndarray, size: tuple[int, int], pixel_mm: float, rng: np.random.Generator,
          *, is_junior: bool) -> np.ndarray:  # fmt: skip
    """What a reader clicks, [29, 2] in whole pixels: the true point and the reader's own error."""
    spread_mm = np.array([_READER_SD_MM[s] for s in AARIZ29.symbols])[:, None]
    error_mm = spread_mm * rng.standard_normal(points_px.shape)
    if is_junior:
        error_mm = error_mm * _JUNIOR_FACTOR + _JUNIOR_BIAS_MM
    read_px = np.round(points_px + error_mm / pixel_mm)
    return read_px.clip(0, np.array(size[::-1]) - 1)


def _identifier(rng: np.random.Generator, start: str) -> str:
    """25 letters and digits in the look of the real set's ids."""
    return start + "".join(rng.choice(_DIGITS, 25 - len(start)))


def _write_image(path: Path, gray: np.ndarray, color: str) -> None:
    if color == "palette":
        path.write_bytes(_palette_png(gray))
        return
    image = cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR) if color == "rgb" else gray
    kind = path.suffix.lower()
    options = {".png": [cv2.IMWRITE_PNG_COMPRESSION, 1], ".bmp": []}
    done, data = cv2.imencode(kind, image, options.get(kind, [cv2.IMWRITE_JPEG_QUALITY, 92]))
    assert done, f"OpenCV cannot write {path.suffix}"
    path.write_bytes(data.tobytes())


def _palette_png(gray: np.ndarray) -> bytes:
    """A PNG whose pixels index a palette of grays; OpenCV only writes gray or RGB. Source: ISO 15948, chunks."""
    height, width = gray.shape
    lines = np.hstack([np.zeros((height, 1), np.uint8), gray]).tobytes()  # each line starts with its filter: none
    palette = np.repeat(np.arange(256, dtype=np.uint8), 3).tobytes()
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = [b"\x89PNG\r\n\x1a\n"]
    for kind, data in ((b"IHDR", header), (b"PLTE", palette), (b"IDAT", zlib.compress(lines, 1)), (b"IEND", b"")):
        parts += [struct.pack(">I", len(data)), kind, data, struct.pack(">I", zlib.crc32(kind + data))]
    return b"".join(parts)
