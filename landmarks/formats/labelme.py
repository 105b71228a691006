"""labelme: a JSON file beside each image, one point a landmark. Source: github.com/wkentaro/labelme, version 5."""

import json
from pathlib import Path

import numpy as np

from landmarks.formats.files import annotation_files, read_text
from landmarks.formats.manifest import MANIFEST_NAME, Manifest
from landmarks.formats.records import DataError
from landmarks.formats.survey import TRUTH, Film, Survey, mean_points
from landmarks.radiograph import IMAGE_SUFFIXES, image_files
from landmarks.schema import GROUPS, LandmarkSet

LANDMARKS, KEEPS = None, ()  # the labels of the files name the landmarks


def scan(root: Path) -> Survey:
    """All JSON files below the root, and the images without one. Raises: DataError where no file has a point."""
    manifest, paths = Manifest(root), annotation_files(root, ".json", below=True)
    found = {path: _read(path) for path in paths if path.name != MANIFEST_NAME}
    labels = {label: None for content in found.values() if isinstance(content, dict) for label in _points(content)}
    if not labels:
        raise DataError(f"{root}: no labelme file with a point; each image has a JSON file with shapes of shape_type point")
    survey = Survey(root=root, landmarks=LandmarkSet(name="labelme", symbols=tuple(sorted(labels)), groups=GROUPS))
    for path, content in found.items():
        _scan_file(survey, path, content, manifest)
    for image in sorted(set(image_files(root, below=True)) - {film.path for film in survey.films}):
        error = f"{image}: image without a JSON file; add the file or remove the image"
        survey.add("annotation missing", f"{image.stem}: no JSON file", image.stem, error=error)
    return survey


def image_place(film: Film) -> str:
    return film.image_id


def write(survey: Survey, root: Path) -> None:
    """A JSON file beside each image. labelme knows no pixel size, device, split or stage; they are left out."""
    for film in survey.films:
        if film.size is None:
            raise DataError(f"{film.path}: labelme needs the image's size, which is not known")
        points = zip(survey.landmarks.symbols, mean_points(film).round(6).tolist(), strict=True)
        shapes = [{"label": s, "points": [p], "shape_type": "point"} for s, p in points if np.isfinite(p).all()]
        content = {"version": "5.0.1", "flags": {}, "shapes": shapes, "imagePath": film.path.name, "imageData": None,
                   "imageHeight": film.size[0], "imageWidth": film.size[1]}  # fmt: skip
        film.path.with_suffix(".json").write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _read(path: Path) -> dict | str:
    """The file's content, or what is wrong with it."""
    try:
        content = json.loads(read_text(path))
        if not np.isfinite(list(_points(content).values())).all():
            raise ValueError("a point that is not a number")
        return content | {"imagePath": content["imagePath"].replace("\\", "/")}
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        return f"not a labelme file ({type(error).__name__}: {error}); restore or remove it"


def _points(content: dict) -> dict[str, tuple[float, float]]:
    points = [(s["label"], s["points"][0]) for s in content["shapes"] if s["shape_type"] == "point"]
    return {label: (float(point[0]), float(point[1])) for label, point in points}


def _scan_file(survey: Survey, path: Path, content: dict | str, manifest: Manifest) -> None:
    if isinstance(content, str):
        survey.add("annotation broken", f"{path.stem}: {content}", path.stem, error=f"{path}: {content}")
        return
    images = [path.parent / content["imagePath"], *(path.with_suffix(s) for s in IMAGE_SUFFIXES)]
    image = next((image for image in images if image.is_file()), None)
    if image is None:
        error = f"{path}: no image {content['imagePath']}; add the image or remove the file"
        survey.add("image missing", f"{path.stem}: a JSON file, but no image", path.stem, error=error)
        return
    points, size = _points(content), (content.get("imageHeight"), content.get("imageWidth"))
    points_px = np.array([points.get(symbol, (np.nan, np.nan)) for symbol in survey.landmarks.symbols], dtype=np.float64)
    survey.missing_points(image.stem, tuple(s for s in survey.landmarks.symbols if s not in points))
    survey.films.append(Film(image_id=image.stem, path=image, readers={TRUTH: points_px}, size=size if all(size) else None,
                             resized=survey.sizes_before(manifest, image, image.stem)))  # fmt: skip
