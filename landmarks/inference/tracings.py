"""Films predicted now, as tracings with the radii of their model."""

from collections.abc import Sequence
from pathlib import Path

from landmarks.inference.predictor import Predictor
from landmarks.inference.reading import FilmReader
from landmarks.tracing import Tracing
from landmarks.tracing.reading import StoredFilm


def predict_tracings(images: Sequence[Path], checkpoint: Path, device: str) -> list[StoredFilm]:
    """The landmarks of films with a checkpoint or an ONNX file, at the pixel size that each film states.

    Raises: ValueError where a film, the checkpoint or its calibration cannot be read, or a film is no cephalogram.
    """
    reader, films = FilmReader(Predictor.load(checkpoint, device=device)), []
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
    return films
