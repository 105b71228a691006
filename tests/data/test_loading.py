"""Loading: the dot follows the point, and neither workers nor the cache change what is loaded."""

import itertools

import cv2
import numpy as np
import pytest
import torch

from landmarks.config import AugmentConfig, DataConfig
from landmarks.data.augment import Appearance
from landmarks.data.batches import BatchPlan
from landmarks.data.loading import open_dataset
from landmarks.data.workers import make_loader
from landmarks.geometry import apply_map

NO_APPEARANCE = {"brightness": 0, "contrast": 0, "gamma": 0, "noise": 0, "blur": 0}


@pytest.mark.parametrize("size", [(96, 64), (64, 96), (128, 128)])
@pytest.mark.parametrize(
    "augment", [None, AugmentConfig(rotate=30, scale=0.2, aspect=0.2, shift=0.1, flip=0.5, **NO_APPEARANCE)]
)
def test_the_dot_follows_the_point(tmp_path, size, augment):
    """A Gaussian blob drawn at each point is found where the point goes, to 0.05 input px, over odd image sizes."""
    (tmp_path / "images").mkdir()
    rows, rng = ["image,P_x,P_y"], np.random.default_rng(0)
    for i, (height, width) in enumerate([(401, 333), (333, 402), (257, 511), (500, 500)] * 3):
        x, y = rng.uniform((0.3 * width, 0.3 * height), (0.7 * width, 0.7 * height))
        yy, xx = np.mgrid[:height, :width]
        # a wide blob: sampling it is then no source of error
        blob = 255 * np.exp(-((xx - x) ** 2 + (yy - y) ** 2) / (2 * (max(height, width) / 25) ** 2))
        cv2.imwrite(str(tmp_path / "images" / f"{i}.png"), blob.round().astype(np.uint8))
        rows.append(f"{i}.png,{x},{y}")
    (tmp_path / "landmarks.csv").write_text("\n".join(rows))
    data = DataConfig(format="table", root=str(tmp_path), image_size=size, cache="none")
    records, dataset = open_dataset(data, "all", augment=augment, seed=0)
    for index in range(len(dataset)):
        sample = dataset[(0, index)]
        pixels = sample.image[0].double()
        pixels = torch.where(pixels > 20, pixels, 0)
        y, x = (torch.arange(n, dtype=torch.float64) for n in size)
        centroid = torch.stack([(pixels.sum(0) * x).sum(), (pixels.sum(1) * y).sum()]) / pixels.sum()
        assert sample.target.weights.all()
        torch.testing.assert_close(sample.target.points_in[0].double(), centroid, atol=0.05, rtol=0)
        back = apply_map(sample.to_source.numpy(), sample.target.points_in.double().numpy())
        np.testing.assert_allclose(back, records.records[index].points_px, atol=1e-3)


def load(root, *, workers, cache, epoch=1):
    data = DataConfig(format="aariz", root=str(root), image_size=(64, 64), workers=workers, cache=cache)
    _, dataset = open_dataset(data, "train", augment=AugmentConfig(erase=0.5), seed=5)
    plan = BatchPlan(len(dataset), 4, seed=5, shuffle=True)
    plan.epoch = epoch
    return list(make_loader(dataset, plan, data, pin_memory=False))


def test_workers_and_cache_change_nothing(synthetic_root, tmp_path):
    plain = load(synthetic_root, workers=0, cache="none")
    assert sorted(torch.cat([batch.index for batch in plain]).tolist()) == list(range(15))
    assert plain[0].image.dtype == torch.uint8
    for workers, cache in ((2, "ram"), (0, "ram"), (1, "none")):
        for batch, other in zip(plain, load(synthetic_root, workers=workers, cache=cache), strict=True):
            assert torch.equal(batch.image, other.image)
            assert torch.equal(batch.target.points_in, other.target.points_in)
    other_epoch = load(synthetic_root, workers=0, cache="none", epoch=2)
    assert not torch.equal(plain[0].image, other_epoch[0].image)


def test_no_batch_is_overwritten_by_a_later_one(synthetic_root):
    """Workers write into memory that they use again; an epoch broken off leaves nothing behind in it."""
    data = DataConfig(format="aariz", root=str(synthetic_root), image_size=(64, 64), workers=2, prefetch=1)
    _, dataset = open_dataset(data, "train", augment=AugmentConfig(), seed=5)
    plan = BatchPlan(len(dataset), 2, seed=5, shuffle=True)
    loader = make_loader(dataset, plan, data, pin_memory=False)
    next(iter(loader))
    for plan.epoch in (1, 2):
        batches = list(loader)
        assert [len(batch.image) for batch in batches] == [2] * 7 + [1]
        for batch in batches:
            for image, index in zip(batch.image, batch.index.tolist(), strict=True):
                assert torch.equal(image, dataset[(plan.epoch, index)].image)


@pytest.mark.parametrize("size", [(200, 300), (300, 200)])
def test_noise_is_normal_white_and_new_each_time(size):
    gray, limit = np.full(size, 100, np.uint8), 0.05
    appearance = Appearance(AugmentConfig(brightness=0, contrast=0, gamma=0, blur=0, noise=limit))
    noises = [appearance(gray, seed).astype(float) - 100 for seed in range(400)]
    noises = [noise for noise in noises if noise.any()]
    assert 150 < len(noises) < 250, "half of the images"
    deviations = np.array([noise.std() for noise in noises])
    assert deviations.max() <= 1.02 * 255 * limit
    np.testing.assert_allclose(deviations.mean(), 255 * limit / 2, rtol=0.1)
    strong = [noise / noise.std() for noise in noises if noise.std() > 6]
    for noise, other in itertools.pairwise(strong):
        assert abs(noise.mean()) < 0.03
        np.testing.assert_allclose((noise**4).mean(), 3, atol=0.15)
        assert max(abs((noise * moved).mean()) for moved in (np.roll(noise, 1, 0), np.roll(noise, 1, 1), other)) < 0.03


def test_no_landmark_is_dropped(synthetic_root):
    data = DataConfig(format="aariz", root=str(synthetic_root), image_size=(64, 64), workers=0)
    far = AugmentConfig(shift=1.0, **NO_APPEARANCE)
    _, dataset = open_dataset(data, "train", augment=far, seed=0)
    samples = [dataset[(0, i)] for i in range(len(dataset))]
    assert all(sample.target.points_in.shape == (29, 2) and torch.isfinite(sample.target.points_in).all() for sample in samples)
    assert not all(sample.target.weights.all() for sample in samples)


def test_a_resumed_plan_goes_on_where_it_stopped():
    plan = BatchPlan(10, 3, seed=0, shuffle=True)
    whole = list(plan)
    plan.start = 2
    assert list(plan) == whole[2:]
    assert len(whole) == len(plan) == 4
