"""What a model file says of its network, in a checkpoint or in an ONNX file."""

from dataclasses import dataclass, field, fields

from landmarks.further import Further
from landmarks.habit import Habit
from landmarks.inference.radii import Calibration, calibration_dict, calibration_from_dict
from landmarks.jsonfile import plain
from landmarks.schema import LandmarkSet, landmarks_from_dict, landmarks_to_dict
from landmarks.shape import ShapeModel, shape_from_dict, shape_to_dict

_OWN_FORM = ("shape", "habit", "further")


class ModelFileError(ValueError):
    """A model file that cannot be used; the message names it and says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelCard:
    landmarks: LandmarkSet
    """The k-th map belongs to the k-th landmark."""
    image_size: tuple[int, int]
    """(height, width) of the network's input."""
    sigma: float
    """Heatmap px, of the Gaussian that the network was trained to draw."""
    margin: float
    """Size of a film before the last warp over its size in the input: `data.cache_scale`."""
    normalisation: str = "inside the network: gray values from 0 to 255"
    settings: dict = field(default_factory=dict)
    """Of the training, by section."""
    precision: str = "fp32"
    """Of the weights: fp32, fp16, bf16 or int8."""
    calibration: Calibration | None = None
    shape: ShapeModel | None = None
    """Of the training annotations, by which implausible points are placed again; absent where they were too few."""
    habit: Habit | None = None
    """Of a clinic's readers, added to the points of an adapted model."""
    further: Further | None = None
    """A clinic's landmarks beyond these, which have no maps: the others place them."""
    checkpoint: str = ""
    """Name and hash of the checkpoint that the network comes from."""
    licence: str = ""
    text: str = ""
    """Model card in Markdown."""


def card_dict(card: ModelCard) -> dict:
    """Plain values for JSON."""
    content = {part.name: plain(getattr(card, part.name)) for part in fields(card) if part.name not in _OWN_FORM}
    calibration = None if card.calibration is None else calibration_dict(card.calibration)
    shape = None if card.shape is None else shape_to_dict(card.shape)
    content |= {"landmarks": landmarks_to_dict(card.landmarks), "calibration": calibration, "shape": shape}
    further = None if card.further is None else card.further.to_dict()
    return content | {"habit": None if card.habit is None else card.habit.to_dict(), "further": further}


def card_from_dict(content: dict) -> ModelCard:
    """Raises: KeyError, TypeError or ValueError where it is none."""
    calibration = content["calibration"]
    return ModelCard(
        landmarks=landmarks_from_dict(content["landmarks"]),
        image_size=tuple(int(side) for side in content["image_size"]),
        sigma=float(content["sigma"]),
        margin=float(content["margin"]),
        normalisation=str(content["normalisation"]),
        settings=dict(content["settings"]),
        precision=str(content["precision"]),
        calibration=None if calibration is None else calibration_from_dict(calibration),
        shape=shape_from_dict(content["shape"]) if content.get("shape") else None,
        habit=Habit.from_dict(content["habit"]) if content.get("habit") else None,
        further=Further.from_dict(content["further"]) if content.get("further") else None,
        checkpoint=str(content["checkpoint"]),
        licence=str(content["licence"]),
        text=str(content["text"]),
    )
