"""COCO key points: JSON files of images, categories with key point names, and annotations (cocodataset.org/#format-data).

Coordinates are taken as they stand. Beside the standard, an image may hold `pixel_size`, `device` and `split`; a JSON file
whose name holds train, val or test gives its images that split.
"""

import re
from pathlib import Path

from landmarks.formats.labelled import Labelled, known_points, read_json, read_pixel_size, survey_of, write_json
from landmarks.formats.records import DataError
from landmarks.formats.survey import TRUTH, Film, Survey
from landmarks.radiograph import read_gray

LANDMARKS = None
KEEPS = ("device", "pixel_size", "split")
_NAME = "annotations.json"


def scan(root: Path) -> Survey:
    """Raises: DataError where no JSON file holds key points, or one is broken."""
    found, names = [], []
    for path in sorted(path for path in root.rglob("*.json") if not path.name.startswith(".")):
        content = read_json(path)
        if isinstance(content, dict) and {"images", "annotations"} <= content.keys():
            try:
                found += _labelled(path, content, names)
            except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
                raise DataError(f"{path}: not a COCO file ({type(error).__name__}: {error}); restore the file") from error
    if not found:
        raise DataError(f"{root}: no COCO file (JSON with images, categories and annotations) in this folder")
    return survey_of(root, found, order=tuple(dict.fromkeys(names)))


def image_place(film: Film) -> str:
    return f"images/{film.image_id}"


def write(survey: Survey, root: Path) -> None:
    symbols = survey.landmarks.symbols
    images, annotations = [], []
    for number, film in enumerate(survey.films, 1):
        height, width = film.size or read_gray(film.path).shape
        image = {"id": number, "file_name": film.path.relative_to(root).as_posix(), "width": width, "height": height}
        if film.pixel_size:
            image["pixel_size"] = list(film.pixel_size)
        images.append(image | {"device": film.device, "split": film.split})
        known = known_points(film, symbols)
        keypoints = [value for s in symbols for value in (*known.get(s, (0, 0)), 2 if s in known else 0)]
        annotations.append({"id": number, "image_id": number, "category_id": 1, "keypoints": keypoints,
                            "num_keypoints": len(known), "bbox": [0, 0, width, height], "area": width * height,
                            "iscrowd": 0})  # fmt: skip
    category = {"id": 1, "name": "head", "supercategory": "head", "keypoints": list(symbols), "skeleton": []}
    write_json(root / _NAME, {"images": images, "categories": [category], "annotations": annotations})


def _labelled(path: Path, content: dict, names: list[str]) -> list[Labelled]:
    categories = {c["id"]: c["keypoints"] for c in content.get("categories", []) if "keypoints" in c}
    if not categories:
        raise DataError(f"{path}: no category names its key points; add categories[].keypoints")
    names += [name for keypoints in categories.values() for name in keypoints]
    points: dict = {}
    for annotation in content["annotations"]:
        if "keypoints" not in annotation:
            continue
        labels, values = categories[annotation["category_id"]], annotation["keypoints"]
        if len(values) != 3 * len(labels):
            raise DataError(f"{path}: annotation {annotation['id']} has {len(values)} numbers for {len(labels)} key points")
        if annotation["image_id"] in points:
            raise DataError(f"{path}: image {annotation['image_id']} has two annotations with key points; keep one")
        triples = zip(labels, values[::3], values[1::3], values[2::3], strict=True)
        points[annotation["image_id"]] = {label: (float(x), float(y)) for label, x, y, visible in triples if visible}
    guess = re.search(r"train|val|test", path.stem, flags=re.IGNORECASE)
    split = {"train": "train", "val": "valid", "test": "test"}[guess[0].lower()] if guess else "all"
    return [
        Labelled(
            image=image["file_name"],
            where=str(path),
            readers={TRUTH: points.get(image["id"], {})},
            split=image.get("split") or split,
            device=image.get("device") or "unknown",
            pixel_size=read_pixel_size(image.get("pixel_size"), str(path)),
            size=(int(image["height"]), int(image["width"])) if image.get("height") else None,
        )
        for image in content["images"]
    ]
