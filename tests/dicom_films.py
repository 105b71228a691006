"""DICOM films as the tests write them; importing this skips a module where the extra 'dicom' is not installed."""

import warnings
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pydicom", minversion="3.0", reason="the extra 'dicom' is not installed")
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID

from landmarks.radiograph import read_radiograph

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
