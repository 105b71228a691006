"""The small models that come with the package: `landmarks/weights/<name>.onnx`, each with its card inside."""

from pathlib import Path

from landmarks.inference.card import ModelFileError

FOLDER = Path(__file__).parents[1] / "weights"
# Used where the user names no model.
DEFAULT = "isbi19"


def released_models() -> dict[str, Path]:
    """File by name, in alphabetical order."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.onnx"))}


def model_file(named: str | Path) -> Path:
    """The file of a model: a path, or the name of a released model where no such file exists.

    Raises: ModelFileError where it is neither.

    Example:
        predictor = Predictor.load("isbi19")
    """
    path, released = Path(named), released_models()
    if path.suffix or path.exists():
        return path
    if str(named) in released:
        return released[str(named)]
    raise ModelFileError(
        f"{named}: no such file, nor a released model ({', '.join(released) or 'none here'}); "
        "name a checkpoint (.pt), an .onnx file or a released model"
    )
