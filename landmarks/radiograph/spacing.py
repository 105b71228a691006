"""How large a pixel is, and where that is known from."""

from dataclasses import dataclass

CALIBRATED = "calibrated"
CORRECTED = "corrected"
DETECTOR = "at the detector"
STATED = "stated by the file"
USER = "given by the user"
RULER = "a ruler of two points"
UNKNOWN = "unknown"
ORIGINS = (CALIBRATED, CORRECTED, DETECTOR, STATED, USER, RULER, UNKNOWN)

# mm; a film's pixels measure 0.03 to 0.4 mm, and these bounds leave room for thumbnails
_SMALLEST, _LARGEST = 0.005, 5.0
# PixelSpacing and ImagerPixelSpacing that differ by less are the same number, rounded
_SAME = 1e-3


@dataclass(frozen=True, kw_only=True, slots=True)
class PixelSize:
    """Size of a pixel with its origin."""

    mm: tuple[float, float] | None
    """(sx, sy), or None where unknown."""
    origin: str
    """One of ORIGINS."""
    note: str = ""
    """What a reader of millimetres should know of it."""


def pixel_size_of_dicom(dataset) -> PixelSize:
    """The pixel size of a pydicom data set, by the most trustworthy of its attributes.

    Source: DICOM PS3.3, 10.7.1.3 (pixel spacing calibration) and C.8.11.2 (DX positioning: magnification).
    """
    spacing, detector = _pair(dataset, "PixelSpacing"), _pair(dataset, "ImagerPixelSpacing")
    kind = str(dataset.get("PixelSpacingCalibrationType") or "").strip().upper()
    if spacing and kind == "FIDUCIAL":
        return PixelSize(mm=spacing, origin=CALIBRATED)
    if spacing and kind == "GEOMETRY":
        return PixelSize(mm=spacing, origin=CORRECTED)
    if detector:
        if factor := _magnification(dataset):
            sx, sy = detector
            return PixelSize(mm=(sx / factor, sy / factor), origin=CORRECTED, note=f"magnification {factor:g} taken out")
        if spacing and max(abs(a / b - 1) for a, b in zip(spacing, detector, strict=True)) > _SAME:
            # two spacings that differ: the standard says that PixelSpacing was corrected or calibrated
            return PixelSize(mm=spacing, origin=CORRECTED, note="the file does not say how it was corrected")
        return PixelSize(mm=detector, origin=DETECTOR, note="the head is smaller by the magnification, usually 8 to 14 %")
    if spacing:
        return PixelSize(mm=spacing, origin=STATED, note="the file does not say whether it holds in the head")
    note = ""
    if _pair(dataset, "NominalScannedPixelSpacing"):
        note = "the scanner's nominal spacing is not used; a ruler on the film gives the pixel size"
    elif any(dataset.get(name) for name in ("PixelSpacing", "ImagerPixelSpacing")):
        note = "the pixel spacing in the file is not valid"
    return PixelSize(mm=None, origin=UNKNOWN, note=note)


def _pair(dataset, name: str) -> tuple[float, float] | None:
    """(sx, sy) in mm: DICOM writes the distance between rows first. None where absent or not valid."""
    try:
        sy, sx = (float(value) for value in dataset.get(name) or ())
    except (TypeError, ValueError):
        return None
    # NaN and infinity fail the comparison as well
    return (sx, sy) if _SMALLEST <= sx <= _LARGEST and _SMALLEST <= sy <= _LARGEST else None


def _magnification(dataset) -> float | None:
    """Factor by which the detector sees the head enlarged; None where the file does not say it."""
    factor = _number(dataset, "EstimatedRadiographicMagnificationFactor")
    if factor is None:
        detector, patient = _number(dataset, "DistanceSourceToDetector"), _number(dataset, "DistanceSourceToPatient")
        factor = detector / patient if detector and patient and patient > 0 else None
    return factor if factor is not None and 1.0 <= factor <= 3.0 else None


def _number(dataset, name: str) -> float | None:
    try:
        return float(dataset.get(name))
    except (TypeError, ValueError):
        return None
