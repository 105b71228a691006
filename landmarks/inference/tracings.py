"""Films predicted now, as tracings with the radii of their model."""

from collections.abc import Sequence
from pathlib import Path

from landmarks.inference.predictor import Predictor
from landmarks.prediction import Prediction
from landmarks.radiograph import Radiograph, read_radiograph
from landmarks.tracing import Tracing
from landmarks.tracing.reading import StoredFilm


def predict_tracings(images: Sequence[Path], checkpoint: Path, device: str) -> list[StoredFilm]:
    """The landmarks of films with a checkpoint or an ONNX file, at the pixel size that each film states.

    Raises: ValueError where a film, the checkpoint or its calibration cannot be read.
    """
    predictor = Predictor.load(checkpoint, device=device)
    films = []
    for image in images:
        film = read_radiograph(image)
        films.append(stored_film(image, film, predictor(film.gray), predictor))
    return films


def stored_film(image: Path, film: Radiograph, found: Prediction, predictor: Predictor) -> StoredFilm:
    """A film's prediction with radii, scale, age and sex: one entry of predictions.json."""
    radius = predictor.radii_px(found)
    tracing = Tracing(
        name=image.stem,
        symbols=predictor.landmarks.symbols,
        points_px=found.points_px[0],
        radius_px=None if radius is None else radius[0],
        pixel_size=film.pixel_size.mm,
        origin=film.pixel_size.origin,
    )
    return StoredFilm(tracing=tracing, image=image, age=film.age, sex={"F": "women", "M": "men"}.get(film.sex))
