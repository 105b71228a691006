"""The pixel data of a DICOM data set, decoded by what it holds: some files declare a wrong transfer syntax."""

import numpy as np

from landmarks.radiograph.intact import RasterError, jpeg_frame

_UID = "1.2.840.10008.1.2"
_EXPLICIT = f"{_UID}.1"
_JPEG, _EXTENDED, _LOSSLESS, _LOSSLESS_SV1 = (f"{_UID}.4.{n}" for n in (50, 51, 57, 70))
_JPEG_LS, _JPEG_LS_LOSSY, _JP2_LOSSLESS, _JP2 = (f"{_UID}.4.{n}" for n in (80, 81, 90, 91))
_RLE = f"{_UID}.5"
# pydicom's decoders of each compressed transfer syntax, the first that is there is used, and the packages that bring the
# first. gdcm decodes JPEG-LS too, but to wrong pixels; pylibjpeg-rle panics on a broken file, past every handler.
_DECODERS = {
    _JPEG: (("pillow",), "pillow"),
    _EXTENDED: (("pillow",), "pillow"),
    _LOSSLESS: (("gdcm",), "python-gdcm"),
    _LOSSLESS_SV1: (("gdcm",), "python-gdcm"),
    _JPEG_LS: (("pyjpegls",), "pyjpegls"),
    _JPEG_LS_LOSSY: (("pyjpegls",), "pyjpegls"),
    _JP2_LOSSLESS: (("pylibjpeg", "gdcm", "pillow"), "pylibjpeg pylibjpeg-openjpeg"),
    _JP2: (("pylibjpeg", "gdcm", "pillow"), "pylibjpeg pylibjpeg-openjpeg"),
    _RLE: (("pydicom",), "pydicom"),
}
_NAMES = {
    _JPEG: "JPEG",
    _EXTENDED: "JPEG Extended",
    _LOSSLESS: "JPEG Lossless",
    _LOSSLESS_SV1: "JPEG Lossless",
    _JPEG_LS: "JPEG-LS",
    _JPEG_LS_LOSSY: "JPEG-LS",
    _JP2_LOSSLESS: "JPEG 2000",
    _JP2: "JPEG 2000",
    _RLE: "RLE",
}
# JPEG start-of-frame marker -> transfer syntax
_FRAMES = {0xC0: _JPEG, 0xC1: _EXTENDED, 0xC3: _LOSSLESS, 0xF7: _JPEG_LS}
_ITEM = b"\xfe\xff\x00\xe0"
_BROKEN = "broken or truncated DICOM file; export it again"


