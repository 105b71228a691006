"""What a DICOM film states of itself: pixel size, device, age; never a person. pydicom's own films are read or refused."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_films import BIRTH, NUMBER, film, ramp, read, save
from pydicom.data import get_testdata_file

from landmarks.radiograph import ImageError, film_id, image_files, load_key, read_radiograph

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")

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
