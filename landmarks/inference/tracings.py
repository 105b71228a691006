"""Films predicted now, as tracings with the radii of their model."""

from collections.abc import Sequence
from pathlib import Path

from landmarks.inference.predictor import Predictor
from landmarks.inference.reading import FilmReader
from landmarks.inference.released import model_file
from landmarks.tracing import Tracing
from landmarks.tracing.reading import StoredFilm
from landmarks.uncertainty import ErrorModel


def predict_tracings(images: Sequence[Path], model: str | Path, device: str) -> tuple[list[StoredFilm], ErrorModel | None]:
    """The landmarks of films, at the pixel size that each film states, and the model's error model where it has radii.

    Args:
        model: a checkpoint, an ONNX file, or the name of a released model.
    Raises: ValueError where a film, the checkpoint or its calibration cannot be read, or a film is no cephalogram.
    """
    predictor = Predictor.load(model_file(model), device=device)
    reader, films = FilmReader(predictor), []
    for image in images:
        result = reader.read(image)
        if not result.reading.is_cephalogram:
            raise ValueError(f"{image}: no lateral cephalogram is recognised in this image; leave it out")
        tracing = Tracing(
            name=image.stem,
            symbols=result.symbols,
            points_px=result.points_px,
            radius_px=result.radius_px,
            pixel_size=result.pixel_size.mm,
            origin=result.pixel_size.origin,
        )
        films.append(StoredFilm(tracing=tracing, image=image, age=result.film.age, sex=result.sex))
    radii = predictor.calibration
    if radii is None:
        return films, None
    return films, ErrorModel(symbols=tuple(radii.landmarks), coverage=radii.coverage, scaled=radii.scaled_errors)
