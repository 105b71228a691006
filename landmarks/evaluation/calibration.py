"""Confidence: from each map's shape to an error radius that holds with a chosen probability."""

import hashlib
import json
import logging
import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from landmarks.config import Config
from landmarks.data.loading import read_split
from landmarks.evaluation.evaluate import Evaluation
from landmarks.evaluation.figures import Protocol
from landmarks.evaluation.files import plain
from landmarks.formats.records import DataError
from landmarks.prediction import Prediction
from landmarks.statistics import conformal_radius

log = logging.getLogger(__name__)

FILE_NAME = "calibration.json"


class CalibrationError(ValueError):
    """A calibration that cannot be made or used; the message names the file and says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LandmarkCalibration:
    """How one landmark's radius follows from its map."""

    num: int
    """Calibration images in which it is annotated."""
    factor: float
    """Error radius over doubt; infinite where `num` is too small for the coverage."""
    fixed_mm: float
    """Radius that knows nothing of the map, mm; infinite as above, NaN where pixel sizes are unknown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """Error radii for one checkpoint; `calibration.json` beside it."""

    coverage: float
    """Probability with which a landmark lies within its radius, for images like the calibration's."""
    images: tuple[str, ...]
    protocol: dict
    landmarks: dict[str, LandmarkCalibration]

    @property
    def infinite(self) -> tuple[str, ...]:
        """Landmarks with too few calibration images for any finite radius."""
        return tuple(symbol for symbol, part in self.landmarks.items() if math.isinf(part.factor))


def doubt_px(found: Prediction) -> np.ndarray:
    """How far off each point may be by the look of its map alone, [N, K] in source px, up to a factor.

    The spread that the peak has beyond the target's own (half of which always remains), over the height of the peak,
    which falls where a network hedges; stretched by the mass that lies elsewhere. Any formula keeps the coverage of
    the calibrated radius; a good one makes the radius small where the network is sure.
    """
    target = found.target_px[:, None]
    excess = np.maximum(found.spread_px**2 - target**2, 0)
    return np.sqrt(excess + (target / 2) ** 2) / np.maximum(found.peaks, 0.02) * (1 + found.outside)


def calibrate(evaluation: Evaluation, coverage: float, protocol: dict) -> Calibration:
    """Split conformal radii, each landmark by itself, exact for any number of images.

    Raises: CalibrationError on a coverage that is no probability.
    """
    if not 0 < coverage < 1:
        raise CalibrationError(f"coverage: found {coverage:g}; write a number between 0 and 1, e.g. 0.9")
    scores = evaluation.error_px / doubt_px(evaluation.prediction)
    known = np.isfinite(scores)
    landmarks = {}
    for k, symbol in enumerate(evaluation.records.landmarks.symbols):
        mm = evaluation.error_mm[known[:, k], k]
        landmarks[symbol] = LandmarkCalibration(
            num=int(known[:, k].sum()),
            factor=conformal_radius(scores[:, k], coverage),
            fixed_mm=conformal_radius(mm, coverage) if np.isfinite(mm).all() else math.nan,
        )
    images = tuple(record.image_id for record, row in zip(evaluation.records.records, known, strict=True) if row.any())
    return Calibration(coverage=coverage, images=images, protocol=protocol, landmarks=landmarks)


def radii_px(calibration: Calibration, evaluation: Evaluation) -> np.ndarray:
    """Error radius of each point [N, K] in source px; infinite or NaN where the calibration has none."""
    factors = [calibration.landmarks[s].factor if s in calibration.landmarks else math.nan for s in _symbols(evaluation)]
    return doubt_px(evaluation.prediction) * np.array(factors)


def mm_per_px(evaluation: Evaluation) -> np.ndarray:
    """[N] millimetres a source px; the geometric mean of both axes where pixels are oblong."""
    return np.sqrt(evaluation.pixel_size.prod(axis=1))


def unseen(calibration: Calibration, evaluation: Evaluation) -> np.ndarray:
    """bool [N]: images that the radii were not made of; only these can test them."""
    seen = set(calibration.images)
    return np.array([record.image_id not in seen for record in evaluation.records.records])


