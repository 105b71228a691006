"""3D Slicer markups: <image>.mrk.json beside each image. x and y of a control point are taken as pixels of the image.

That holds for PNG, JPEG and TIFF files, which Slicer loads with a spacing of 1 and its origin at the first pixel's centre;
files in RAS have both signs turned.
"""

from pathlib import Path

from landmarks.formats.labelled import Labelled, known_points, read_json, survey_of, write_json
from landmarks.formats.records import DataError
from landmarks.formats.survey import TRUTH, Film, Survey
from landmarks.radiograph import image_files

LANDMARKS = None
KEEPS = ()
_SUFFIX = ".mrk.json"
_SCHEMA = "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/Schema/markups-schema-v1.0.3.json#"


def scan(root: Path) -> Survey:
    """Raises: DataError where there are no markups, or a file is broken."""
    images = {path.with_suffix("").relative_to(root).as_posix(): path for path in image_files(root, below=True)}
    found = []
    for path in sorted(path for path in root.rglob(f"*{_SUFFIX}") if not path.name.startswith(".")):
        name = path.relative_to(root).as_posix().removesuffix(_SUFFIX)
        image = images[name].relative_to(root).as_posix() if name in images else name
        found.append(Labelled(image=image, where=str(path), readers={TRUTH: _points(path)}))
    if not found:
        raise DataError(f"{root}: no markups (<image>{_SUFFIX}) in this folder")
    return survey_of(root, found)


def image_place(film: Film) -> str:
    return film.image_id


def write(survey: Survey, root: Path) -> None:
    for film in survey.films:
        points = [
            {"id": str(k), "label": symbol, "position": [x, y, 0.0], "selected": True, "visibility": True,
             "positionStatus": "defined"}
            for k, (symbol, (x, y)) in enumerate(known_points(film, survey.landmarks.symbols).items(), 1)
        ]  # fmt: skip
        markup = {"type": "Fiducial", "coordinateSystem": "LPS", "coordinateUnits": "mm", "controlPoints": points}
        write_json(film.path.with_name(film.path.stem + _SUFFIX), {"@schema": _SCHEMA, "markups": [markup]})


def _points(path: Path) -> dict[str, tuple[float, float]]:
    points: dict[str, tuple[float, float]] = {}
    try:
        for markup in read_json(path)["markups"]:
            # 0 and 1 are how old files say RAS and LPS
            sign = -1 if str(markup.get("coordinateSystem", "LPS")) in ("RAS", "0") else 1
            for point in markup["controlPoints"]:
                if point.get("positionStatus", "defined") != "defined":
                    continue
                if point["label"] in points:
                    raise ValueError(f"two points with the label {point['label']}")
                points[point["label"]] = (sign * float(point["position"][0]), sign * float(point["position"][1]))
    except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: not a markups file ({type(error).__name__}: {error}); restore the file") from error
    return points
