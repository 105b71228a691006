"""Error radii of a model: made from the errors on a validation split, used on others."""

import functools
import logging
import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from landmarks.config import Config
from landmarks.data.sets import read_split
from landmarks.evaluation.evaluate import Evaluation
from landmarks.evaluation.figures import Protocol
from landmarks.formats.records import DataError, RecordSet
from landmarks.inference import radii
from landmarks.inference.radii import FILE_NAME, Calibration, CalibrationError, LandmarkCalibration, file_id
from landmarks.jsonfile import plain
from landmarks.statistics import conformal_radius
from landmarks.uncertainty import scaled_errors

log = logging.getLogger(__name__)


def calibrate(evaluation: Evaluation, coverage: float, protocol: dict) -> Calibration:
    """Split conformal radii, each landmark by itself, exact for any number of images.

    Raises: CalibrationError on a coverage that is no probability.
    """
    if not 0 < coverage < 1:
        raise CalibrationError(f"coverage: found {coverage:g}; write a number between 0 and 1, e.g. 0.9")
    symbols, found = evaluation.records.landmarks.symbols, evaluation.prediction
    # points that the other landmarks placed have radii of their own
    scores = np.where(found.inferred_px > 0, np.nan, evaluation.error_px / radii.scale_px(found, radii.POWER))
    known = np.isfinite(scores)
    landmarks = {}
    for k, symbol in enumerate(symbols):
        mm = evaluation.error_mm[known[:, k], k]
        landmarks[symbol] = LandmarkCalibration(
            num=int(known[:, k].sum()),
            factor=conformal_radius(scores[:, k], coverage),
            fixed_mm=conformal_radius(mm, coverage) if np.isfinite(mm).all() else math.nan,
        )
    used = [record for record, row in zip(evaluation.records.records, known, strict=True) if row.any()]
    made = Calibration(
        coverage=coverage,
        images=tuple(record.image_id for record in used),
        protocol=protocol,
        landmarks=landmarks,
        hashes=tuple(_image_hash(record.image_path) for record in used),
        power=radii.POWER,
    )
    radius = radii.radii_px(made, found, symbols)
    scaled = scaled_errors(found.points_px, evaluation.true_px, radius, symbols, evaluation.pixel_size)
    return replace(made, scaled_errors=np.round(scaled, 4))


def radii_px(calibration: Calibration, evaluation: Evaluation) -> np.ndarray:
    """Error radius of each point [N, K] in source px; infinite or NaN where the calibration has none."""
    return radii.radii_px(calibration, evaluation.prediction, evaluation.records.landmarks.symbols)


def mm_per_px(evaluation: Evaluation) -> np.ndarray:
    """[N] millimetres a source px; the geometric mean of both axes where pixels are oblong."""
    return np.sqrt(evaluation.pixel_size.prod(axis=1))


def unseen(calibration: Calibration, evaluation: Evaluation) -> np.ndarray:
    """bool [N]: images that the radii were not made of; only these can test them.

    An image of another data set may have the same id: the hash of its file tells them apart where there is one.
    """
    seen = dict.fromkeys(calibration.images, "") | dict(zip(calibration.images, calibration.hashes, strict=False))
    return np.array([_differs(record.image_path, seen.get(record.image_id)) for record in evaluation.records.records], bool)


def _differs(path: Path | None, known: str | None) -> bool:
    """Whether a file is another one than the calibration's image of the same id; `known` is None where it has no such id."""
    if known is None:
        return True
    found = _image_hash(path) if known else ""
    return bool(found and known) and found != known


def _image_hash(path: Path | None) -> str:
    """Empty where there is no file."""
    if path is None or not path.is_file():
        return ""
    stat = path.stat()
    return _cached_hash(path, stat.st_size, stat.st_mtime_ns)


@functools.lru_cache(maxsize=10_000)
def _cached_hash(path: Path, size: int, time: int) -> str:
    return file_id(path)


def calibrate_checkpoint(
    checkpoint: Path,
    evaluation: Evaluation,
    coverage: float,
    protocol: Protocol | dict,
    trained: Config,
) -> Calibration:
    """Makes error radii of an evaluation and writes them beside the checkpoint; `trained` is how that was trained.

    Raises: CalibrationError where images were trained on, or the coverage is no probability.
    """
    check_untrained(evaluation.records, trained)
    about = plain(protocol) | {"checkpoint": checkpoint.name, "checkpoint_id": file_id(checkpoint)}
    made = calibrate(evaluation, coverage, about)
    path = checkpoint.parent / FILE_NAME
    radii.write_calibration(path, made)
    log.info(f"{path}: error radii for {100 * coverage:g} % coverage from {len(made.images)} images")
    if made.infinite:
        log.warning(f"infinite radius, too few images for this coverage: {', '.join(made.infinite)}")
    return made


def check_untrained(records: RecordSet, trained: Config) -> None:
    """Raises: CalibrationError where a model trained with these settings has seen some of these images."""
    known = _training_images(trained)
    if not known:
        log.warning("calibration: the training images are not here to compare with; make sure that these are not among them")
    images = [record.image_path.resolve() for record in records.records]
    if num := sum(path in known for path in images):
        raise CalibrationError(
            f"calibration: the checkpoint was trained on {num} of these {len(images)} images, where its errors are too small; "
            "use images that it was not trained on, such as the validation part"
        )


def _training_images(trained: Config) -> set[Path]:
    """The image files of a training, whatever their folder is called now; empty where they are not on this machine."""
    data = replace(trained.data, exclude="")  # an excluded image more does no harm here, a missing list would
    try:
        records = read_split(data, data.train_split, seed=trained.train.seed).records
    except DataError:
        return set()
    return {record.image_path.resolve() for record in records}
