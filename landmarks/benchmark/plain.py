"""What this project is measured against: the training loop that one writes first, and the step of a published package."""

import importlib.util
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from landmarks.benchmark.clock import Clock
from landmarks.config import Config, LossConfig
from landmarks.data.batches import BatchPlan
from landmarks.data.loading import CephalogramDataset
from landmarks.models.build import build_model


class PlainDataset(Dataset):
    """The same samples as float images [1, H, W] with heatmaps [K, H/4, W/4] and points, all made by the worker."""

    def __init__(self, samples: CephalogramDataset, sigma: float) -> None:
        self._samples, self._sigma = samples, sigma

    def __getitem__(self, key: tuple[int, int]):
        sample = self._samples[key]
        height, width = (side // 4 for side in sample.image.shape[1:])
        x, y = np.meshgrid(np.arange(width), np.arange(height))
        points = (sample.target.points_in.numpy() - 1.5) / 4
        maps = [np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * self._sigma**2)) for px, py in points]
        maps = np.stack(maps).astype(np.float32) * (sample.target.weights > 0).numpy()[:, None, None]
        return sample.image.float(), torch.from_numpy(maps), sample.target.points_in


def plain_loader(samples: CephalogramDataset, config: Config, sigma: float, workers: int) -> Iterator:
    """Batches without end."""
    plan = BatchPlan(len(samples), config.train.batch_size, seed=0, shuffle=True)
    loader = DataLoader(PlainDataset(samples, sigma), batch_sampler=plan, num_workers=workers)
    while True:
        yield from loader


def plain_wing(maps: torch.Tensor, targets: torch.Tensor, loss: LossConfig) -> torch.Tensor:
    """Mean Adaptive Wing loss as the paper writes it, against materialised targets, with the weighted loss map."""
    difference, exponent = (targets - maps).abs(), loss.alpha - targets
    ratio = loss.theta / loss.epsilon
    slope = loss.omega / (1 + ratio**exponent) * exponent * ratio ** (exponent - 1) / loss.epsilon
    offset = loss.theta * slope - loss.omega * torch.log1p(ratio**exponent)
    curved = loss.omega * torch.log1p((difference / loss.epsilon) ** exponent)
    value = torch.where(difference < loss.theta, curved, slope * difference - offset)
    near = nn.functional.max_pool2d(targets, 3, stride=1, padding=1) >= 0.2
    return (value * (loss.foreground_weight * near + 1)).mean()


class PlainLoop:
    """Contiguous float32 on the CPU, plain AMP on a GPU; mean of means over a window, no EMA, no recompute."""

    def __init__(self, config: Config, num_landmarks: int, device: torch.device) -> None:
        self._config, self._device = config, device
        self._model = build_model(config.model, num_landmarks).to(device).train()
        self._optimizer = torch.optim.AdamW(self._model.parameters(), lr=config.train.lr)
        self._scaler = torch.amp.GradScaler(device.type, enabled=device.type == "cuda")

    def step(self, window: list, clock: Clock) -> None:
        for images, targets, _ in window:
            with clock("copy"):
                images, targets = images.to(self._device), targets.to(self._device)
            with clock("forward"), torch.autocast("cuda", torch.float16, enabled=self._device.type == "cuda"):
                maps = self._model(images)
            with clock("loss"):
                loss = plain_wing(maps.float(), targets, self._config.loss) / len(window)
            with clock("backward"):
                self._scaler.scale(loss).backward()
        with clock("optimizer"):
            self._scaler.step(self._optimizer)
            self._scaler.update()
            self._optimizer.zero_grad()


def plain_step(config: Config, num_landmarks: int, device: torch.device) -> Callable[[list, Clock], None]:
    return PlainLoop(config, num_landmarks, device).step


def peer_step(config: Config, num_landmarks: int, device: torch.device) -> Callable[[list, Clock], None] | None:
    """A training step of `landmarker` as its documentation shows it, on the same images; None where it is not installed.

    Its network is another one (SpatialConfiguration-Net at full resolution), so its time compares packages, not steps.
    Source: predict-idlab.github.io/landmarker
    """
    if importlib.util.find_spec("landmarker") is None:
        return None
    from landmarker.heatmap import GaussianHeatmapGenerator
    from landmarker.losses import GaussianHeatmapL2Loss
    from landmarker.models import OriginalSpatialConfigurationNet

    model = OriginalSpatialConfigurationNet(in_channels=1, out_channels=num_landmarks).to(device).train()
    size = tuple(config.data.image_size)
    generator = GaussianHeatmapGenerator(num_landmarks, sigmas=3, gamma=100, heatmap_size=size, learnable=True).to(device)
    criterion = GaussianHeatmapL2Loss(alpha=5)
    groups = [{"params": model.parameters(), "weight_decay": 1e-3}, {"params": [generator.sigmas, generator.rotation]}]
    optimizer = torch.optim.SGD(groups, lr=1e-6, momentum=0.99, nesterov=True)

    def step(window: list, clock: Clock) -> None:
        for images, _, points_in in window:
            with clock("copy"):
                images, points_yx = images.to(device) / 255, points_in.flip(-1).to(device)
            with clock("forward"):
                maps = model(images)
            with clock("loss"):
                loss = criterion(maps, generator.sigmas, generator(points_yx)) / len(window)
            with clock("backward"):
                loss.backward()
        with clock("optimizer"):
            optimizer.step()
            optimizer.zero_grad()

    return step
