"""CVAT for images 1.1: annotations.xml with `points`, one label each, or a `skeleton` of labelled points.

Coordinates are taken as they stand. The subset of an image is its split.
"""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from landmarks.formats.labelled import Labelled, known_points, survey_of
from landmarks.formats.records import DataError
from landmarks.formats.survey import TRUTH, Film, Survey
from landmarks.radiograph import read_gray

LANDMARKS = None
KEEPS = ("split",)
_NAME = "annotations.xml"
_SUBSETS = {"train": "train", "validation": "valid", "valid": "valid", "val": "valid", "test": "test"}


def scan(root: Path) -> Survey:
    """Raises: DataError where annotations.xml is missing or broken."""
    path = root / _NAME
    try:
        tree = ElementTree.fromstring(path.read_bytes())
        found = [_labelled(path, image) for image in tree.iter("image")]
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; export the task as 'CVAT for images 1.1'") from error
    except (OSError, ElementTree.ParseError, KeyError, ValueError) as error:
        raise DataError(f"{path}: broken CVAT file ({type(error).__name__}: {error}); export it again") from error
    return survey_of(root, found)


def image_place(film: Film) -> str:
    return f"images/{film.image_id}"


def write(survey: Survey, root: Path) -> None:
    tree = ElementTree.Element("annotations")
    ElementTree.SubElement(tree, "version").text = "1.1"
    task = ElementTree.SubElement(ElementTree.SubElement(tree, "meta"), "task")
    ElementTree.SubElement(task, "size").text = str(len(survey.films))
    ElementTree.SubElement(task, "mode").text = "annotation"
    labels = ElementTree.SubElement(task, "labels")
    for symbol in survey.landmarks.symbols:  # CVAT and datumaro import no file that does not declare its labels
        label = ElementTree.SubElement(labels, "label")
        ElementTree.SubElement(label, "name").text = symbol
        ElementTree.SubElement(label, "type").text = "points"
        ElementTree.SubElement(label, "attributes")
    for number, film in enumerate(survey.films):
        height, width = film.size or read_gray(film.path).shape
        name = film.path.relative_to(root / "images").as_posix()
        about = {"id": str(number), "name": name, "width": str(width), "height": str(height)}
        image = ElementTree.SubElement(tree, "image", about if film.split == "all" else about | {"subset": film.split})
        for symbol, (x, y) in known_points(film, survey.landmarks.symbols).items():
            ElementTree.SubElement(image, "points", label=symbol, points=f"{x!r},{y!r}", occluded="0", source="manual")
    ElementTree.indent(tree, " ")
    ElementTree.ElementTree(tree).write(root / _NAME, encoding="utf-8", xml_declaration=True)


def _labelled(path: Path, image: ElementTree.Element) -> Labelled:
    points: dict[str, tuple[float, float]] = {}
    for element in image.iter("points"):
        label = element.attrib["label"]
        if element.get("outside") == "1":
            continue
        pairs = [pair.split(",") for pair in element.attrib["points"].split(";")]
        if len(pairs) != 1 or label in points:
            raise ValueError(f"image {image.attrib['name']}: several points with the label {label}")
        points[label] = (float(pairs[0][0]), float(pairs[0][1]))
    subset = (image.get("subset") or "").lower()
    return Labelled(image=image.attrib["name"], where=str(path), readers={TRUTH: points},
                    split=_SUBSETS.get(subset, subset or "all"),
                    size=(int(image.attrib["height"]), int(image.attrib["width"])))  # fmt: skip
