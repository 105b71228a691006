"""DICOM films that the tests write give the pixels and the pixel size that were put in; pydicom's own are read or refused."""

import warnings
from pathlib import Path

import numpy as np
import pytest

pydicom = pytest.importorskip("pydicom", minversion="3.0", reason="the extra 'dicom' is not installed")
from pydicom.data import get_testdata_file  # noqa: E402
from pydicom.dataset import Dataset, FileMetaDataset  # noqa: E402
from pydicom.encaps import encapsulate  # noqa: E402
from pydicom.pixels import get_decoder  # noqa: E402
from pydicom.sequence import Sequence  # noqa: E402
from pydicom.uid import UID  # noqa: E402

from landmarks.radiograph import ImageError, film_id, image_files, load_key, read_radiograph  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")

IMPLICIT, EXPLICIT, DEFLATED, BIG = (UID(f"1.2.840.10008.1.2{end}") for end in ("", ".1", ".1.99", ".2"))
JPEG, LOSSLESS_SV1, JPEG_LS, JP2, RLE = (UID(f"1.2.840.10008.1.2.{end}") for end in ("4.50", "4.70", "4.80", "4.90", "5"))
NAME, BIRTH, NUMBER = "Doe^Jane", "19990401", "ID-4711"


def ramp(bits: int, signed: bool = False) -> np.ndarray:
    """Every part of the range, no symmetry: [64, 80]."""
    rng = np.random.default_rng(bits)
    values = np.sort(rng.integers(0, 2**bits, 64 * 80)).reshape(64, 80)
    values[0, 0], values[-1, -1] = 0, 2**bits - 1
    return (values - 2 ** (bits - 1)).astype(np.int16) if signed else values.astype(np.uint8 if bits == 8 else np.uint16)


def film(pixels: np.ndarray, bits: int, *, modality: str = "DX", **elements) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = EXPLICIT
    dataset.SOPClassUID, dataset.SOPInstanceUID = UID("1.2.840.10008.5.1.4.1.1.1.1"), UID("1.2.3.4.5")
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.PatientName, dataset.PatientBirthDate, dataset.PatientID = NAME, BIRTH, NUMBER
    dataset.Modality, dataset.PhotometricInterpretation = modality, "MONOCHROME2"
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    dataset.SamplesPerPixel = 1
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8 * pixels.itemsize, bits, bits - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.PixelData = pixels.tobytes()
    dataset["PixelData"].VR = "OW" if pixels.itemsize == 2 else "OB"
    for name, value in elements.items():
        setattr(dataset, name, value)
    return dataset


