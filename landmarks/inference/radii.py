"""Error radii: from the shape of a landmark's map to the radius that holds it with a chosen probability."""

import hashlib
import json
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from landmarks.jsonfile import number, plain, write_json
from landmarks.prediction import Prediction

log = logging.getLogger(__name__)

FILE_NAME = "calibration.json"
# Radii grow with this power of the doubt: with 1, few doubtful points take most of the mean radius; with 0, a radius would not
# grow on a film of another device. Chosen on held-out training images and on such films (docs/results/robustness.md).
POWER = 0.75


class CalibrationError(ValueError):
    """A calibration that cannot be made or used; the message names the file and says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LandmarkCalibration:
    """How one landmark's radius follows from its map."""

    num: int
    """Calibration images in which it is annotated."""
    factor: float
    """Error radius over `scale_px`; infinite where `num` is too small for the coverage."""
    fixed_mm: float
    """Radius that knows nothing of the map, mm; infinite as above, NaN where pixel sizes are unknown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """Error radii for one model; `calibration.json` beside its checkpoint, or inside its ONNX file."""

    coverage: float
    """Probability with which a landmark lies within its radius, for images like the calibration's."""
    images: tuple[str, ...]
    protocol: dict
    landmarks: dict[str, LandmarkCalibration]
    hashes: tuple[str, ...] = ()
    """Of the files of `images`, in their order; empty where it was made before these were kept."""
    scaled_errors: np.ndarray | None = field(default=None, compare=False)
    """[N, K, 2] errors over their radii, of faces that look right: see `landmarks.uncertainty`."""
    power: float = 1.0
    """Of the doubt, to which radii are proportional."""

    @property
    def infinite(self) -> tuple[str, ...]:
        """Landmarks with too few calibration images for any finite radius."""
        return tuple(symbol for symbol, part in self.landmarks.items() if math.isinf(part.factor))


def doubt_px(found: Prediction) -> np.ndarray:
    """How far off each point may be by the look of its map alone, [N, K] in source px, up to a factor.

    The spread that the peak has beyond the target's own (half of which always remains), over the height of the peak,
    which falls where a network hedges; stretched by the mass that lies elsewhere. A point that the other landmarks
    placed has their spread instead. Any formula keeps the coverage of
    the calibrated radius; a good one makes the radius small where the network is sure.
    """
    target = found.target_px[:, None]
    excess = np.maximum(found.spread_px**2 - target**2, 0)
    by_map = np.sqrt(excess + (target / 2) ** 2) / np.maximum(found.peaks, 0.02) * (1 + found.outside)
    return np.where(found.inferred_px > 0, found.inferred_px, by_map)


def scale_px(found: Prediction, power: float) -> np.ndarray:
    """What error radii are proportional to, [N, K] in source px: the doubt in units of the target's spread, to a power."""
    target = found.target_px[:, None]
    return target * (doubt_px(found) / target) ** power


def radii_px(calibration: Calibration, found: Prediction, symbols: Sequence[str]) -> np.ndarray:
    """Error radius of each point [N, K] in source px; infinite or NaN where the calibration has none."""
    known = [calibration.landmarks.get(s) for s in symbols]
    factors = np.array([part.factor if part else math.nan for part in known])
    # a landmark that no map placed in the calibration films has the others' radius alone
    usable = np.isfinite(factors) | np.array([part is None or part.num == 0 for part in known])
    # the other landmarks' normal distribution says how far off they may have placed one
    of_inferred = found.inferred_px * math.sqrt(-2 * math.log1p(-calibration.coverage))
    by_map = scale_px(found, calibration.power) * factors
    return np.where((found.inferred_px > 0) & usable, of_inferred, by_map)


def find_calibration(checkpoint: Path) -> Calibration | None:
    """The calibration beside a checkpoint; None where there is none, or, with a log line, where it has other weights.

    Raises: CalibrationError where the file is broken.
    """
    path = checkpoint.parent / FILE_NAME
    if not path.is_file():
        return None
    found = read_calibration(path)
    if found.protocol.get("checkpoint_id") != file_id(checkpoint):
        log.warning(f"{path}: made for {found.protocol.get('checkpoint')}, or for other weights of that name; not used")
        return None
    return found


def fitting(calibration: Calibration | None, input_size: tuple[int, int], *, tta: bool) -> Calibration | None:
    """The calibration where the model is used as it was calibrated; else None, with a log line why."""
    if calibration is None:
        return None
    made_for = calibration.protocol.get("image_size")
    if list(made_for or ()) != list(input_size):
        log.warning(f"error radii: made for input size {made_for}, not {list(input_size)}; not used")
        return None
    if calibration.protocol.get("tta", False) != tta:
        log.warning(f"error radii: made {'without' if tta else 'with'} --tta; not used")
        return None
    return calibration


def file_id(path: Path) -> str:
    """Hash of a file: radii hold for the very weights that they were made with, and are tested on other images."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()[:16]


def calibration_dict(calibration: Calibration) -> dict:
    return plain({"version": 1, **plain(calibration), "infinite": list(calibration.infinite)})


def calibration_from_dict(content: dict) -> Calibration:
    """Raises: KeyError, TypeError or ValueError where it is none."""
    landmarks = {
        symbol: LandmarkCalibration(num=int(part["num"]), factor=number(part["factor"]), fixed_mm=number(part["fixed_mm"]))
        for symbol, part in content["landmarks"].items()
    }
    scaled = content.get("scaled_errors")
    return Calibration(
        coverage=float(content["coverage"]),
        images=tuple(content["images"]),
        protocol=dict(content["protocol"]),
        landmarks=landmarks,
        hashes=tuple(content.get("hashes", ())),
        scaled_errors=None if scaled is None else np.array(scaled, dtype=float),
        power=float(content.get("power", 1.0)),
    )


def write_calibration(path: Path, calibration: Calibration) -> None:
    write_json(path, calibration_dict(calibration))


def read_calibration(path: Path) -> Calibration:
    """Raises: CalibrationError where the file is no calibration of this project."""
    try:
        return calibration_from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, json.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise CalibrationError(f"{path}: not a calibration ({type(error).__name__}); make it again with --calibrate") from error
