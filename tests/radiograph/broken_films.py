"""Broken films by number: cut off, bytes flipped, wrong suffix, bombs, headers that lie, DICOMs with absurd sizes.

As a command it reads many in one process and prints what became of them:

    python tests/radiograph/broken_films.py 2000
"""

import collections
import io
import resource
import struct
import sys
import tempfile
import time
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from landmarks.radiograph import ImageError, read_radiograph

SUFFIXES = (".png", ".jpg", ".tif", ".bmp", ".webp", ".jp2", ".dcm", "")


def sources() -> dict[str, bytes]:
    """Whole films of every kind, by name."""
    rng = np.random.default_rng(0)
    gray = np.asarray(Image.fromarray(rng.integers(0, 255, (30, 25), dtype=np.uint8)).resize((250, 300), Image.BILINEAR))
    images = {
        "L": Image.fromarray(gray),
        "RGB": Image.fromarray(np.dstack([gray] * 3)),
        "I;16": Image.fromarray(gray * np.uint16(257)),
    }
    kinds = [
        ("L", "PNG", {}),
        ("RGB", "PNG", {}),
        ("I;16", "PNG", {}),
        ("L", "JPEG", {}),
        ("RGB", "JPEG", {"progressive": True}),
        ("L", "BMP", {}),
        ("L", "TIFF", {}),
        ("I;16", "TIFF", {"compression": "tiff_lzw"}),
        ("L", "TIFF", {"compression": "tiff_deflate"}),
        ("RGB", "TIFF", {"compression": "jpeg"}),
        ("L", "TIFF", {"compression": "packbits"}),
        ("L", "WEBP", {}),
        ("L", "JPEG2000", {}),
        ("L", "GIF", {}),
    ]
    found = {}
    for number, (mode, kind, options) in enumerate(kinds):
        stream = io.BytesIO()
        images[mode].save(stream, kind, **options)
        found[f"{kind}{number}"] = stream.getvalue()
    return found | dicoms(gray)


def dicoms(gray: np.ndarray) -> dict[str, bytes]:
    """One film in each transfer syntax; empty where pydicom is not installed."""
    try:
        from dicom_films import film
        from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless
    except BaseException:  # pytest's skip is no Exception
        return {}
    found = {}
    for syntax in (None, RLELossless, JPEGLSLossless, JPEG2000Lossless):
        dataset, stream = film(gray.astype(np.uint16) * 16, 12), io.BytesIO()
        if syntax:
            dataset.compress(syntax, generate_instance_uid=False)
        dataset.save_as(stream, enforce_file_format=True)
        found[f"DICOM-{syntax.keyword if syntax else 'plain'}"] = stream.getvalue()
    return found


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def bomb(rng: np.random.Generator) -> bytes:
    """A small file whose header asks for gigabytes."""
    width, height = (int(n) for n in rng.integers(20_000, 2**31 - 1, 2))
    if rng.random() < 0.5:
        header = struct.pack(">IIBBBBB", width, height, 8, int(rng.choice([0, 2, 6])), 0, 0, 0)
        body = chunk(b"IDAT", zlib.compress(bytes(int(rng.integers(1, 10**6)))))
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")
    width, height = 40_000, 40_000
    entries = [
        (256, 4, width),
        (257, 4, height),
        (258, 3, 8),
        (259, 3, 1),
        (262, 3, 1),
        (273, 4, 8),
        (277, 3, 1),
        (279, 4, 100),
    ]
    packed = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(entries)) + packed + bytes(4)


def absurd(content: bytes, rng: np.random.Generator) -> bytes:
    """A DICOM whose rows, columns, bits, samples or lengths are set to nonsense."""
    damaged = bytearray(content)
    tags = [b"\x28\0\x10\0", b"\x28\0\x11\0", b"\x28\0\0\x01", b"\x28\0\x01\x01", b"\x28\0\x02\0", b"\xe0\x7f\x10\0"]
    for tag in rng.permutation(len(tags))[: rng.integers(1, 4)]:
        position = content.find(tags[tag])
        if position >= 0:
            damaged[position + 6 : position + 10] = rng.integers(0, 256, 4, dtype=np.uint8).tobytes()
    return bytes(damaged)


def broken(number: int, films: dict[str, bytes]) -> tuple[str, str, bytes]:
    """The broken film of this number: how it is broken, its suffix, its bytes."""
    rng = np.random.default_rng(number)
    name = list(films)[number % len(films)]
    content = films[name]
    how = ("cut", "flipped", "zeroed", "wrong suffix", "bomb", "noise behind the header")[number // len(films) % 6]
    suffix = str(rng.choice(SUFFIXES))
    if how == "cut":
        return f"{how} {name}", suffix, content[: int(len(content) * rng.uniform(0.0, 0.98))]
    if how == "bomb":
        damaged = absurd(content, rng) if name.startswith("DICOM") else bomb(rng)
        return f"absurd {name}" if name.startswith("DICOM") else how, suffix, damaged
    damaged = bytearray(content)
    if how == "flipped":
        for position in rng.integers(0, min(len(damaged), rng.choice([64, 600, len(damaged)])), int(rng.integers(1, 20))):
            damaged[position] ^= int(rng.integers(1, 256))
    elif how == "zeroed":
        start = int(rng.integers(0, len(damaged)))
        damaged[start : start + 64] = bytes(len(damaged[start : start + 64]))
    elif how == "noise behind the header":
        start = int(rng.integers(8, 200))
        damaged[start:] = rng.integers(0, 256, len(damaged) - start, dtype=np.uint8).tobytes()
    return f"{how} {name}", suffix, bytes(damaged)


def read_all(numbers: range, folder: Path) -> tuple[collections.Counter, list[str], float]:
    """Reads the films of these numbers. Returns: how often each result, lines of what went wrong, the longest seconds."""
    films, results, wrong, longest = sources(), collections.Counter(), [], 0.0
    for number in numbers:
        how, suffix, content = broken(number, films)
        path = folder / f"film{suffix}"
        path.write_bytes(content)
        start = time.process_time()
        try:
            read_radiograph(path)
            results[f"read: {how.split(' ')[0]}"] += 1
        except ImageError as error:
            results["named"] += 1
            if not str(error).startswith(f"{path}: ") or "\n" in str(error):
                wrong.append(f"{number} {how}: {error}")
        except BaseException as error:
            wrong.append(f"{number} {how}: {error!r}")
        longest = max(longest, time.process_time() - start)
        path.unlink()
    return results, wrong, longest


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        results, wrong, longest = read_all(range(int(sys.argv[1])), Path(folder))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(*(f"{name}: {count}" for name, count in sorted(results.items())), sep="\n")
    print(f"{len(wrong)} not named; longest {longest:.2f} s of processor time; most memory {memory:.0f} MiB")
    print(*wrong, sep="\n")


if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parents[1]))
    main()
