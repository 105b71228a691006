"""DICOM files -> Radiograph. Of the data set only the pixels and what describes them is kept: no name, date or number."""

import re
import warnings
import zlib
from pathlib import Path

import numpy as np

from landmarks.radiograph.film import Radiograph
from landmarks.radiograph.gray import default_window, edges_above_middle, inverted, luminance, to_eight_bits
from landmarks.radiograph.intact import RasterError, check_size
from landmarks.radiograph.pixeldata import decode_pixels
from landmarks.radiograph.spacing import pixel_size_of_dicom

# what pydicom warns of quotes the file's values, which may name a person
warnings.filterwarnings("ignore", module=r"pydicom\..*")

_INSTALL = 'a DICOM file, which needs the extra "dicom": pip install "landmarks[dicom]"'
_BROKEN = "broken or truncated DICOM file; export it again"
RADIOGRAPHS = ("CR", "DX", "PX", "IO", "SC", "OT", "RG", "XC", "DR", "RF")
_DEFLATED = "1.2.840.10008.1.2.1.99"
# bytes that a deflated data set may unpack to
_MOST_UNPACKED = 600_000_000
_LEAST_LEVELS = 20
"""Gray levels between the 1 % and the 99 % point that a window must leave: real films have 176 and more."""
# Gray levels by which a film's edges are brighter than its middle where it is plainly a negative: of sound films 27 at most.
_PLAIN_LEVELS = 40
_YEARS = {"D": 1 / 365.25, "W": 7 / 365.25, "M": 1 / 12, "Y": 1.0}


def read_dicom(path: Path) -> Radiograph:
    """One DICOM film. Raises: RasterError with the reason; the caller names the file."""
    try:
        import pydicom
        from pydicom.errors import InvalidDicomError
    except ImportError as error:
        raise RasterError(_INSTALL) from error
    try:
        _check_deflated(path)
        dataset = pydicom.dcmread(path, force=True, stop_before_pixels=True)
        _check_image(dataset)
        dataset = pydicom.dcmread(path, force=True)
        return _radiograph(dataset)
    except RasterError:
        raise
    except InvalidDicomError as error:
        raise RasterError(_BROKEN) from error
    except OSError as error:
        raise RasterError(f"cannot be read ({error.strerror or 'broken'}); export it again") from error
    except MemoryError as error:
        raise RasterError("too large to decode; export it smaller") from error
    # pydicom meets broken files with errors of a dozen classes, and their words quote the file's values
    except Exception as error:
        raise RasterError(_BROKEN) from error


def _check_deflated(path: Path) -> None:
    """A deflated data set is unpacked whole at once, so its size is looked at first."""
    import pydicom
    from pydicom.filereader import read_file_meta_info

    try:
        meta = read_file_meta_info(path)
    except Exception:  # no preamble: never deflated
        return
    if meta.get("TransferSyntaxUID") != _DEFLATED:
        return
    content = path.read_bytes()
    start = 128 + 4 + 12 + int(meta.get("FileMetaInformationGroupLength") or 0)
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        unpacker.decompress(content[start:], _MOST_UNPACKED)
    except zlib.error as error:
        raise RasterError(_BROKEN) from error
    if unpacker.unconsumed_tail:
        raise RasterError("too large to decode; export it smaller")
    assert pydicom


def _check_image(dataset) -> None:
    """Raises: RasterError where there is no picture, or one that is no single film, before its pixels are read."""
    if "DirectoryRecordSequence" in dataset:
        raise RasterError("a DICOMDIR, which lists films; give the folder that holds them")
    if not len(dataset):
        raise RasterError(_BROKEN)
    if "Rows" not in dataset or "Columns" not in dataset:
        modality = _word(dataset, "Modality")
        what = f"of modality {modality}" if modality else "of no modality"
        raise RasterError(f"a DICOM file {what} without an image; export the radiograph")
    channels, frames = int(dataset.get("SamplesPerPixel") or 1), int(dataset.get("NumberOfFrames") or 1)
    if frames > 1:
        raise RasterError(f"a DICOM file of {frames} frames, not one radiograph; export the lateral view alone")
    check_size(int(dataset.Rows), int(dataset.Columns), channels)


def _radiograph(dataset) -> Radiograph:
    pixels, notes = decode_pixels(dataset)
    if pixels.ndim == 3:
        pixels, gray = _colour(pixels)
    else:
        pixels, gray = _monochrome(dataset, pixels, notes)
    modality = _word(dataset, "Modality")
    if modality and modality not in RADIOGRAPHS:
        notes.append(f"modality {modality}: not a radiograph")
    if _word(dataset, "BurnedInAnnotation") == "YES":
        notes.append("the file says that text is burnt into the image: it may name the patient")
    size = pixel_size_of_dicom(dataset)
    return Radiograph(
        pixels=pixels,
        gray=gray,
        pixel_size=size,
        kind="DICOM",
        device=_device(dataset),
        age=_age(dataset),
        sex=sex if (sex := _word(dataset, "PatientSex")) in ("F", "M", "O") else None,
        identity=str(dataset.get("SOPInstanceUID") or ""),
        warnings=tuple([*notes, f"pixel size: {size.note}"] if size.note else notes),
    )


