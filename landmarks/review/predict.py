"""The model of the page: one film -> landmarks with how certain each is. Runs in the worker alone."""

import math
from pathlib import Path

import numpy as np

from landmarks.inference.predictor import Predictor
from landmarks.inference.view import read_in_view
from landmarks.prediction import Prediction
from landmarks.radiograph import read_gray
from landmarks.review.jobs import model_name
from landmarks.sella_nasion import SN_NORM_MM

# Below this height of its peak a landmark's map is flat or split: the place is a guess.
_DOUBTFUL_PEAK = 0.3
# An error radius that is doubtful; mm by the length of Sella-Nasion. On 12 films of ISBI Test1 it names 2 of 19 landmarks a
# film, which are missed by 2.0 mm on average, the others by 1.1 (docs/results/review.md).
_DOUBTFUL_MM = 6.0


class PageModel:
    """A checkpoint or ONNX file, loaded once."""

    def __init__(self, file: Path) -> None:
        """Raises: ValueError where the file is no model."""
        self._predictor = Predictor.load(file, device="cpu")
        self.name = model_name(file)

    def __call__(self, path: Path) -> dict:
        """Film file -> model name, view, and landmarks by symbol: x, y (source px), radius, coverage, peak, doubtful.

        Raises: ValueError where the film cannot be read, or shows no lateral cephalogram.
        """
        predictor, gray = self._predictor, read_gray(path)
        symbols = predictor.landmarks.symbols
        reading = read_in_view(predictor, gray, symbols)
        if not reading.is_cephalogram:
            raise ValueError("no lateral cephalogram is recognised; place the landmarks by hand")
        found, calibration = reading.found, predictor.calibration
        radii = predictor.radii_px(found)
        radii = np.full(len(symbols), math.nan) if radii is None else radii[0]
        px_per_mm = _px_per_mm(found, symbols)
        points = {}
        for k, symbol in enumerate(symbols):
            radius = float(radii[k]) if math.isfinite(radii[k]) else None
            peak = float(np.clip(found.peaks[0, k], 0, 1))
            points[symbol] = {
                "x": round(float(found.points_px[0, k, 0]), 3),
                "y": round(float(found.points_px[0, k, 1]), 3),
                "peak": round(peak, 3),
                "radius": None if radius is None else round(radius, 2),
                "coverage": calibration.coverage if calibration else None,
                "doubtful": peak < _DOUBTFUL_PEAK or (radius is not None and radius > _DOUBTFUL_MM * px_per_mm),
            }
        return {"model": self.name, "view": str(reading.view), "points": points}


def _px_per_mm(found: Prediction, symbols: tuple[str, ...]) -> float:
    """By the length of Sella-Nasion, which hardly varies; infinite where it is not among the landmarks."""
    if not {"S", "N"} <= set(symbols):
        return math.inf
    sella, nasion = (found.points_px[0, symbols.index(symbol)] for symbol in ("S", "N"))
    return max(float(np.linalg.norm(nasion - sella)) / SN_NORM_MM, 0.1)
