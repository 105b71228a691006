"""Films as a program reads them: in their view, with radii, pixel size and measurements; what predict and analyse share."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from landmarks.inference.predictor import Predictor
from landmarks.inference.stages import StagePredictor, StageResult
from landmarks.inference.view import Reading
from landmarks.measurements import available
from landmarks.radiograph import PixelSize, Radiograph, read_radiograph
from landmarks.uncertainty import ErrorModel, measure_with_intervals


@dataclass(frozen=True, kw_only=True, slots=True)
class FilmResult:
    """One film with what was found in it. Points are in source px; NaN where no cephalogram was recognised."""

    film: Radiograph
    symbols: tuple[str, ...]
    points_px: np.ndarray
    """[K, 2]."""
    peaks: np.ndarray
    """[K]."""
    radius_px: np.ndarray | None
    """[K], None without a calibration."""
    pixel_size: PixelSize
    reading: Reading
    warnings: tuple[str, ...]
    measurements: dict[str, tuple[float, float, str]]
    """Name -> value, half width of its interval (NaN where unknown), unit."""
    stage: StageResult | None = None
    """Cervical stage; None without a stage model, or where the region was not found."""

    @property
    def sex(self) -> str | None:
        """women or men, where the file states it."""
        return {"F": "women", "M": "men"}.get(self.film.sex)


class FilmReader:
    """Reads films with a predictor, each in its view.

    Example:
        reader = FilmReader(Predictor.load("best.pt"))
        result = reader.read(Path("head.dcm"))
        result.points_px, result.pixel_size.origin, result.warnings
    """

    def __init__(
        self, predictor: Predictor, *, pixel_size: PixelSize | None = None, stages: StagePredictor | None = None
    ) -> None:
        """`pixel_size` replaces what the films state; `stages` finds the cervical stage as well."""
        self.stages = stages
        self.predictor, self.symbols = predictor, predictor.landmarks.symbols
        self._pixel_size, calibration = pixel_size, predictor.calibration
        self._errors = ErrorModel(symbols=self.symbols, coverage=0.9)
        if calibration is not None:
            known = tuple(calibration.landmarks)
            self._errors = ErrorModel(symbols=known, coverage=calibration.coverage, scaled=calibration.scaled_errors)

    def read(self, path: Path, *, as_it_is: bool = False) -> FilmResult:
        """One film; `as_it_is`: in no other view, and with its points whatever it is. Raises: ImageError naming the file."""
        film = read_radiograph(path)
        reading = self._reading(film.gray, as_it_is)
        points, radius = reading.found.points_px[0], self.predictor.radii_px(reading.found)
        radius = None if radius is None else radius[0]
        remark = reading.remark
        if not reading.is_cephalogram:
            if as_it_is:
                remark = "no lateral cephalogram is recognised in this image; its points mean little"
            else:
                points, radius = np.full_like(points, np.nan), None
        size = self._pixel_size or film.pixel_size
        return FilmResult(
            film=film,
            symbols=self.symbols,
            points_px=points,
            peaks=reading.found.peaks[0],
            radius_px=radius,
            pixel_size=size,
            reading=reading,
            warnings=(*film.warnings, remark) if remark else film.warnings,
            measurements=self._measure(points, size, radius) if np.isfinite(points).any() else {},
            stage=self._stage(film.gray, points, negative=reading.view.negative),
        )

    def _stage(self, gray: np.ndarray, points: np.ndarray, *, negative: bool) -> StageResult | None:
        if self.stages is None or not np.isfinite(points).any():
            return None
        return self.stages(255 - gray if negative else gray, points, self.symbols)

    def _reading(self, gray: np.ndarray, as_it_is: bool) -> Reading:
        if as_it_is:
            return Reading.of(self.predictor(gray, as_it_is=True), self.symbols, self.predictor.card.shape)
        return self.predictor.read(gray)

    def _measure(self, points: np.ndarray, size: PixelSize, radius: np.ndarray | None) -> dict[str, tuple[float, float, str]]:
        rows = available(self.symbols)
        if not rows:
            return {}
        values, half = measure_with_intervals(
            points[None],
            self.symbols,
            np.array([size.mm or (np.nan, np.nan)]),
            np.full((1, len(points)), np.nan) if radius is None else radius[None],
            self._errors,
            rows,
        )
        return {row.name: (float(values[0, m]), float(half[0, m]), row.unit) for m, row in enumerate(rows)}
