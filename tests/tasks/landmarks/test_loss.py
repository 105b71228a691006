"""Losses against their closed form in float64, worked out here once more from the papers."""

import math

import pytest
import torch

from landmarks.config import LossConfig
from landmarks.schema import AARIZ29, HARD12_WEIGHTS, ISBI19
from landmarks.tasks.landmarks.heatmap import encode
from landmarks.tasks.landmarks.loss import heatmap_loss_sum
from landmarks.tasks.landmarks.weights import landmark_weights

SIZE, SIGMA = (24, 20), 2.0


def closed_form(maps, points, weights, loss):
    """Plain float64 Adaptive Wing (or MSE) with materialised targets; differentiable."""
    y = encode(points, SIZE, SIGMA).double()
    d = (maps.double() - y).abs()
    a = loss.alpha - y
    if loss.name == "mse":
        value = d**2
    else:
        ratio = loss.theta / loss.epsilon
        slope = loss.omega * a * ratio ** (a - 1) / (loss.epsilon * (1 + ratio**a))
        offset = loss.theta * slope - loss.omega * torch.log1p(ratio**a)
        value = torch.where(d < loss.theta, loss.omega * torch.log1p((d / loss.epsilon) ** a), slope * d - offset)
    near = torch.nn.functional.max_pool2d(y, 3, stride=1, padding=1) >= 0.2
    return (value * (loss.foreground_weight * near + 1) * weights[..., None, None].double()).sum()


@pytest.fixture
def example():
    torch.manual_seed(1)
    points = torch.rand(3, 5, 2) * torch.tensor([19.0, 23.0])
    maps = encode(points, SIZE, SIGMA) + torch.randn(3, 5, *SIZE) * 0.4
    weights = torch.tensor([1.0, 2.0, 10.0, 0.0, 0.5]).expand(3, 5).clone()
    weights[1, 0] = 0  # an invisible landmark
    return maps, points, weights


@pytest.mark.parametrize(
    "loss",
    [
        LossConfig(),
        LossConfig(foreground_weight=0),
        LossConfig(epsilon=2.0, theta=0.3, omega=8.0),
        LossConfig(name="mse"),
    ],
    ids=["adaptive_wing", "unweighted map", "other constants", "mse"],
)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_value_and_gradient_equal_the_closed_form(example, loss, layout):
    maps, points, weights = example
    own = maps.clone(memory_format=layout).requires_grad_()
    plain = maps.double().requires_grad_()
    total, truth = heatmap_loss_sum(own, points, weights, SIGMA, loss), closed_form(plain, points, weights, loss)
    torch.testing.assert_close(total.double(), truth, rtol=1e-6, atol=0)
    (total / 7).backward()
    (truth / 7).backward()
    torch.testing.assert_close(own.grad.double(), plain.grad, rtol=1e-5, atol=1e-5)
    assert not own.grad[:, 3].any(), "a map of weight 0 was touched"


def test_weights_scale_a_landmarks_part_exactly(example):
    maps, points, _ = example
    one = torch.zeros(3, 5)
    one[:, 2] = 1
    base = heatmap_loss_sum(maps, points, one, SIGMA, LossConfig())
    for weight in (2, 10):
        torch.testing.assert_close(
            heatmap_loss_sum(maps, points, weight * one, SIGMA, LossConfig()), weight * base, rtol=1e-7, atol=0
        )


def test_continuous_at_theta_and_finite_everywhere():
    loss = LossConfig(foreground_weight=0)
    points = torch.tensor([[[10.0, 12.0]]])
    target = encode(points, SIZE, SIGMA)
    ones = torch.ones(1, 1)
    values = [heatmap_loss_sum(target + d, points, ones, SIGMA, loss).item() for d in (loss.theta - 1e-4, loss.theta + 1e-4)]
    assert math.isclose(*values, rel_tol=1e-3)
    for error in (0.0, 1e-20, 1e-6, loss.theta, 1.0, 1e4):
        for sign in (-1, 1):
            maps = (target + sign * error).requires_grad_()
            heatmap_loss_sum(maps, points, ones, SIGMA, loss).backward()
            assert torch.isfinite(maps.grad).all(), f"gradient at distance {error}"
    maps = target.clone().requires_grad_()
    heatmap_loss_sum(maps, points, ones, SIGMA, loss).backward()
    assert maps.grad.abs().max() < 1e-3, "no error, no gradient"


def test_half_precision_maps_lose_nothing_in_the_loss(example):
    maps, points, weights = example
    half = maps.half()
    full = heatmap_loss_sum(half.float(), points, weights, SIGMA, LossConfig())
    torch.testing.assert_close(heatmap_loss_sum(half, points, weights, SIGMA, LossConfig()), full)


def test_landmark_weights_by_symbol_group_and_preset():
    published = landmark_weights(LossConfig(preset="hard12"), AARIZ29)
    assert published[AARIZ29.index("UMT")] == 2.5
    assert published[AARIZ29.index("S")] == 1
    only = landmark_weights(LossConfig(preset="hard12_only"), AARIZ29)
    assert (only > 0).sum() == 12
    mixed = landmark_weights(LossConfig(weights={"hard12": 3.0, "Go": 4.0, "S": 0.0}), ISBI19)
    assert [mixed[ISBI19.index(s)].item() for s in ("Go", "Ar", "S", "N")] == [4, 3, 0, 1]
    assert set(HARD12_WEIGHTS) <= set(AARIZ29.symbols)
    with pytest.raises(ValueError, match=r"loss.weights.Foo: unknown landmark 'Foo'"):
        landmark_weights(LossConfig(weights={"Foo": 1.0}), AARIZ29)
    with pytest.raises(ValueError, match="every landmark weighs 0"):
        landmark_weights(LossConfig(weights={"all": 0.0}), AARIZ29)