def calibrate_checkpoint(
    checkpoint: Path,
    evaluation: Evaluation,
    coverage: float,
    protocol: Protocol,
    trained: Config,
) -> Calibration:
    """Makes error radii of an evaluation and writes them beside the checkpoint; `trained` is how that was trained.

    Raises: CalibrationError where images were trained on, or the coverage is no probability.
    """
    known = _training_images(trained)
    if not known:
        log.warning("calibration: the training images are not here to compare with; see to it that these are none of them")
    images = [record.image_path.resolve() for record in evaluation.records.records]
    if num := sum(path in known for path in images):
        raise CalibrationError(
            f"calibration: the checkpoint was trained on {num} of these {len(images)} images, where its errors are too small; "
            "calibrate on the validation part"
        )
    about = plain(protocol) | {"checkpoint": checkpoint.name, "checkpoint_id": checkpoint_id(checkpoint)}
    made = calibrate(evaluation, coverage, about)
    path = checkpoint.parent / FILE_NAME
    write_calibration(path, made)
    log.info(f"{path}: error radii for {100 * coverage:g} % coverage from {len(made.images)} images")
    if made.infinite:
        log.warning(f"infinite radius, too few images for this coverage: {', '.join(made.infinite)}")
    return made


def _training_images(trained: Config) -> set[Path]:
    """The image files of a training, whatever their folder is called now; empty where they are not on this machine."""
    data = replace(trained.data, exclude="")  # an excluded image more does no harm here, a missing list would
    try:
        records = read_split(data, data.train_split, seed=trained.train.seed).records
    except DataError:
        return set()
    return {record.image_path.resolve() for record in records}


def find_calibration(checkpoint: Path, input_size: tuple[int, int], *, tta: bool) -> Calibration | None:
    """The calibration beside a checkpoint; None where there is none, or, with a line why, where it does not fit.

    Raises: CalibrationError where the file is broken.
    """
    path = checkpoint.parent / FILE_NAME
    if not path.is_file():
        return None
    found = read_calibration(path)
    if found.protocol.get("checkpoint_id") != checkpoint_id(checkpoint):
        log.warning(f"{path}: made for {found.protocol.get('checkpoint')}, or for other weights of that name; not used")
        return None
    if list(found.protocol.get("image_size", ())) != list(input_size):
        log.warning(f"{path}: made for input size {found.protocol.get('image_size')}, not {list(input_size)}; not used")
        return None
    if found.protocol.get("tta", False) != tta:
        log.warning(f"{path}: made {'without' if tta else 'with'} --tta; not used")
        return None
    return found


def checkpoint_id(path: Path) -> str:
    """Hash of a checkpoint file: radii hold for the very weights that they were made with."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()[:16]


def write_calibration(path: Path, calibration: Calibration) -> None:
    content = asdict(calibration) | {"images": list(calibration.images), "infinite": list(calibration.infinite)}
    path.write_text(json.dumps(plain({"version": 1, **content}), indent=1, allow_nan=False) + "\n")


def read_calibration(path: Path) -> Calibration:
    """Raises: CalibrationError where the file is no calibration of this project."""
    try:
        content = json.loads(path.read_text())
        landmarks = {
            symbol: LandmarkCalibration(
                num=int(part["num"]), factor=_number(part["factor"]), fixed_mm=_number(part["fixed_mm"])
            )
            for symbol, part in content["landmarks"].items()
        }
        return Calibration(
            coverage=float(content["coverage"]),
            images=tuple(content["images"]),
            protocol=dict(content["protocol"]),
            landmarks=landmarks,
        )
    except (OSError, json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise CalibrationError(f"{path}: not a calibration ({type(error).__name__}); make it again with --calibrate") from error


def _number(value: float | str | None) -> float:
    return math.nan if value is None else math.inf if value == "infinite" else float(value)


def _symbols(evaluation: Evaluation) -> tuple[str, ...]:
    return evaluation.records.landmarks.symbols
