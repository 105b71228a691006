"""Image -> landmarks in source pixels; validation, evaluation and a user's program share this path."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from landmarks.config import DataConfig, HeatmapConfig
from landmarks.device import choose_device, usable_precision
from landmarks.geometry import compose, invert, letterbox_map
from landmarks.images import shrink, warp
from landmarks.models.fold import fold_norms
from landmarks.models.forward import forward_in_parts
from landmarks.models.hrnet import HRNet
from landmarks.prediction import Prediction
from landmarks.radiograph import read_gray
from landmarks.schema import LandmarkSet
from landmarks.tasks.landmarks.heatmap import decode_with_shape
from landmarks.tasks.landmarks.predict import NO_SHIFT, predict_points
from landmarks.tasks.saved import Loaded, load_model

# Test-time augmentation: views shifted by (dx, dy) input px, half a heatmap pixel along each diagonal. Whole pixels, so
# that nothing is interpolated a second time; wider shifts, rotations and scales gained no more (docs/results/isbi2015.md).
_TTA_SHIFTS = ((-2, -2), (-2, 2), (2, -2), (2, 2))


class Predictor:
    """A network with all that turns its maps into points.

    Example:
        predictor = Predictor.from_checkpoint("runs/1024/checkpoints/best.pt")
        points_px = predictor("head.png").points_px[0]
    """

    def __init__(
        self,
        model: HRNet,
        landmarks: LandmarkSet,
        *,
        input_size: tuple[int, int],
        sigma: float,
        margin: float,
        device: torch.device,
        precision: str = "fp32",
        tta: bool = False,
    ) -> None:
        """`tta`: points, peaks and shapes are the means over four shifted views of each image, in four times the time."""
        self.model, self.landmarks = model, landmarks
        self.input_size, self.sigma, self.margin = input_size, sigma, margin
        self.device, self.precision, self.tta = device, precision, tta

    @classmethod
    def from_settings(
        cls,
        model: HRNet,
        landmarks: LandmarkSet,
        data: DataConfig,
        heatmap: HeatmapConfig,
        *,
        device: torch.device,
        precision: str,
        tta: bool = False,
    ) -> "Predictor":
        """Predicts as a model with these settings is trained."""
        return cls(
            model,
            landmarks,
            input_size=data.image_size,
            sigma=heatmap.sigma,
            margin=data.cache_scale,
            device=device,
            precision=precision,
            tta=tta,
        )

    @classmethod
    def from_checkpoint(cls, path: str | Path, *, device: str = "auto", tta: bool = False) -> "Predictor":
        """Raises: CheckpointError; ValueError where the device is not there."""
        return cls.from_loaded(load_model(Path(path)), device=choose_device(device), tta=tta)

    @classmethod
    def from_loaded(cls, loaded: Loaded, *, device: torch.device, tta: bool = False) -> "Predictor":
        """A checkpoint's network made ready to predict fast: norms folded, channels last."""
        config = loaded.config
        return cls.from_settings(
            fold_norms(loaded.model).to(device, memory_format=torch.channels_last),
            loaded.landmarks,
            config.data,
            config.heatmap,
            device=device,
            precision=usable_precision(config.train.precision, device),
            tta=tta,
        )

    def __call__(self, image: np.ndarray | str | Path) -> Prediction:
        """One film, a gray uint8 array [H, W] or a file -> a prediction of N = 1. Raises: ImageError naming a broken file."""
        gray = image if isinstance(image, np.ndarray) else read_gray(Path(image))
        if gray.ndim != 2 or gray.dtype != np.uint8:
            raise ValueError(f"image: found {gray.dtype} {gray.shape}; give a gray uint8 array [height, width]")
        to_input = letterbox_map(gray.shape, self.input_size)
        small, to_small = shrink(gray, self.input_size, self.margin)
        pixels = warp(small, compose(to_input, invert(to_small)), self.input_size)
        to_source = torch.from_numpy(invert(to_input))[None]
        return self.predict(torch.from_numpy(pixels)[None, None], to_source)

    def predict_maps(self, images: torch.Tensor) -> torch.Tensor:
        """uint8 [B, 1, H, W] on any device -> float32 maps [B, K, H/4, W/4] on the predictor's.

        A batch that the memory does not hold is predicted in halves. Raises: ValueError where one image does not fit.
        """
        return forward_in_parts(self.model, images, self.device, self.precision)

    def predict(self, images: torch.Tensor, to_source: torch.Tensor) -> Prediction:
        """uint8 [B, 1, H, W] and maps input px -> source px [B, 2, 3] -> the landmarks of these films."""
        views = [decode_with_shape(self.predict_maps(view), self.sigma) for view in self._views(images)]
        return predict_points(views, to_source.numpy(), self.sigma, self._shifts)

    @property
    def _shifts(self) -> tuple[tuple[int, int], ...]:
        return _TTA_SHIFTS if self.tta else NO_SHIFT

    def _views(self, images: torch.Tensor) -> Iterator[torch.Tensor]:
        """Each view of a batch [B, 1, H, W]: its content moved; black comes in from outside, as in letterboxing."""
        for dx, dy in self._shifts:
            yield functional.pad(images, (dx, -dx, dy, -dy))
