"""DICOM films that the tests write give the pixels that were put in."""

import numpy as np
import pydicom
import pytest
from dicom_films import (
    BIG,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    JP2,
    JPEG,
    JPEG_LS,
    LOSSLESS_SV1,
    RLE,
    film,
    ramp,
    read,
    save,
)
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels import get_decoder
from pydicom.sequence import Sequence

from landmarks.radiograph import read_radiograph

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")


@pytest.mark.parametrize("modality", ["CR", "DX", "PX", "IO", "SC"])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_every_depth_of_every_modality(tmp_path, modality, bits):
    stored = ramp(bits)
    found = read(film(stored, bits, modality=modality), tmp_path)
    np.testing.assert_array_equal(found.pixels, stored)
    np.testing.assert_array_equal(found.gray, np.rint(stored * (255 / (2**bits - 1))).astype(np.uint8))
    assert not found.warnings


@pytest.mark.parametrize(
    ("syntax", "bits"), [(s, b) for s in (IMPLICIT, DEFLATED, BIG, RLE, JPEG_LS, JP2) for b in (10, 12, 16)]
)
def test_every_transfer_syntax(tmp_path, syntax, bits):
    stored = ramp(bits)
    dataset = film(stored, bits)
    if syntax.is_compressed and syntax != DEFLATED:
        if not get_decoder(syntax).available_plugins:
            pytest.skip("its decoder is not installed")
        dataset.compress(syntax, generate_instance_uid=False)
    dataset.file_meta.TransferSyntaxUID = syntax
    np.testing.assert_array_equal(read(dataset, tmp_path).pixels, stored)


@pytest.mark.parametrize("bits", [12, 16])
@pytest.mark.parametrize("syntax", [EXPLICIT, RLE, JPEG_LS])
def test_signed(tmp_path, syntax, bits):
    stored = ramp(bits, signed=True)
    dataset = film(stored, bits)
    if syntax != EXPLICIT:
        dataset.compress(syntax, generate_instance_uid=False)
    found = read(dataset, tmp_path)
    np.testing.assert_array_equal(found.pixels, stored)
    assert (found.gray.min(), found.gray.max()) == (0, 255)
    assert (np.diff(found.gray.ravel().astype(int)) >= 0).all()


