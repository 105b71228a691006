"""One film as it is read: pixels, pixel size and its origin, device, age and sex."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from landmarks.radiograph.files import ImageError, file_kind
from landmarks.radiograph.gray import default_window, is_whole_depth, to_eight_bits, too_few_levels
from landmarks.radiograph.intact import RasterError, jpeg_damage
from landmarks.radiograph.raster import FORMATS, decode_raster
from landmarks.radiograph.spacing import UNKNOWN, PixelSize

_INSTEAD = "save it as PNG, JPEG, TIFF or DICOM"


@dataclass(frozen=True, kw_only=True, slots=True)
class Radiograph:
    """A film. Nothing in it names a person."""

    pixels: np.ndarray
    """[H, W] at full depth, after the modality LUT, brighter = whiter on screen."""
    gray: np.ndarray
    """uint8 [H, W]: what the network reads, and what is drawn."""
    pixel_size: PixelSize
    kind: str
    """The kind of file by its content: "PNG", "DICOM", ..."""
    device: str = "unknown"
    age: float | None = None
    """Years, where the file states it."""
    sex: str | None = None
    """"F", "M" or "O", where the file states it."""
    identity: str = ""
    """What is unique to the film (a DICOM's SOP instance UID): for `film_id`, never shown; "" where there is none."""
    warnings: tuple[str, ...] = ()
    """What the user should know before trusting the result."""


def read_radiograph(path: str | Path) -> Radiograph:
    """Reads one film of any supported kind, by its content, whatever its suffix.

    Raises: ImageError naming the file where it is missing, broken, too large, or not a film.

    Example:
        film = read_radiograph("head.dcm")
        film.gray.shape, film.pixel_size.mm, film.pixel_size.origin
    """
    return _read(Path(path), thorough=True)


def _read(path: Path, *, thorough: bool) -> Radiograph:
    """`thorough`: looks also for what does not change the pixels, and only earns a warning."""
    try:
        if path.exists() and not path.is_file() and not str(path).startswith("/dev/"):  # reading a pipe waits for ever
            raise ImageError(f"{path}: a folder, pipe or device, not a file; name an image file")
        with path.open("rb") as file:
            kind = file_kind(head := file.read(4096))
            content = head + file.read() if kind in FORMATS else b""
    except OSError as error:
        advice = "check the path" if isinstance(error, FileNotFoundError) else "replace the file"
        raise ImageError(f"{path}: cannot be read ({error.strerror or error}); {advice}") from error
    try:
        if kind in FORMATS:
            return _raster(content, kind, thorough)
        if kind == "DICOM":
            from landmarks.radiograph.dicom import read_dicom  # pydicom is an extra

            return read_dicom(path)
    except RasterError as error:
        raise ImageError(f"{path}: {error}") from error
    raise ImageError(f"{path}: {_what_it_is(path, head, kind)}")


def read_gray(path: str | Path) -> np.ndarray:
    """Film -> uint8 [H, W], the 8 bits that the network reads. Raises: ImageError naming the file."""
    return _read(Path(path), thorough=False).gray


def _raster(content: bytes, kind: str, thorough: bool) -> Radiograph:
    pixels, notes = decode_raster(content, kind)
    if pixels.dtype == np.uint8:
        gray = pixels
    else:
        low, high = default_window(pixels)
        gray = to_eight_bits(pixels, low, high)
        if not is_whole_depth(low, high):
            notes.append(f"gray values from {low:g} to {high:g} are read as black to white")
    if thorough:
        damage = jpeg_damage(content) if kind == "JPEG" else ""
        notes += filter(None, [damage, too_few_levels(gray)])
    return Radiograph(pixels=pixels, gray=gray, kind=kind, pixel_size=PixelSize(mm=None, origin=UNKNOWN), warnings=tuple(notes))


def _what_it_is(path: Path, head: bytes, kind: str) -> str:
    if not head:
        return "broken or truncated image: the file is empty; replace the file"
    if kind:
        article = "an" if kind[0] in "AEIOU" else "a"
        return f"{article} {kind}, not an image that is read; {_INSTEAD}"
    if not any(head):
        return "broken or truncated image: nothing but zeros; replace the file"
    return f"broken or truncated image, or a file of another kind; replace the file, or {_INSTEAD}"
