"""Film -> cervical stage with its probability, by a checkpoint or an ONNX file; torch is not needed for the latter."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from landmarks.cervical import STAGES, cervical_map
from landmarks.geometry import compose, invert, letterbox_map
from landmarks.images import shrink, warp
from landmarks.inference.card import ModelFileError
from landmarks.inference.onnx import VERSION, open_session, read_card, read_sealed
from landmarks.inference.prepare import gray_film
from landmarks.inference.stage_calibration import (
    StageCalibration,
    prediction_set,
    stage_calibration_dict,
    stage_calibration_from_dict,
)
from landmarks.inference.stage_views import view_of
from landmarks.jsonfile import json_text
from landmarks.stage_prediction import StagePrediction

INPUT, OUTPUT = "images", "scores"
KEY = "stage_card"


@dataclass(frozen=True, kw_only=True, slots=True)
class StageCard:
    """What a model file says of its network."""

    image_size: tuple[int, int]
    """(height, width) of the network's input."""
    margin: float
    """Size of a film before the last warp over its size in the input: `data.cache_scale`."""
    region: str
    """whole, cervical or cropped: what the network sees."""
    views: tuple[str, ...]
    """Views that test-time augmentation averages."""
    settings: dict = field(default_factory=dict)
    """Of the training, by section."""
    calibration: StageCalibration | None = None
    checkpoint: str = ""
    """Name and hash of the checkpoint that the network comes from."""
    precision: str = "fp32"
    licence: str = ""
    text: str = ""
    """Model card in Markdown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StageResult:
    """The stage of one film."""

    probabilities: tuple[float, ...]
    """Of CS1 to CS6."""
    stages: tuple[str, ...] | None
    """Those that hold the true one with the promised probability; None without a calibration."""
    coverage: float | None
    """The promised probability."""

    @property
    def stage(self) -> str:
        return STAGES[int(np.argmax(self.probabilities))]

    def to_dict(self) -> dict:
        """As predictions.json holds it."""
        found = dict(zip(STAGES, (round(p, 4) for p in self.probabilities), strict=True))
        content = {"stage": self.stage, "probability": max(found.values()), "probabilities": found}
        return content | ({} if self.stages is None else {"set": list(self.stages), "coverage": self.coverage})


class StageNetwork(Protocol):
    """Films -> scores, whatever computes them."""

    card: StageCard
    device: str

    def scores(self, images: np.ndarray) -> np.ndarray:
        """uint8 [B, 1, H, W] -> float64 [B, 6], before the softmax."""


class OnnxStageNetwork:
    """Scores by onnxruntime; see `StageNetwork`. Raises: ModelFileError."""

    def __init__(self, content: bytes, where: str, *, device: str = "auto") -> None:
        self._session, metadata = open_session(content, where, device=device)
        if "landmarks_card" in metadata:
            raise ModelFileError(f"{where}: a landmark model, which knows no cervical stages; name it as --checkpoint")
        self.card = read_card(metadata, KEY, stage_card_from_dict, where)
        self.device = "cuda" if "CUDA" in self._session.get_providers()[0] else "cpu"

    def scores(self, images: np.ndarray) -> np.ndarray:
        return self._session.run([OUTPUT], {INPUT: np.ascontiguousarray(images)})[0].astype(float)


class StagePredictor:
    """A network with all that turns its scores into a stage.

    Example:
        predictor = StagePredictor.load("cvm.onnx")
        predictor("crop.png").stage
    """

    def __init__(self, network: StageNetwork, *, tta: bool = False, calibrated: bool = True) -> None:
        """`tta`: probabilities are the means over the views of the card."""
        self.network, self.card, self.tta = network, network.card, tta
        found = self.card.calibration
        self.calibration = found if calibrated and found is not None and found.fits(self.card.image_size, tta) else None

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        device: str | None = "auto",
        tta: bool = False,
        overrides: Sequence[str] = (),
        calibrated: bool = True,
    ) -> "StagePredictor":
        """A checkpoint `.pt` or an exported `.onnx`; `overrides` are settings `section.key=value` for a checkpoint.

        Raises: ValueError where the file, the device or a setting cannot be used.
        """
        path = Path(path)
        if path.suffix.lower() == ".onnx":
            network = OnnxStageNetwork(read_sealed(path), str(path), device=device or "auto")
        else:
            from landmarks.inference.stage_network import open_stage_checkpoint  # torch is not needed for ONNX

            network = open_stage_checkpoint(path, device=device, overrides=overrides)
        return cls(network, tta=tta, calibrated=calibrated)

    @property
    def needs_landmarks(self) -> bool:
        """Whether it was trained on whole films, of which landmarks show the region."""
        return self.card.region == "cervical"

    def __call__(self, film: object, points_px: np.ndarray | None = None, symbols: Sequence[str] = ()) -> StageResult | None:
        """One film -> its stage; None where its landmarks [K, 2] do not show where the cervical region lies.

        Args:
            film: a path, a PIL image or a gray uint8 array [H, W].
        Raises: ImageError naming a broken file; ValueError on anything else.
        """
        gray, size = gray_film(film), self.card.image_size
        to_input = letterbox_map(gray.shape, size)
        if self.needs_landmarks and points_px is None:
            raise ValueError("this model sees the cervical region of whole films; give the landmarks, or a landmark model")
        if points_px is not None and self.card.region != "whole":
            to_input = cervical_map(points_px, symbols, size)
            if to_input is None:
                return None
        small, to_small = shrink(gray, size, self.card.margin)
        return self.result(self.predict(warp(small, compose(to_input, invert(to_small)), size)[None, None]))

    def predict(self, images: np.ndarray) -> StagePrediction:
        """uint8 [B, 1, H, W] -> the stages of these films, not yet calibrated."""
        if not self.tta:
            return StagePrediction(scores=self.network.scores(images))
        views = [StagePrediction(scores=self.network.scores(view_of(name, images))) for name in self.card.views]
        return StagePrediction(scores=np.log(np.mean([view.probabilities() for view in views], axis=0).clip(1e-300)))

    def probabilities(self, found: StagePrediction) -> np.ndarray:
        """[N, 6], calibrated where there is a calibration."""
        return found.probabilities(self.calibration.temperature if self.calibration else 1.0)

    def result(self, found: StagePrediction) -> StageResult:
        """Of a prediction of one film."""
        probabilities, calibration = self.probabilities(found)[0], self.calibration
        within = None if calibration is None else prediction_set(probabilities[None], calibration.threshold)[0]
        return StageResult(
            probabilities=tuple(probabilities.tolist()),
            stages=None if within is None else tuple(s for s, held in zip(STAGES, within, strict=True) if held),
            coverage=None if calibration is None else calibration.coverage,
        )


def stage_metadata(card: StageCard) -> dict[str, str]:
    """A card as the metadata of an ONNX file."""
    content = {name: getattr(card, name) for name in StageCard.__dataclass_fields__}
    calibration = None if card.calibration is None else stage_calibration_dict(card.calibration)
    return {"landmarks_version": str(VERSION), KEY: json_text(content | {"calibration": calibration, "stages": STAGES})}


def stage_card_from_dict(content: dict) -> StageCard:
    """Raises: KeyError, TypeError or ValueError where it is none."""
    if tuple(content["stages"]) != STAGES:
        raise ValueError(f"stages {', '.join(content['stages'])}")
    return StageCard(
        image_size=tuple(int(side) for side in content["image_size"]),
        margin=float(content["margin"]),
        region=str(content["region"]),
        views=tuple(content["views"]),
        settings=dict(content["settings"]),
        calibration=stage_calibration_from_dict(content["calibration"]) if content["calibration"] else None,
        checkpoint=str(content["checkpoint"]),
        precision=str(content["precision"]),
        licence=str(content["licence"]),
        text=str(content["text"]),
    )
