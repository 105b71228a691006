"""A film as the page shows it: full-depth pixels for the browser's own window, a thumbnail, and what the file states."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from landmarks.radiograph import Radiograph, read_radiograph
from landmarks.wholefile import put_in_place

THUMBNAIL_PX = 96
PICTURE_PX = 1600
_SEXES = {"F": "f", "M": "m"}


@dataclass(frozen=True, kw_only=True, slots=True)
class FilmFacts:
    """What one file says of itself; no name, birth date or id."""

    width: int
    height: int
    bits: int
    """Bits a sample of the pixels that the page gets: 8 or 16."""
    window: tuple[float, float]
    """Gray values that are shown black and white at first."""
    scale: dict | None
    """sx, sy in mm and where they come from."""
    device: str
    age: float | None
    sex: str | None
    """f or m."""
    warnings: tuple[str, ...] = ()


def read_film(path: Path) -> tuple[np.ndarray, np.ndarray, FilmFacts]:
    """Film file -> pixels at full depth as uint8 or uint16 [H, W], its 8 bits, and its facts. Raises: ImageError."""
    film = read_radiograph(path)
    pixels = _unsigned(film.pixels)
    size = film.pixel_size

    facts = FilmFacts(
        width=pixels.shape[1],
        height=pixels.shape[0],
        bits=8 * pixels.itemsize,
        window=_window_of(pixels, film),
        scale=None if size.mm is None else {"sx": size.mm[0], "sy": size.mm[1], "origin": size.origin},
        device="" if film.device == "unknown" else film.device,
        age=film.age,
        sex=_SEXES.get(film.sex),
        warnings=film.warnings,
    )
    return pixels, film.gray, facts


def _unsigned(pixels: np.ndarray) -> np.ndarray:
    """The same gray values as uint8 or uint16: signed ones moved, others spread over the 16 bits."""
    if pixels.dtype in (np.uint8, np.uint16):
        return pixels
    if pixels.dtype == np.int16:
        return (pixels.astype(np.int32) + 32768).astype(np.uint16)
    low, high = float(np.nanmin(pixels)), float(np.nanmax(pixels))
    spread = np.nan_to_num((pixels.astype(np.float64) - low) * (65535 / max(high - low, 1e-12)))
    return np.clip(np.rint(spread), 0, 65535).astype(np.uint16)


def _window_of(pixels: np.ndarray, film: Radiograph) -> tuple[float, float]:
    """The linear window that gives the film's 8 bits; for a curve, the straight line nearest to it."""
    step = max(1, int(np.sqrt(pixels.size / 100_000)))
    values, gray = (part[::step, ::step].ravel().astype(float) for part in (pixels, film.gray))
    inner = (gray > 0) & (gray < 255)
    if inner.sum() > 100 and np.ptp(values[inner]) > 0:
        slope, offset = np.polyfit(values[inner], gray[inner], 1)
        if slope > 0:
            return float(-offset / slope), float((255 - offset) / slope)
    return float(values.min()), float(max(values.max(), values.min() + 1))


def store_film(path: Path, cache: Path) -> dict:
    """Decode a film into the cache: `<checksum>.raw` and `.jpg`; returns its checksum and facts."""
    checksum = file_checksum(path)
    pixels, gray, facts = read_film(path)
    _write(cache / f"{checksum}.raw", np.ascontiguousarray(pixels, dtype=pixels.dtype.newbyteorder("<")).tobytes())
    _write(cache / f"{checksum}.jpg", _jpeg(gray, THUMBNAIL_PX))
    _write(cache / f"{checksum}.json", json.dumps(asdict(facts)).encode())
    return {"checksum": checksum, "facts": asdict(facts)}


def store_contrast(path: Path, cache: Path, checksum: str) -> dict:
    """The film with local contrast (CLAHE) as `<checksum>.local.raw`, at its own depth."""
    pixels, _, _ = read_film(path)
    sharpened = cv2.createCLAHE(clipLimit=3.0, tileGridSize=(8, 8)).apply(pixels)
    _write(cache / f"{checksum}.local.raw", sharpened.tobytes())
    return {}


def store_picture(path: Path, cache: Path, checksum: str) -> dict:
    """The film as a JPEG for the report, `<checksum>.picture.jpg`."""
    _, gray, _ = read_film(path)
    _write(cache / f"{checksum}.picture.jpg", _jpeg(gray, PICTURE_PX))
    return {}


def store_png(path: Path, cache: Path, checksum: str) -> dict:
    """The film's 8 bits as a PNG without any metadata, `<checksum>.png`."""
    _, gray, _ = read_film(path)
    _write(cache / f"{checksum}.png", cv2.imencode(".png", gray, (cv2.IMWRITE_PNG_COMPRESSION, 3))[1].tobytes())
    return {}


def file_checksum(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _jpeg(gray: np.ndarray, longest: int) -> bytes:
    scale = min(1.0, longest / max(gray.shape))
    size = (max(1, round(gray.shape[1] * scale)), max(1, round(gray.shape[0] * scale)))
    small = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", small, (cv2.IMWRITE_JPEG_QUALITY, 88))[1].tobytes()


def _write(target: Path, content: bytes) -> None:
    part = target.with_name(f"{target.name}.part")
    part.write_bytes(content)
    put_in_place(part, target)