def test_jpeg_and_jpeg_lossless(tmp_path):
    import cv2

    stored = cv2.resize(ramp(8), (64, 64), interpolation=cv2.INTER_LINEAR)
    dataset = film(stored, 8)
    dataset.PixelData = encapsulate([cv2.imencode(".jpg", stored, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()])
    dataset.file_meta.TransferSyntaxUID = JPEG
    np.testing.assert_allclose(read(dataset, tmp_path).pixels.astype(int), stored, atol=3)
    gdcm = pytest.importorskip("gdcm")
    stored = ramp(12)
    save(film(stored, 12), tmp_path / "plain")
    reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
    reader.SetFileName(str(tmp_path / "plain"))
    assert reader.Read()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer.SetFileName(str(tmp_path / "lossless"))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    assert pydicom.dcmread(tmp_path / "lossless").file_meta.TransferSyntaxUID == LOSSLESS_SV1
    np.testing.assert_array_equal(read_radiograph(tmp_path / "lossless").pixels, stored)


@pytest.mark.parametrize(
    ("photometric", "shape", "negative", "doubtful"),
    [
        ("MONOCHROME2", None, False, False),
        ("MONOCHROME2", "IDENTITY", False, False),
        ("MONOCHROME1", None, True, False),
        ("MONOCHROME1", "INVERSE", False, True),
        ("MONOCHROME2", "INVERSE", True, True),
        ("MONOCHROME1", "IDENTITY", True, True),
    ],
)
@pytest.mark.parametrize("window", [False, True])
def test_inversion(tmp_path, photometric, shape, negative, doubtful, window):
    elements = {"WindowCenter": 2048, "WindowWidth": 4096} if window else {}
    elements |= {"PresentationLUTShape": shape} if shape else {}
    stored = ramp(12)
    found = read(film(stored, 12, PhotometricInterpretation=photometric, **elements), tmp_path)
    upright = 4095 - stored if negative else stored
    np.testing.assert_array_equal(found.pixels, upright)
    np.testing.assert_allclose(found.gray.astype(float), upright * (255 / 4095), atol=0.51)
    assert any("presentation LUT" in line for line in found.warnings) == doubtful


@pytest.mark.parametrize("stored_negative", [False, True])
def test_two_inversions_of_a_head(tmp_path, stored_negative):
    """MONOCHROME1 beside INVERSE: the dark air around a head tells whether the two cancel out."""
    y, x = np.mgrid[-1:1:120j, -1:1:100j]
    head = (4000 * np.exp(-2 * (x**2 + y**2))).astype(np.uint16)
    stored = 4095 - head if stored_negative else head
    found = read(film(stored, 12, PhotometricInterpretation="MONOCHROME1", PresentationLUTShape="INVERSE"), tmp_path)
    np.testing.assert_array_equal(found.pixels, head)
    assert found.gray[60, 50] > found.gray[0, 0]


def lut(values: np.ndarray, first: int, bits: int, kind: str) -> Sequence:
    item = Dataset()
    item.LUTDescriptor = [len(values), first, bits]
    item.LUTData = values.astype(np.uint16).tobytes()
    item["LUTDescriptor"].VR, item["LUTData"].VR = "US", "OW"
    if kind == "modality":
        item.ModalityLUTType = "US"
    return Sequence([item])


def test_windows_and_lookup_tables(tmp_path):
    stored = ramp(12).astype(np.float64)

    def gray(**elements) -> np.ndarray:
        return read(film(ramp(12), 12, **elements), tmp_path).gray.astype(float)

    linear = np.clip(((stored - 1000 + 0.5) / 799 + 0.5), 0, 1) * 255
    np.testing.assert_allclose(gray(WindowCenter=1000, WindowWidth=800), linear, atol=0.51)
    np.testing.assert_allclose(gray(WindowCenter=[1000, 50], WindowWidth=[800, 10]), linear, atol=0.51)
    exact = np.clip((stored - 1000) / 800 + 0.5, 0, 1) * 255
    np.testing.assert_allclose(gray(WindowCenter=1000, WindowWidth=800, VOILUTFunction="LINEAR_EXACT"), exact, atol=0.51)
    sigmoid = 255 / (1 + np.exp(-4 * (stored - 1000) / 800))
    np.testing.assert_allclose(gray(WindowCenter=1000, WindowWidth=800, VOILUTFunction="SIGMOID"), sigmoid, atol=0.51)
    curve = np.rint((np.arange(4096) / 4095) ** 2 * 1023)
    voi = curve[ramp(12)] * 255 / 1023
    np.testing.assert_allclose(gray(VOILUTSequence=lut(curve, 0, 10, "voi")), voi, atol=0.51)
    rescaled = gray(RescaleSlope="0.5", RescaleIntercept="-100", WindowCenter=400, WindowWidth=1000)
    np.testing.assert_allclose(rescaled, np.clip((stored * 0.5 - 100 - 399.5) / 999 + 0.5, 0, 1) * 255, atol=0.51)
    found = read(film(ramp(12), 12, ModalityLUTSequence=lut(curve * 64, 0, 16, "modality")), tmp_path)
    np.testing.assert_array_equal(found.pixels, (curve * 64)[ramp(12)])
    blind = read(film(ramp(12), 12, WindowCenter=9000, WindowWidth=10), tmp_path)
    assert np.ptp(blind.gray) == 255
    assert "leaves no contrast" in blind.warnings[0]


def test_bits_above_those_stored_are_no_gray_values(tmp_path):
    stored = ramp(12)
    overlay = stored | np.where(np.arange(stored.size).reshape(stored.shape) % 3, 0x8000, 0).astype(np.uint16)
    np.testing.assert_array_equal(read(film(overlay, 12), tmp_path).pixels, stored)


@pytest.mark.parametrize(
    ("declared", "true"), [(EXPLICIT, JPEG_LS), (EXPLICIT, JP2), (JPEG, JPEG_LS), (JPEG_LS, JP2), (JP2, EXPLICIT)]
)
def test_a_wrong_transfer_syntax(tmp_path, declared, true):
    stored = ramp(12)
    dataset = film(stored, 12)
    if true != EXPLICIT:
        dataset.compress(true, generate_instance_uid=False)
    content = save(dataset, tmp_path / "film").read_bytes()
    dataset.file_meta.TransferSyntaxUID = declared
    header = pydicom.filebase.DicomBytesIO()
    pydicom.filewriter.write_file_meta_info(header, dataset.file_meta)
    body = content[content.index(b"\x08\0\x16\0UI") :]
    (tmp_path / "film").write_bytes(bytes(128) + b"DICM" + header.getvalue() + body)
    found = read_radiograph(tmp_path / "film")
    np.testing.assert_array_equal(found.pixels, stored)
    assert "declares" in found.warnings[0]
