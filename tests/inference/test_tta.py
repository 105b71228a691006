"""Test-time augmentation: points of shifted views come back to where they belong, more exact than those of one view."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from landmarks.geometry import HEATMAP_STRIDE
from landmarks.inference.card import ModelCard
from landmarks.inference.network import TorchNetwork
from landmarks.inference.predictor import Predictor
from landmarks.schema import LandmarkSet
from landmarks.tasks.landmarks.heatmap import encode

SIZE = (96, 80)


class Shrunk(nn.Module):
    """A network whose map is the image at a quarter of its size, and nothing else: blobs come out as blobs."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return functional.avg_pool2d(images.float() / 255, HEATMAP_STRIDE)


def test_points_come_back():
    generator = torch.Generator().manual_seed(0)
    points_in = 24 + torch.rand(64, 1, 2, generator=generator) * torch.tensor([32.0, 48.0])
    images = (255 * encode(points_in, SIZE, sigma=4.0)).round().to(torch.uint8)
    to_source = np.tile(np.eye(2, 3), (len(images), 1, 1))
    card = ModelCard(landmarks=LandmarkSet(name="one", symbols=("S",)), image_size=SIZE, sigma=1.0, margin=1)
    network = TorchNetwork(Shrunk(), card, device=torch.device("cpu"))
    found = {}
    for tta in (False, True):
        points_px = Predictor(network, tta=tta).predict(images.numpy(), to_source).points_px
        found[tta] = np.linalg.norm(points_px - points_in.numpy(), axis=-1)
    assert found[True].max() < 0.05
    assert found[True].mean() < found[False].mean()
