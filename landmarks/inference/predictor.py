"""Film -> landmarks in source pixels, by a checkpoint or an ONNX file; evaluation, predict and the page share this path."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from landmarks.further import place_further
from landmarks.habit import with_habit
from landmarks.inference.card import ModelCard
from landmarks.inference.decode import decode_maps
from landmarks.inference.opening import open_network
from landmarks.inference.prepare import gray_film, prepare
from landmarks.inference.radii import Calibration, fitting, radii_px
from landmarks.inference.view import Reading, read_in_view
from landmarks.plausible import place_again, single_peaks
from landmarks.prediction import NO_SHIFT, Decoded, Prediction, predict_points
from landmarks.schema import LandmarkSet

log = logging.getLogger(__name__)

# Test-time augmentation: views shifted by (dx, dy) input px, half a heatmap pixel along each diagonal. Whole pixels, so
# that nothing is interpolated a second time; wider shifts, rotations and scales gained no more (docs/results/isbi2015.md).
_TTA_SHIFTS = ((-2, -2), (-2, 2), (2, -2), (2, 2))


class Network(Protocol):
    """Films -> maps, whatever computes them."""

    card: ModelCard
    device: str
    """cpu or cuda."""

    def maps(self, images: np.ndarray) -> np.ndarray:
        """uint8 [B, 1, H, W] -> float32 maps [B, K, H/4, W/4]."""

    def decode(self, images: np.ndarray, sigma: float) -> Decoded:
        """uint8 [B, 1, H, W] -> what the maps say."""


class Predictor:
    """A network with all that turns its maps into points.

    Example:
        predictor = Predictor.load("runs/1024/checkpoints/best.pt")
        points_px = predictor("head.png").points_px[0]
    """

    def __init__(self, network: Network, *, tta: bool = False, calibration: Calibration | None = None) -> None:
        """
        Args:
            tta: points, peaks and shapes are the means over four shifted views of each film, in four times the time.
            calibration: error radii of this network, used as it is here.
        """
        self.network, self.tta, self.calibration = network, tta, calibration
        self.card = network.card

    @classmethod
    def load(
        cls,
        path: str | Path | Sequence[str | Path],
        *,
        device: str | None = "auto",
        tta: bool = False,
        overrides: Sequence[str] = (),
        calibrated: bool = True,
    ) -> "Predictor":
        """A model with its error radii, where it has any that fit.

        Args:
            path: a checkpoint `.pt`, an exported `.onnx`, an `ensemble.json` or a released model by name; of several, the
                mean of their maps counts.
            device: auto, cpu or cuda; None takes the checkpoint's `train.device`.
            overrides: settings `section.key=value` that override a checkpoint's settings; an ONNX file has its own for good.
            calibrated: whether to use error radii.
        Raises: ValueError where a file, the device or a setting cannot be used, or models do not fit together.
        """
        network = open_network(path, device=device, overrides=overrides, calibrated=calibrated)
        card = network.card
        calibration = fitting(card.calibration, card.image_size, tta=tta) if calibrated else None
        return cls(network, tta=tta, calibration=calibration)

    @property
    def landmarks(self) -> LandmarkSet:
        """Those of the network's maps, then those that these place."""
        own, further = self.card.landmarks, self.card.further
        return own.followed_by(further.landmarks) if further else own

    def __call__(self, film: object, *, as_it_is: bool = False) -> Prediction:
        """One film -> a prediction of N = 1, in the view in which the film makes the most sense; NaN for no cephalogram.

        Args:
            film: a path, a PIL image or a gray uint8 array [H, W].
            as_it_is: in no other view, and with points whatever it shows.
        Raises: ImageError naming a broken file; ValueError on anything else.
        """
        gray = gray_film(film)
        if as_it_is:
            return self._as_it_is(gray)
        reading = self.read(gray)
        if reading.remark:
            log.warning(f"{film}: {reading.remark}" if isinstance(film, str | Path) else reading.remark)
        unknown = np.full_like(reading.found.points_px, np.nan)
        return reading.found if reading.is_cephalogram else replace(reading.found, points_px=unknown)

    def read(self, gray: np.ndarray) -> Reading:
        """A gray film uint8 [H, W], read in its view."""
        return read_in_view(self._as_it_is, gray, self.landmarks.symbols, self.card.shape)

    def _as_it_is(self, gray: np.ndarray) -> Prediction:
        pixels, to_source = prepare(gray, self.card.image_size, self.card.margin)
        return self.predict(pixels[None, None], to_source[None])

    def predict(self, images: np.ndarray, to_source: np.ndarray) -> Prediction:
        """uint8 [B, 1, H, W] and maps input px -> source px [B, 2, 3] -> the landmarks of these films."""
        shifts = _TTA_SHIFTS if self.tta else NO_SHIFT
        views = [self.network.decode(_shifted(images, dx, dy), self.card.sigma) for dx, dy in shifts]
        found = predict_points(views, to_source, self.card.sigma, shifts)
        card, symbols = self.card, self.card.landmarks.symbols
        if card.shape is not None:
            found = place_again(card.shape, symbols, found, partial(self._candidates, images, to_source))
            moved = with_habit(card.habit, card.shape, symbols, found) if card.habit else found
            # further landmarks follow what the network finds, without the habit, as when they were learned
            found = moved.beside(place_further(card.further, card.shape, symbols, found)) if card.further else moved
        return found

    def _candidates(self, images: np.ndarray, to_source: np.ndarray, film: int, landmark: int) -> Prediction:
        """The highest peaks of one map, as a prediction of one film with a landmark a peak."""
        # few films ask: their maps are computed once more rather than all maps kept
        map_HW = self.network.maps(images[film : film + 1])[0, landmark]
        peaks = decode_maps(single_peaks(map_HW, self.card.sigma)[None], self.card.sigma)
        return predict_points([peaks], to_source[film : film + 1], self.card.sigma)

    def radii_px(self, found: Prediction) -> np.ndarray | None:
        """Error radii [N, K] in source px; None without a calibration."""
        return None if self.calibration is None else radii_px(self.calibration, found, self.landmarks.symbols)


def _shifted(images: np.ndarray, dx: int, dy: int) -> np.ndarray:
    """The content moved by whole pixels; black comes in from outside, as in letterboxing."""
    if not dx and not dy:
        return images
    height, width = images.shape[-2:]
    moved = np.zeros_like(images)
    moved[..., max(0, dy) : height + min(0, dy), max(0, dx) : width + min(0, dx)] = images[
        ..., max(0, -dy) : height + min(0, -dy), max(0, -dx) : width + min(0, -dx)
    ]
    return moved
