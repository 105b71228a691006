"""Decoded maps -> predictions in source pixels; validation, evaluation and every user of a model share this function."""

from collections.abc import Sequence

import numpy as np
import torch

from landmarks.geometry import HEATMAP_STRIDE, apply_map, heatmap_to_input
from landmarks.prediction import Prediction
from landmarks.tasks.landmarks.heatmap import Decoded, MapShape

NO_SHIFT = ((0, 0),)


def predict_points(
    views: Sequence[tuple[Decoded, MapShape]],
    to_source: np.ndarray,
    sigma: float,
    shifts: Sequence[tuple[int, int]] = NO_SHIFT,
) -> Prediction:
    """Landmarks of B images, averaged over the views of each.

    Args:
        views: what `decode_with_shape` found in each view.
        to_source: [B, 2, 3], maps input px -> source px.
        sigma: heatmap px, of the Gaussian that the network was trained to draw.
        shifts: (dx, dy) input px by which each view was moved.
    """
    points_in = heatmap_to_input(_mean([decoded.points_hm for decoded, _ in views])) - np.mean(shifts, axis=0)
    # source px per heatmap px; letterboxing keeps the aspect, so one number serves both axes
    stretch = HEATMAP_STRIDE * np.sqrt(np.abs(np.linalg.det(to_source[:, :, :2])))
    variance = _mean([torch.diagonal(shape.covariance_hm, dim1=-2, dim2=-1).mean(-1) for _, shape in views])
    return Prediction(
        points_px=np.stack([apply_map(map_23, points) for map_23, points in zip(to_source, points_in, strict=True)]),
        peaks=_mean([decoded.peaks for decoded, _ in views]),
        spread_px=np.sqrt(variance) * stretch[:, None],
        outside=_mean([shape.outside for _, shape in views]),
        target_px=sigma * stretch,
    )


def _mean(views: Sequence[torch.Tensor]) -> np.ndarray:
    """Mean over the views, float64."""
    return torch.stack([view.double() for view in views]).mean(0).cpu().numpy()
