"""The stages of cervical crops, without landmarks: stages.csv and stages.json."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from landmarks.cervical import STAGES
from landmarks.inference.films import Film
from landmarks.inference.stages import StagePredictor
from landmarks.jsonfile import write_json
from landmarks.radiograph import ImageError, read_radiograph


def predict_crops(predictor: StagePredictor, films: Sequence[Film], output: Path) -> Iterator[str]:
    """Writes the stages of films that show the cervical region alone. Yields: a line for each that could not be read, or "".

    Raises: ValueError where the output exists already, or the model needs whole films.
    """
    if predictor.needs_landmarks:
        raise ValueError("--crops: this model was trained on whole films (cvm.region=cervical); leave --crops out")
    if (output / "stages.json").exists():
        raise ValueError(f"{output / 'stages.json'}: exists already; choose another --output")
    output.mkdir(parents=True, exist_ok=True)
    found = []
    for film in films:
        try:
            result = predictor(read_radiograph(Path(film.path)).gray)
            found.append({"image": film.path, "name": film.name, "cvm": result.to_dict()})
            yield ""
        except ImageError as error:
            yield str(error)
    write_json(output / "stages.json", {"version": 1, "films": found})
    with (output / "stages.csv").open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "stage", "probability", *STAGES, "set"])
        for film in found:
            cvm = film["cvm"]
            values = [cvm["probabilities"][stage] for stage in STAGES]
            rows.writerow([film["name"], cvm["stage"], cvm["probability"], *values, " ".join(cvm.get("set", []))])
