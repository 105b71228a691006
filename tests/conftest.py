"""Small data sets that several tests share."""

import logging
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from side_task import SideTask

from landmarks.config import AugmentConfig, Config, DataConfig, ModelConfig, TrainConfig
from landmarks.synthetic.dataset import write_synthetic_dataset
from landmarks.tasks import TASKS

REAL_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    # the tests' networks are tiny: two threads would mostly wait for each other
    torch.set_num_threads(1)
    logging.getLogger("landmarks").setLevel(logging.INFO)  # as the commands show it; caplog reads it


@pytest.fixture(scope="session")
def synthetic_root(tmp_path_factory) -> Path:
    """21 small synthetic cephalograms: 15 train, 3 valid, 3 test."""
    return write_synthetic_dataset(tmp_path_factory.mktemp("synthetic") / "set", num=21, seed=3, height=256)


@pytest.fixture
def isbi_root(tmp_path) -> Path:
    """The layout of ISBI 2015: 10 training and 2 Test1 images; landmark 0 unset, k at (k, 2 k) and (k + 2, 2 k) by reader."""
    root, parts = tmp_path / "isbi", {"TrainingData": range(1, 11), "Test1Data": range(151, 153)}
    for folder, numbers in parts.items():
        (root / "RawImage" / folder).mkdir(parents=True)
        for number in numbers:
            image = np.random.default_rng(number).integers(0, 255, (241, 193), dtype=np.uint8)
            cv2.imwrite(str(root / "RawImage" / folder / f"{number:03d}.bmp"), image)
    for shift, reader in enumerate(("400_senior", "400_junior")):
        (root / "AnnotationsByMD" / reader).mkdir(parents=True)
        for number in (n for numbers in parts.values() for n in numbers):
            lines = ["-1,-1", *(f"{k + 2 * shift},{2 * k}" for k in range(1, 19)), "1", "2"]
            (root / "AnnotationsByMD" / reader / f"{number:03d}.txt").write_text("\n".join(lines))
    return root


@pytest.fixture
def tiny_config(synthetic_root) -> Config:
    """A run of seconds: 64 px input, the smallest HRNet."""
    return Config(
        data=DataConfig(format="synthetic", root=str(synthetic_root), image_size=(64, 64), workers=0),
        augment=AugmentConfig(rotate=5, noise=0, blur=0),
        model=ModelConfig(backbone="hrnet_w18_small", head_channels=32),
        train=TrainConfig(epochs=2, batch_size=4, accumulate=2, lr=2e-3, warmup_epochs=0, ema_epochs=0.5, log_images=1),
    )


@pytest.fixture
def quick_config(tiny_config, monkeypatch) -> Config:
    """A run of a second: the small task of side_task.py, two windows an epoch."""
    monkeypatch.setitem(TASKS, "side", SideTask)
    augment = AugmentConfig(rotate=0, noise=0, blur=0, flip=0.5)
    return replace(tiny_config, augment=augment, model=replace(tiny_config.model, task="side"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Real cephalograms beside the checkout, where there are any."""
    if not REAL_DATA.is_dir():
        pytest.skip("no real cephalograms beside the checkout")
    return REAL_DATA
