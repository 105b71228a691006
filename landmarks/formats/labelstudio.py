"""Label Studio: tasks exported as JSON or JSON-MIN. Points are per cent of the image, its corner at 0.

Several annotators of one image become readers. Beside the standard, a task's data may hold pixel_size, device and split.
"""

from pathlib import Path

from landmarks.formats.labelled import Labelled, known_points, read_json, read_pixel_size, survey_of, write_json
from landmarks.formats.records import DataError
from landmarks.formats.survey import TRUTH, Film, Survey
from landmarks.radiograph import read_gray

LANDMARKS = None
KEEPS = ("device", "pixel_size", "split")
_NAME = "project.json"


def scan(root: Path) -> Survey:
    """Raises: DataError where no JSON file holds tasks, or one is broken."""
    found = []
    for path in sorted(path for path in root.glob("*.json") if not path.name.startswith(".")):
        tasks = read_json(path)
        try:
            if isinstance(tasks, list) and all("data" in task or "image" in task for task in tasks):
                found += [_labelled(path, task) for task in tasks]
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise DataError(f"{path}: not a Label Studio export ({type(error).__name__}: {error}); export it again") from error
    if not found:
        raise DataError(f"{root}: no Label Studio tasks in this folder; export the project as JSON")
    return survey_of(root, found)


def image_place(film: Film) -> str:
    return f"images/{film.image_id}"


def write(survey: Survey, root: Path) -> None:
    tasks = []
    for number, film in enumerate(survey.films, 1):
        height, width = film.size or read_gray(film.path).shape
        common = {"type": "keypointlabels", "from_name": "kp", "to_name": "img", "original_width": width,
                  "original_height": height, "image_rotation": 0}  # fmt: skip
        result = [
            {**common, "id": f"{number}_{k}", "value": {"x": (x + 0.5) / width * 100, "y": (y + 0.5) / height * 100,
             "width": 0.3, "keypointlabels": [symbol]}}
            for k, (symbol, (x, y)) in enumerate(known_points(film, survey.landmarks.symbols).items())
        ]  # fmt: skip
        data = {"image": film.path.relative_to(root).as_posix(), "device": film.device, "split": film.split}
        if film.pixel_size:
            data["pixel_size"] = list(film.pixel_size)
        tasks.append({"id": number, "data": data, "annotations": [{"result": result}]})
    write_json(root / _NAME, tasks)


def _labelled(path: Path, task: dict) -> Labelled:
    data = task.get("data", task)  # JSON-MIN puts everything on one level
    if "annotations" in task:
        results = [a["result"] for a in task["annotations"] if not a.get("was_cancelled")]
    else:
        results = [[{"value": v, **v} for v in value] for value in task.values() if _is_points(value)]
    readings = [_points(result) for result in results]
    readers = {f"annotator {k}": points for k, points in enumerate(readings, 1)} if len(readings) > 1 else {}
    sizes = [(int(r["original_height"]), int(r["original_width"])) for result in results for r in result]
    return Labelled(
        image=data["image"],
        where=str(path),
        readers=readers or {TRUTH: readings[0] if readings else {}},
        split=data.get("split") or "all",
        device=data.get("device") or "unknown",
        pixel_size=read_pixel_size(data.get("pixel_size"), str(path)),
        size=sizes[0] if sizes else None,
    )


def _is_points(value) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict) and "keypointlabels" in value[0]


def _points(result: list[dict]) -> dict[str, tuple[float, float]]:
    points = {}
    for entry in result:
        if "keypointlabels" not in entry["value"]:
            continue
        if entry.get("image_rotation"):
            raise ValueError(f"an image turned by {entry['image_rotation']} degrees; turn it back in Label Studio")
        label = entry["value"]["keypointlabels"][0]
        if label in points:
            raise ValueError(f"two points with the label {label} in one image")
        x, y = (float(entry["value"][a]) / 100 * entry[s] - 0.5 for a, s in (("x", "original_width"), ("y", "original_height")))
        points[label] = (x, y)
    return points
