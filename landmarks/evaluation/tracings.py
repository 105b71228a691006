"""Films predicted now, as tracings with the radii of the calibration beside the checkpoint."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from landmarks.evaluation.calibration import doubt_px, find_calibration
from landmarks.inference.predictor import Predictor
from landmarks.radiograph import read_radiograph
from landmarks.tracing import Tracing
from landmarks.tracing.reading import StoredFilm


def predict_tracings(images: Sequence[Path], checkpoint: Path, device: str) -> list[StoredFilm]:
    """The landmarks of films with a checkpoint, at the pixel size that each film states.

    Raises: ValueError where a film, the checkpoint or its calibration cannot be read.
    """
    predictor = Predictor.from_checkpoint(checkpoint, device=device)
    calibration = find_calibration(checkpoint, predictor.input_size, tta=False)
    symbols = predictor.landmarks.symbols
    factors = None
    if calibration is not None:
        known = calibration.landmarks
        factors = np.array([known[symbol].factor if symbol in known else math.nan for symbol in symbols])
    films = []
    for image in images:
        film = read_radiograph(image)
        found = predictor(film.gray)
        radius = None if factors is None else (doubt_px(found) * factors)[0]
        tracing = Tracing(
            name=image.stem,
            symbols=symbols,
            points_px=found.points_px[0],
            radius_px=radius,
            pixel_size=film.pixel_size.mm,
            origin=film.pixel_size.origin,
        )
        films.append(StoredFilm(tracing=tracing, image=image, age=film.age, sex={"F": "women", "M": "men"}.get(film.sex)))
    return films
