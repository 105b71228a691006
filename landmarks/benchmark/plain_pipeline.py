"""The data side as reference scripts have it, with albumentations.

Each image is decoded, resized and augmented every time; float images and maps come from the worker.
"""

import os

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it asks the network for its newest version when imported

import albumentations as A
import cv2
import numpy as np
import torch
from torch.utils.data import Dataset

from landmarks.config import AugmentConfig
from landmarks.formats.records import RecordSet
from landmarks.radiograph import read_gray


class PlainPipeline(Dataset):
    """Image float32 [1, H, W], heatmaps float32 [K, H/4, W/4], points [K, 2] of each record."""

    def __init__(self, records: RecordSet, size: tuple[int, int], augment: AugmentConfig, sigma: float) -> None:
        self._records, self._size, self._sigma = records.records, size, sigma
        self._steps = A.Compose(
            [
                A.Resize(*size),
                A.Affine(
                    rotate=(-augment.rotate, augment.rotate),
                    scale=(1 - augment.scale, 1 + augment.scale),
                    translate_percent=(-augment.shift, augment.shift),
                    p=1,
                ),
                A.RandomBrightnessContrast(augment.brightness, augment.contrast, p=0.8),
                A.RandomGamma((100 * (1 - augment.gamma), 100 * (1 + augment.gamma)), p=0.5),
                A.GaussianBlur(blur_limit=(3, 5), p=augment.blur),
                A.GaussNoise(std_range=(0.0, augment.noise), p=0.5),
            ],
            keypoint_params=A.KeypointParams(format="xy", remove_invisible=False),
        )

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        cv2.setNumThreads(0)
        record = self._records[index]
        done = self._steps(image=read_gray(record.image_path), keypoints=np.nan_to_num(record.points_px, nan=0.0))
        points = np.asarray(done["keypoints"], dtype=np.float32)
        height, width = (side // 4 for side in self._size)
        x, y = np.meshgrid(np.arange(width), np.arange(height))
        maps = [np.exp(-((x - px / 4) ** 2 + (y - py / 4) ** 2) / (2 * self._sigma**2)) for px, py in points]
        image = torch.from_numpy(done["image"][None].astype(np.float32) / 255)
        return image, torch.from_numpy(np.stack(maps).astype(np.float32)), torch.from_numpy(points)
