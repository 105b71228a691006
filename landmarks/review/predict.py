"""The model of the page: one film -> landmarks with how certain each is. Runs in the worker alone."""

from pathlib import Path

import numpy as np

from landmarks.radiograph import read_gray

# Below this height of its peak a landmark's map is flat or split: the place is a guess.
_DOUBTFUL_PEAK = 0.3


class PageModel:
    """A checkpoint or ONNX file, loaded once."""

    def __init__(self, file: Path) -> None:
        """Raises: ValueError where the file is no model."""
        from landmarks.inference.predictor import Predictor  # the page starts without it

        self._predictor = Predictor.load(file, device="cpu")
        self.name = file.stem if file.stem != "best" else f"{file.parent.parent.name}/best"

    def __call__(self, path: Path) -> dict:
        """Film file -> model name and landmarks by symbol: x, y (source px), radius, coverage, peak, doubtful."""
        landmarks, prediction = self._predictor.landmarks, self._predictor(read_gray(path))
        found = {}
        for symbol, (x, y), peak in zip(landmarks.symbols, prediction.points_px[0], prediction.peaks[0], strict=True):
            doubtful = bool(peak < _DOUBTFUL_PEAK)
            found[symbol] = {"x": round(float(x), 3), "y": round(float(y), 3), "peak": round(float(np.clip(peak, 0, 1)), 3),
                             "radius": None, "coverage": None, "doubtful": doubtful}  # fmt: skip
        return {"model": self.name, "points": found}