def decode_pixels(dataset) -> tuple[np.ndarray, list[str]]:
    """Stored values [H, W], or RGB [H, W, 3], with the bits beyond those stored taken out; and warnings.

    Raises: RasterError, with the line that installs what is missing.
    """
    from pydicom.pixels import apply_color_lut, get_decoder, pixel_array

    if not any(name in dataset for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        raise RasterError("a DICOM file without pixel data; export the radiograph")
    notes = _true_syntax(dataset)
    syntax = dataset.file_meta.TransferSyntaxUID
    plugin = ""
    if syntax in _DECODERS:
        plugins, packages = _DECODERS[syntax]
        plugin = next((name for name in plugins if name in get_decoder(syntax).available_plugins), "")
        if not plugin:
            raise RasterError(f"{_NAMES[syntax]} in a DICOM file needs a decoder: pip install {packages}")
    elif syntax.is_compressed and not syntax.is_deflated:
        raise RasterError(f"a DICOM file compressed as {syntax.name}, which is not read; export it uncompressed")
    _quiet(plugin)
    if plugin == "gdcm" or not syntax.is_compressed:
        _check_length(dataset, syntax)
    try:
        pixels = pixel_array(dataset, decoding_plugin=plugin)
    except Exception as error:
        if syntax == _EXTENDED and int(dataset.get("BitsStored") or 8) > 8:
            raise RasterError("JPEG Extended of 12 bits, which no decoder reads; export it uncompressed") from error
        raise RasterError(_BROKEN) from error
    if str(dataset.get("PhotometricInterpretation")) == "PALETTE COLOR":
        pixels = apply_color_lut(pixels, dataset)
    return (pixels if pixels.ndim == 3 else _stored_bits(dataset, pixels)), notes


def _quiet(plugin: str) -> None:
    """gdcm writes its troubles to the terminal, without a file's name."""
    if plugin == "gdcm":
        import gdcm

        for kind in ("Debug", "Warning", "Error"):
            getattr(gdcm.Trace, f"{kind}Off")()


def _true_syntax(dataset) -> list[str]:
    """Sets the transfer syntax to what the pixel data is; tells where the file declares another."""
    meta = getattr(dataset, "file_meta", None)
    if meta is None:
        raise RasterError(_BROKEN)
    declared = meta.get("TransferSyntaxUID")
    if declared is None:
        meta.TransferSyntaxUID = declared = _EXPLICIT if not dataset.original_encoding[0] else _UID
        meta.TransferSyntaxUID = declared = type(meta.TransferSyntaxUID)(declared)
    found = _found_syntax(dataset, declared)
    if found == declared:
        return []
    meta.TransferSyntaxUID = found
    dataset["PixelData"].is_undefined_length = found != _EXPLICIT
    return [f"the file declares {declared.name}; its pixel data is {_NAMES.get(found, 'not compressed')}"]


def _found_syntax(dataset, declared: str) -> str:
    content = dataset.get("PixelData") or b""
    raw = int(dataset.Rows) * int(dataset.Columns) * int(dataset.get("SamplesPerPixel") or 1) * _bits(dataset) // 8
    if not content.startswith(_ITEM):
        known = declared in _DECODERS and len(content) in (raw, raw + raw % 2)
        return _EXPLICIT if known else declared
    if len(content) in (raw, raw + 1) and not declared.is_compressed:
        return declared
    start = content.find(b"\xff\xd8\xff", 0, 4096)
    if content.find(b"\xff\x4f\xff\x51", 0, 4096) >= 0 or content.find(b"jP  \r\n", 0, 4096) >= 0:
        return declared if str(declared).startswith((f"{_UID}.4.9", f"{_UID}.4.20")) else _JP2
    if start >= 0 and (true := _FRAMES.get(jpeg_frame(content[start : start + 65536])[0])):
        same = {true, declared} <= {_LOSSLESS, _LOSSLESS_SV1} or {true, declared} <= {_JPEG_LS, _JPEG_LS_LOSSY}
        return declared if same or {true, declared} <= {_JPEG, _EXTENDED} else true
    return declared


def _bits(dataset) -> int:
    return int(dataset.get("BitsAllocated") or 8)


def _check_length(dataset, syntax: str) -> None:
    """Raises: RasterError where uncompressed pixel data is shorter than the image, which pydicom would say with values."""
    content = dataset.get("PixelData")
    if content is None or syntax.is_compressed:
        return
    channels = int(dataset.get("SamplesPerPixel") or 1)
    factor = 2 if "422" in str(dataset.get("PhotometricInterpretation")) else channels
    if len(content) < int(dataset.Rows) * int(dataset.Columns) * factor * _bits(dataset) // 8:
        raise RasterError(_BROKEN)


def _stored_bits(dataset, pixels: np.ndarray) -> np.ndarray:
    """The bits above those stored may hold an overlay or garbage: they are no part of the gray value."""
    pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    if pixels.dtype.kind not in "ui":
        return pixels
    stored, width = int(dataset.get("BitsStored") or _bits(dataset)), 8 * pixels.dtype.itemsize
    if not 1 <= stored < width:
        return pixels
    if pixels.dtype.kind == "u":
        return pixels & pixels.dtype.type(2**stored - 1)
    return (pixels << (width - stored)) >> (width - stored)
