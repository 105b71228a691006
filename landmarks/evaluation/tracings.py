"""Films predicted now, as tracings with the radii of the calibration beside the checkpoint."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from landmarks.evaluation.calibration import doubt_px, find_calibration
from landmarks.images import read_gray
from landmarks.inference.predictor import Predictor
from landmarks.tracing import Tracing
from landmarks.tracing.reading import StoredFilm


def predict_tracings(images: Sequence[Path], checkpoint: Path, device: str) -> list[StoredFilm]:
    """The landmarks of films with a checkpoint, without a pixel size. Raises: ValueError of films, checkpoint, calibration."""
    predictor = Predictor.from_checkpoint(checkpoint, device=device)
    calibration = find_calibration(checkpoint, predictor.input_size, tta=False)
    symbols = predictor.landmarks.symbols
    factors = None
    if calibration is not None:
        known = calibration.landmarks
        factors = np.array([known[symbol].factor if symbol in known else math.nan for symbol in symbols])
    films = []
    for image in images:
        found = predictor(read_gray(image))
        radius = None if factors is None else (doubt_px(found) * factors)[0]
        film = Tracing(name=image.stem, symbols=symbols, points_px=found.points_px[0], radius_px=radius, origin="unknown")
        films.append(StoredFilm(tracing=film, image=image, age=None, sex=None))
    return films