def save(dataset: Dataset, path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        syntax = dataset.file_meta.TransferSyntaxUID
        if syntax == BIG:
            dataset.PixelData = np.frombuffer(dataset.PixelData, dtype=f"u{dataset.BitsAllocated // 8}").byteswap().tobytes()
        dataset.save_as(path, enforce_file_format=True)
    return path


def read(dataset: Dataset, tmp_path: Path):
    return read_radiograph(save(dataset, tmp_path / "film"))


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
        # the pair that the standard demands of DX files: one inversion
        ("MONOCHROME1", "INVERSE", True, False),
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
    assert any("contradict" in line for line in found.warnings) == doubtful


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


CALIBRATION = {"PixelSpacing": [0.12, 0.1], "ImagerPixelSpacing": [0.14, 0.13]}


@pytest.mark.parametrize(
    ("elements", "mm", "origin"),
    [
        (CALIBRATION | {"PixelSpacingCalibrationType": "FIDUCIAL"}, (0.1, 0.12), "calibrated"),
        (CALIBRATION | {"PixelSpacingCalibrationType": "GEOMETRY"}, (0.1, 0.12), "corrected"),
        (CALIBRATION, (0.1, 0.12), "corrected"),
        ({"ImagerPixelSpacing": [0.11, 0.22], "EstimatedRadiographicMagnificationFactor": "1.1"}, (0.2, 0.1), "corrected"),
        (
            {"ImagerPixelSpacing": [0.11, 0.22], "DistanceSourceToDetector": "1650", "DistanceSourceToPatient": "1500"},
            (0.2, 0.1),
            "corrected",
        ),
        ({"ImagerPixelSpacing": [0.14, 0.13]}, (0.13, 0.14), "at the detector"),
        ({"ImagerPixelSpacing": [0.1, 0.1], "PixelSpacing": [0.1, 0.1]}, (0.1, 0.1), "at the detector"),
        ({"PixelSpacing": [0.12, 0.1]}, (0.1, 0.12), "stated by the file"),
        ({"NominalScannedPixelSpacing": [0.1, 0.1]}, None, "unknown"),
        ({}, None, "unknown"),
        ({"PixelSpacing": [0, 0]}, None, "unknown"),
        ({"PixelSpacing": [-0.1, -0.1]}, None, "unknown"),
        ({"PixelSpacing": [0, 0], "ImagerPixelSpacing": [0.1, 0.1]}, (0.1, 0.1), "at the detector"),
        ({"PixelSpacing": [-0.1, 0.1], "PixelSpacingCalibrationType": "FIDUCIAL"}, None, "unknown"),
        ({"ImagerPixelSpacing": [0.1, 0.1], "EstimatedRadiographicMagnificationFactor": "0"}, (0.1, 0.1), "at the detector"),
    ],
)
def test_pixel_size(tmp_path, elements, mm, origin):
    size = read(film(ramp(12), 12, **elements), tmp_path).pixel_size
    assert size.origin == origin
    assert size.mm == (pytest.approx(mm) if mm else None)
    if origin in ("at the detector", "stated by the file") or ("PixelSpacing" in elements and mm is None):
        assert size.note


def test_what_a_film_says_of_itself_and_what_not(tmp_path):
    dataset = film(ramp(12), 12, Manufacturer="ACME", ManufacturerModelName="Ceph 1", PatientAge="012Y", PatientSex="F")
    dataset.StationName, dataset.InstitutionName, dataset.BurnedInAnnotation = "Room Doe", "Clinic Doe", "YES"
    found = read(dataset, tmp_path)
    assert (found.device, found.age, found.sex, found.kind) == ("ACME Ceph 1", 12, "F", "DICOM")
    assert "burnt into" in found.warnings[0]
    shown = repr(found)
    assert not any(word in shown for word in ("Doe", BIRTH, NUMBER))
    key = load_key(tmp_path / "folder" / "key")
    assert load_key(tmp_path / "folder" / "key") == key
    assert film_id(found.identity, key) != film_id(found.identity, bytes(32))
    assert found.identity not in film_id(found.identity, key)


def test_errors_name_the_file_and_the_reason_but_no_person(tmp_path):
    huge = film(ramp(12), 12, Rows=65535, Columns=65535)
    frames = film(ramp(12), 12, NumberOfFrames=40)
    without = film(ramp(12), 12)
    del without.PixelData
    report = film(ramp(12), 12, modality="SR")
    for name in ("PixelData", "Rows", "Columns"):
        delattr(report, name)
    short = film(ramp(12), 12, Rows=900)
    for dataset, reason in [
        (huge, "too large"),
        (frames, "40 frames"),
        (without, "without pixel data"),
        (report, "modality SR without an image"),
        (short, "broken or truncated"),
    ]:
        path = save(dataset, tmp_path / "film")
        with pytest.raises(ImageError, match=reason) as caught:
            read_radiograph(path)
        text = str(caught.value)
        assert text.startswith(f"{path}: ")
        assert "\n" not in text
        assert not any(word in text for word in ("Doe", BIRTH, NUMBER))


def test_a_folder_of_numbered_files(tmp_path):
    save(film(ramp(12), 12), tmp_path / "IM000001")
    save(film(ramp(12), 12), tmp_path / "1.2.840.113619.2")
    for name, content in [("DICOMDIR", b"x"), ("README", b"text"), ("._IM000001", b"x"), ("notes.txt", b"x")]:
        (tmp_path / name).write_bytes(content)
    assert [path.name for path in image_files(tmp_path)] == ["1.2.840.113619.2", "IM000001"]


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("dicomdirtests/77654033/CR1/6154", (0.1, 0.1)),
        ("dicomdirtests/77654033/CR2/6247", (0.1, 0.1)),
        ("dicomdirtests/77654033/CR3/6278", (0.1, 0.1)),
        ("MR_small_jpeg_ls_lossless.dcm", (0.3125, 0.3125)),
        ("MR_small_jp2klossless.dcm", (0.3125, 0.3125)),
        ("MR_small_RLE.dcm", (0.3125, 0.3125)),
        ("SC_rgb_jpeg_gdcm.dcm", (1.0, 1.0)),
        ("JPGExtended.dcm", "JPEG Extended of 12 bits"),
        ("DICOMDIR", "lists films"),
        ("reportsi.dcm", "modality SR without an image"),
        ("MR_truncated.dcm", "broken or truncated"),
    ],
)
def test_films_of_pydicom(name, result):
    path = get_testdata_file(name)
    folder = Path(get_testdata_file("MR_small.dcm")).parent
    path = path or folder / ("dicomdirtests/DICOMDIR" if name == "DICOMDIR" else name)
    if isinstance(result, str):
        with pytest.raises(ImageError, match=result):
            read_radiograph(path)
        return
    found = read_radiograph(path)
    assert found.pixel_size.mm == result
    if "MR_small" in name:
        np.testing.assert_array_equal(found.pixels, pydicom.dcmread(folder / "MR_small.dcm").pixel_array)
    if "CR1" in name:  # 12 bits, MONOCHROME1, rescaled, a window of the rescaled values, no PixelSpacing
        stored = pydicom.dcmread(path).pixel_array
        expected = 255 - np.clip((stored * 0.684 + 200 - 1599.5) / 2799 + 0.5, 0, 1) * 255
        np.testing.assert_allclose(found.gray.astype(float), expected, atol=0.51)
        assert found.pixel_size.origin == "at the detector"


def test_films_of_pydicom_data():
    store = pytest.importorskip("data_store", reason="pydicom-data is not installed")
    folder = Path(next(iter(store.__path__))) / "data"
    for name in ("RG1_UNCI.dcm", "RG3_J2KI.dcm", "vlut_04.dcm", "mlut_18.dcm", "JPGLosslessP14SV1_1s_1f_8b.dcm"):
        found = read_radiograph(folder / name)
        assert np.ptp(found.gray) > 200
        if name.startswith("RG"):
            assert found.pixel_size.mm is None
            # MONOCHROME1: outside the body is black once it is read
            stored = pydicom.dcmread(folder / name).pixel_array
            assert np.corrcoef(found.gray.ravel()[::97], stored.ravel()[::97])[0, 1] < -0.9
