"""Several networks as one: the mean of their maps; and the file that names the models of an ensemble.

`ensemble.json` holds `models`, each with `file` (relative to the file itself) and `id` (its hash), and `calibration`.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from landmarks.formats.splits import EVERY_FOLD
from landmarks.inference.card import ModelCard, ModelFileError
from landmarks.inference.decode import decode_maps
from landmarks.inference.radii import Calibration, calibration_dict, calibration_from_dict, file_id
from landmarks.jsonfile import write_json
from landmarks.prediction import Decoded

if TYPE_CHECKING:
    from landmarks.inference.predictor import Network

log = logging.getLogger(__name__)

SUFFIX = ".json"
FILE_NAME = "ensemble.json"
_VERSION = 1


class MeanNetwork:
    """Predicts with every network and averages the maps; see `predictor.Network`."""

    def __init__(self, networks: Sequence["Network"], card: ModelCard) -> None:
        self.networks, self.card, self.device = list(networks), card, networks[0].device

    def maps(self, images: np.ndarray) -> np.ndarray:
        """uint8 [B, 1, H, W] -> float32 maps [B, K, H/4, W/4]."""
        total = self.networks[0].maps(images).astype(np.float32)
        for network in self.networks[1:]:
            total += network.maps(images)
        return total / len(self.networks)

    def decode(self, images: np.ndarray, sigma: float) -> Decoded:
        return decode_maps(self.maps(images), sigma)


def mean_card(cards: Sequence[ModelCard], files: Sequence[Path], calibration: Calibration | None = None) -> ModelCard:
    """The card of the mean of several models: that of the first, with the error radii of the ensemble alone.

    Raises: ModelFileError where the models do not fit together.
    """
    first = cards[0]
    for file, card in zip(files, cards, strict=True):
        for name, found, wanted in (
            ("landmarks", card.landmarks.symbols, first.landmarks.symbols),
            ("input size", card.image_size, first.image_size),
            ("sigma", card.sigma, first.sigma),
            ("a clinic's habit", card.habit is not None, first.habit is not None),
            ("a clinic's landmarks", _further(card), _further(first)),
        ):
            if found != wanted:
                raise ModelFileError(f"{file}: {name} differs from that of {files[0]}; predict with them separately")
    # error radii of one network do not hold for a mean of several
    names = "; ".join(card.checkpoint for card in cards)
    settings = common_settings([card.settings for card in cards])
    return replace(first, settings=settings, calibration=calibration, checkpoint=names)


def _further(card: ModelCard) -> tuple[str, ...]:
    return card.further.landmarks.symbols if card.further else ()


def common_settings(each: Sequence[dict]) -> dict:
    """The settings of the first model; where others hold out other films, the list says so."""
    settings = each[0]
    if len({part.get("data", {}).get("held_out", "") for part in each}) > 1:
        settings = settings | {"data": settings["data"] | {"held_out": EVERY_FOLD}}
    return settings


@dataclass(frozen=True, kw_only=True, slots=True)
class Ensemble:
    """What an ensemble's file names."""

    models: tuple[Path, ...]
    calibration: Calibration | None


def write_ensemble(path: Path, models: Sequence[Path], calibration: Calibration | None) -> None:
    """Models below the file's folder as one ensemble. Raises: OSError."""
    named = [{"file": model.relative_to(path.parent).as_posix(), "id": file_id(model)} for model in models]
    radii = None if calibration is None else calibration_dict(calibration)
    write_json(path, {"version": _VERSION, "models": named, "calibration": radii})


def read_ensemble(path: Path) -> Ensemble:
    """The models of an ensemble; its error radii are left out, with a log line, where a model is not the same any more.

    Raises: ModelFileError.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        models = tuple(path.parent / part["file"] for part in content["models"])
        known = [part["id"] for part in content["models"]]
        calibration = calibration_from_dict(content["calibration"]) if content["calibration"] else None
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelFileError(f"{path}: no ensemble of this project ({type(error).__name__}); name its ensemble.json") from error
    if not models:
        raise ModelFileError(f"{path}: names no model")
    for model, digest in zip(models, known, strict=True):
        if not model.is_file():
            raise ModelFileError(f"{model}: no such file, but {path} names it; keep the ensemble's folder together")
        if calibration is not None and file_id(model) != digest:
            log.warning(f"{path}: error radii were made with another {model}; not used")
            calibration = None
    return Ensemble(models=models, calibration=calibration)