def _colour(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if pixels.dtype.itemsize > 2:
        pixels = (pixels >> (8 * pixels.dtype.itemsize - 16)).astype(np.uint16)
    gray = luminance(np.ascontiguousarray(pixels[..., :3]))
    return gray, to_eight_bits(gray, 0.0, float(np.iinfo(gray.dtype).max))


def _monochrome(dataset, stored: np.ndarray, notes: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Modality LUT, then VOI LUT or window, then the inversion: by MONOCHROME1, or by a presentation LUT of INVERSE."""
    from pydicom.pixels import apply_modality_lut

    rescaled = "ModalityLUTSequence" in dataset or (
        (float(dataset.get("RescaleSlope", 1) or 1), float(dataset.get("RescaleIntercept", 0) or 0)) != (1.0, 0.0)
    )
    pixels = apply_modality_lut(stored, dataset) if rescaled else stored
    if pixels.dtype.kind == "f":
        pixels = pixels.astype(np.float32)
    gray = _window(dataset, pixels, notes)
    if gray is None:
        white = 2.0 ** int(dataset.BitsStored) - 1 if not rescaled and stored.dtype.kind == "u" else None
        low, high = default_window(pixels)
        gray = to_eight_bits(pixels, low, white if low == 0 and white and high == 255 else high)
    if _is_negative(dataset, gray, notes):
        top = None if rescaled or stored.dtype.kind != "u" else 2 ** int(dataset.BitsStored) - 1
        pixels, gray = inverted(pixels, top), 255 - gray
    return pixels, gray


def _is_negative(dataset, gray: np.ndarray, notes: list[str]) -> bool:
    """Whether black and white are to be exchanged.

    MONOCHROME1 beside INVERSE is two inversions, which cancel out, to some programs; to others it is the pair by which the
    standard says one (PS3.3, C.7.6.1 and C.8.11.1). The film's edges, where no head is, tell which: they are dark.
    """
    first = _word(dataset, "PhotometricInterpretation") == "MONOCHROME1"
    shape = _word(dataset, "PresentationLUTShape")
    if first and shape == "INVERSE":
        negative = edges_above_middle(gray) > _PLAIN_LEVELS
        done = "once, because its edges are bright" if negative else "twice, which cancels out"
        notes.append(f"photometric interpretation and presentation LUT both invert the film: done {done}")
        return negative
    if shape and first != (shape == "INVERSE"):
        notes.append("photometric interpretation and presentation LUT contradict each other: it may be a negative")
    return first or shape == "INVERSE"


def _window(dataset, pixels: np.ndarray, notes: list[str]) -> np.ndarray | None:
    """The film through the file's own VOI LUT or window; None where it has none, or one that leaves no contrast."""
    from pydicom.pixels import apply_voi

    if "VOILUTSequence" in dataset and pixels.dtype.kind in "ui":
        _entries, _, bits = dataset.VOILUTSequence[0].LUTDescriptor
        gray = to_eight_bits(apply_voi(pixels, dataset), 0.0, 2.0 ** int(bits) - 1)
    else:
        centre, width = (_first_number(dataset, name) for name in ("WindowCenter", "WindowWidth"))
        if centre is None or width is None or width < 1:
            return None
        gray = _through_window(pixels, centre, width, _word(dataset, "VOILUTFunction"))
    step = max(1, min(gray.shape) // 500)
    if np.ptp(np.percentile(gray[::step, ::step], (1, 99))) >= _LEAST_LEVELS:
        return gray
    notes.append("the file's window leaves no contrast and is not used")
    return None


def _through_window(pixels: np.ndarray, centre: float, width: float, function: str) -> np.ndarray:
    """Source: DICOM PS3.3, C.11.2.1.2 (LINEAR) and C.11.2.1.3 (SIGMOID, LINEAR_EXACT)."""
    if function == "SIGMOID":
        with np.errstate(over="ignore"):
            return np.rint(255 / (1 + np.exp(-4 * (pixels.astype(np.float32) - centre) / width))).astype(np.uint8)
    if function == "LINEAR_EXACT":
        return to_eight_bits(pixels, centre - width / 2, centre + width / 2)
    return to_eight_bits(pixels, centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2)


def _first_number(dataset, name: str) -> float | None:
    value = dataset.get(name)
    try:
        number = float(value if isinstance(value, (int, float, str)) else value[0])
    except (TypeError, ValueError, IndexError):
        return None
    return number if np.isfinite(number) else None


def _word(dataset, name: str) -> str:
    return str(dataset.get(name) or "").strip().upper()


def _device(dataset) -> str:
    """Manufacturer and model; not the station's name, which may say where the patient was."""
    words = [str(dataset.get(name) or "").strip() for name in ("Manufacturer", "ManufacturerModelName")]
    return re.sub(r"\s+", " ", " ".join(word for word in words if word)) or "unknown"


def _age(dataset) -> float | None:
    match = re.fullmatch(r"(\d{3})([DWMY])", _word(dataset, "PatientAge"))
    return round(int(match[1]) * _YEARS[match[2]], 2) if match else None
