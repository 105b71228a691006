"""A film as the page shows it: full-depth pixels for the browser's own window, a thumbnail, and what the file states."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from landmarks.images import ImageError, read_gray

THUMBNAIL_PX = 96
PICTURE_PX = 1600
# Beyond any radiograph; a decompression bomb ends here.
MAX_PIXELS = 120_000_000


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
    view: str
    device: str
    age: float | None
    sex: str | None
    date: str | None
    patient: str | None
    """Pseudonymous key."""
    warnings: tuple[str, ...] = ()


def read_film(path: Path) -> tuple[np.ndarray, FilmFacts]:
    """Film file -> pixels uint8 or uint16 [H, W] and its facts. Raises: ImageError naming the file."""
    content = np.fromfile(path, dtype=np.uint8)
    deep = cv2.imdecode(content, cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH) if content.size else None
    pixels = deep if deep is not None and deep.dtype == np.uint16 else read_gray(path)
    if pixels.size > MAX_PIXELS:
        raise ImageError(f"{path.name}: {pixels.shape[1]} x {pixels.shape[0]} px; films have at most {MAX_PIXELS} px")
    low, high = (0.0, 255.0) if pixels.dtype == np.uint8 else map(float, np.percentile(pixels[::4, ::4], (0.5, 99.5)))
    facts = FilmFacts(
        width=pixels.shape[1],
        height=pixels.shape[0],
        bits=8 * pixels.itemsize,
        window=(low, max(high, low + 1)),
        scale=None,
        view="",
        device="",
        age=None,
        sex=None,
        date=None,
        patient=None,
    )
    return pixels, facts


def store_film(path: Path, cache: Path) -> dict:
    """Decode a film into the cache: `<checksum>.raw` and `.jpg`; returns its checksum and facts."""
    checksum = file_checksum(path)
    pixels, facts = read_film(path)
    _write(cache / f"{checksum}.raw", np.ascontiguousarray(pixels, dtype=pixels.dtype.newbyteorder("<")).tobytes())
    _write(cache / f"{checksum}.jpg", _jpeg(_windowed(pixels, facts.window), THUMBNAIL_PX))
    _write(cache / f"{checksum}.json", json.dumps(asdict(facts)).encode())
    return {"checksum": checksum, "facts": asdict(facts)}


def store_contrast(path: Path, cache: Path, checksum: str) -> dict:
    """The film with local contrast (CLAHE) as `<checksum>.local.raw`, at its own depth."""
    pixels, _ = read_film(path)
    sharpened = cv2.createCLAHE(clipLimit=3.0, tileGridSize=(8, 8)).apply(pixels)
    _write(cache / f"{checksum}.local.raw", sharpened.tobytes())
    return {}


def store_picture(path: Path, cache: Path, checksum: str) -> dict:
    """The film as a JPEG for the report, `<checksum>.picture.jpg`."""
    pixels, facts = read_film(path)
    _write(cache / f"{checksum}.picture.jpg", _jpeg(_windowed(pixels, facts.window), PICTURE_PX))
    return {}


def file_checksum(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _windowed(pixels: np.ndarray, window: tuple[float, float]) -> np.ndarray:
    if pixels.dtype == np.uint8:
        return pixels
    low, high = window
    return (np.clip((pixels.astype(np.float32) - low) / (high - low), 0, 1) * 255).astype(np.uint8)


def _jpeg(gray: np.ndarray, longest: int) -> bytes:
    scale = min(1.0, longest / max(gray.shape))
    size = (max(1, round(gray.shape[1] * scale)), max(1, round(gray.shape[0] * scale)))
    small = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", small, (cv2.IMWRITE_JPEG_QUALITY, 88))[1].tobytes()


def _write(target: Path, content: bytes) -> None:
    part = target.with_name(f"{target.name}.part")
    part.write_bytes(content)
    part.replace(target)
