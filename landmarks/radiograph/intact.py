"""Is an image file whole? Looked at before a decoder sees it: they fill what is missing with gray, or print their own words."""

import contextlib
import os
import re
import struct
import tempfile
import threading
import zlib
from collections.abc import Iterator, Mapping

import cv2
import numpy as np

from landmarks.radiograph.files import MOST_SAMPLES

TIFF_BITS, TIFF_COMPRESSION, TIFF_PHOTOMETRIC, TIFF_SAMPLE_FORMAT = 258, 259, 262, 339
# offsets and byte counts, of strips and of tiles
_TIFF_PARTS = ((273, 279), (324, 325))
_TIFF_PLAIN = (1,)
_PNG_CHANNELS = {2: 3, 4: 2, 6: 4}
_BROKEN = "broken or truncated image; replace the file"
_TERMINAL = threading.Lock()
# Bytes of zeros in a row in the coded picture: in 90 real JPEGs 2 at most, in a lost sector 512.
_DAMAGED_ZEROS = 32
# libjpeg's warnings (jerror.h), as it writes them to standard error
_LIBJPEG_WORDS = re.compile(
    rb"(Corrupt JPEG data|Premature end of JPEG file|Inconsistent progression sequence|Invalid SOS parameters|"
    rb"Application transferred too many|Unknown Adobe color transform|Warning: unknown JFIF revision)[^\r\n]*\n?"
)


class RasterError(Exception):
    """Why the pixels cannot be read; the caller names the file."""


def check_size(height: int, width: int, channels: int = 1) -> None:
    """Raises: RasterError where an image is empty or larger than any film, before memory is taken for it."""
    if height < 1 or width < 1:
        raise RasterError(_BROKEN)
    if height * width * channels > MOST_SAMPLES:
        raise RasterError(f"too large to decode ({width} x {height} pixels); save it smaller")


def check_png(content: bytes) -> None:
    """Every chunk whole, with the right checksum, up to the end mark; what follows it does not matter."""
    position, name, packed, header = 8, b"", [], b""
    while name != b"IEND":
        if position + 12 > len(content):
            raise RasterError(_BROKEN)
        length, name = struct.unpack(">I4s", content[position : position + 8])
        end = position + 12 + length
        if end > len(content) or zlib.crc32(content[position + 4 : end - 4]) != int.from_bytes(content[end - 4 : end], "big"):
            raise RasterError(_BROKEN)
        if name == b"IHDR":
            header = content[position + 8 : end - 4]
        elif name == b"IDAT":
            packed.append(content[position + 8 : end - 4])
        position = end
    if len(header) != 13 or content[12:16] != b"IHDR" or not packed:
        raise RasterError(_BROKEN)
    width, height, depth, colour = struct.unpack(">IIBB", header[:10])
    channels = _PNG_CHANNELS.get(colour, 1)
    check_size(height, width, channels)
    if depth == 16 and channels > 1:  # read by OpenCV, whose libpng would print its own words
        _inflate(b"".join(packed), 2 * width * channels * height)


def _inflate(packed: bytes, least: int) -> None:
    """Raises: RasterError where a zlib stream is broken or gives fewer bytes; no more than twice as many are unpacked."""
    unpacker = zlib.decompressobj()
    try:
        size = len(unpacker.decompress(packed, 2 * least + 65536))
    except zlib.error as error:
        raise RasterError(_BROKEN) from error
    if size < least:
        raise RasterError(_BROKEN)


def check_jpeg(content: bytes) -> None:
    """The end mark must follow a picture."""
    position, in_scan = 2, False
    while (position := content.find(b"\xff", position)) >= 0 and position + 1 < len(content):
        marker = content[position + 1]
        if marker == 0xD9 and in_scan:
            return
        if marker in (0x00, 0xFF, 0x01) or 0xD0 <= marker <= 0xD9:
            position += 1 if marker == 0xFF else 2
            continue
        in_scan = in_scan or marker == 0xDA
        position += 2 + int.from_bytes(content[position + 2 : position + 4], "big")
    raise RasterError(_BROKEN)


def jpeg_frame(content: bytes) -> tuple[int, int]:
    """Start-of-frame marker and bits a sample of a JPEG; zeros where there is none."""
    position = 2
    while position + 5 < len(content) and content[position] == 0xFF:
        marker = content[position + 1]
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            return marker, content[position + 4]
        position += 2 + int.from_bytes(content[position + 2 : position + 4], "big")
    return 0, 0


def jpeg_damage(content: bytes) -> str:
    """A line where the picture between a JPEG's marks is damaged, which decoders pass over in silence; else empty.

    Found are sectors of zeros and whatever libjpeg notices: about three of four damages that a person sees. A JPEG has no
    checksum.
    """
    start = content.find(b"\xff\xda")
    zeros = content.find(bytes(_DAMAGED_ZEROS), start) >= 0 and not _zeros_are_blank(content[:start])
    return "damaged JPEG: parts of the picture may be wrong; get the file again" if zeros or _libjpeg_warns(content) else ""


def _zeros_are_blank(header: bytes) -> bool:
    """Whether a Huffman table gives the end of a block the code of zeros alone: then blank parts are zeros."""
    position = 2
    while (position := header.find(b"\xff\xc4", position)) >= 0:
        end = position + 2 + int.from_bytes(header[position + 2 : position + 4], "big")
        position += 4
        while position + 17 < end:
            symbols = header[position + 17 : position + 17 + sum(header[position + 1 : position + 17])]
            if header[position] >> 4 and symbols[:1] and symbols[0] & 15 == 0:
                return True
            position += 17 + len(symbols)
        position = end
    return False


def _libjpeg_warns(content: bytes) -> bool:
    """OpenCV passes libjpeg's words on to standard error. On Windows they cannot be caught there."""
    if os.name != "posix":
        return False
    with tempfile.TemporaryFile() as file:
        with _errors_to(file.fileno()):
            cv2.imdecode(np.frombuffer(content, dtype=np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_8)
        file.seek(0)
        words = file.read()
    # another thread may have written meanwhile, a progress bar for one
    others, num = _LIBJPEG_WORDS.subn(b"", words)
    if others:
        with contextlib.suppress(OSError):
            os.write(2, others)
    return num > 0


def check_tiff(content: bytes, tags: Mapping) -> bool:
    """Every strip or tile lies in the file. Returns: whether libtiff, which prints its own words, may find more wrong."""
    for offsets, counts in _TIFF_PARTS:
        for start, size in zip(tags.get(offsets, ()), tags.get(counts, ()), strict=False):
            if start + size > len(content):
                raise RasterError(_BROKEN)
    return tags.get(TIFF_COMPRESSION, 1) not in _TIFF_PLAIN


@contextlib.contextmanager
def silent_libtiff(needed: bool) -> Iterator[None]:
    """Turns the terminal's standard error off while libtiff decodes; Pillow has no switch for its words."""
    if not needed:
        yield
        return
    with open(os.devnull, "wb") as nowhere, _errors_to(nowhere.fileno()):
        yield


@contextlib.contextmanager
def _errors_to(handle: int) -> Iterator[None]:
    """Leads this process's standard error, which libraries in C write to, elsewhere."""
    with _TERMINAL:
        try:
            kept = os.dup(2)
        except OSError:  # no standard error to keep silent
            yield
            return
        try:
            os.dup2(handle, 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
