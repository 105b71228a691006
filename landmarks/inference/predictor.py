"""Image -> landmarks in source pixels; validation, evaluation and a user's program share this path."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from landmarks.config import DataConfig, HeatmapConfig
from landmarks.device import autocast, choose_device, is_out_of_memory, usable_precision
from landmarks.geometry import HEATMAP_STRIDE, apply_map, compose, heatmap_to_input, invert, letterbox_map
from landmarks.images import shrink, warp
from landmarks.models.build import Loaded, load_model
from landmarks.models.fold import fold_norms
from landmarks.models.hrnet import HRNet
from landmarks.prediction import Prediction
from landmarks.radiograph import read_gray
from landmarks.schema import LandmarkSet
from landmarks.tasks.landmarks.heatmap import Decoded, decode_with_shape

# Test-time augmentation: views shifted by (dx, dy) input px, half a heatmap pixel along each diagonal. Whole pixels, so
# that nothing is interpolated a second time; wider shifts, rotations and scales gained no more (docs/results.md).
_TTA_SHIFTS = ((-2, -2), (-2, 2), (2, -2), (2, 2))
_NO_SHIFT = ((0, 0),)


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

    @torch.no_grad()
    def predict_maps(self, images: torch.Tensor) -> torch.Tensor:
        """uint8 [B, 1, H, W] on any device -> float32 maps [B, K, H/4, W/4] on the predictor's.

        A batch that the memory does not hold is predicted in halves. Raises: ValueError where one image does not fit.
        """
        was_training = self.model.training
        self.model.eval()
        try:
            with autocast(self.device, self.precision):
                return self.model(images.to(self.device, non_blocking=True)).float()
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        finally:
            self.model.train(was_training)
        # outside the handler, where no traceback keeps tensors alive
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        if len(images) == 1:
            raise ValueError(f"out of memory: not even one image of {tuple(images.shape[2:])} px fits {self.device}")
        return torch.cat([self.predict_maps(half) for half in images.chunk(2)])

    def predict(self, images: torch.Tensor, to_source: torch.Tensor) -> Prediction:
        """uint8 [B, 1, H, W] and maps input px -> source px [B, 2, 3] -> the landmarks of these films."""
        found = [decode_with_shape(self.predict_maps(view), self.sigma) for view in self._views(images)]
        views, shapes = zip(*found, strict=True)
        # source px per heatmap px; letterboxing keeps the aspect, so one number serves both axes
        stretch = HEATMAP_STRIDE * np.sqrt(np.abs(np.linalg.det(to_source.numpy()[:, :, :2])))
        variance = _mean([torch.diagonal(shape.covariance_hm, dim1=-2, dim2=-1).mean(-1) for shape in shapes])
        return Prediction(
            points_px=self._points_px(views, to_source),
            peaks=_mean([view.peaks for view in views]),
            spread_px=np.sqrt(variance) * stretch[:, None],
            outside=_mean([shape.outside for shape in shapes]),
            target_px=self.sigma * stretch,
        )

    @property
    def _shifts(self) -> tuple[tuple[int, int], ...]:
        return _TTA_SHIFTS if self.tta else _NO_SHIFT

    def _views(self, images: torch.Tensor) -> Iterator[torch.Tensor]:
        """Each view of a batch [B, 1, H, W]: its content moved; black comes in from outside, as in letterboxing."""
        for dx, dy in self._shifts:
            yield functional.pad(images, (dx, -dx, dy, -dy))

    def _points_px(self, views: Sequence[Decoded], to_source: torch.Tensor) -> np.ndarray:
        """Mean over the views, moved back: [B, K, 2] source px."""
        points_in = heatmap_to_input(_mean([view.points_hm for view in views])) - np.mean(self._shifts, axis=0)
        return np.stack([apply_map(map_23, points) for map_23, points in zip(to_source.numpy(), points_in, strict=True)])


def _mean(views: Sequence[torch.Tensor]) -> np.ndarray:
    """Mean over the views, float64."""
    return torch.stack([view.double() for view in views]).mean(0).cpu().numpy()
