"""The network: timm's own function, any size, every parameter trained, recompute without side effects."""

import pytest
import timm
import torch
from torch import nn

from landmarks.config import ModelConfig
from landmarks.models.build import build_hrnet, build_model
from landmarks.models.heads import _interpolation


@pytest.fixture
def images():
    return torch.randint(0, 255, (2, 1, 64, 96), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_our_forward_is_timms(images):
    torch.manual_seed(0)
    net = build_hrnet("hrnet_w18_small", num_landmarks=3).eval()
    seen = []
    net.head.register_forward_pre_hook(lambda _, inputs: seen.extend(inputs[0]))
    net(images)
    timms = timm.create_model("hrnet_w18_small", features_only=True, feature_location="", in_chans=1).eval()
    timms.load_state_dict(net.backbone.state_dict())
    expected = timms((images.float() / 255 - 0.449) / 0.226)[1:]
    for found, wanted in zip(seen, expected, strict=True):
        torch.testing.assert_close(found, wanted)


def test_joined_head_is_the_concatenation_of_the_paper(images):
    torch.manual_seed(0)
    head = build_hrnet("hrnet_w18_small", num_landmarks=3, head_channels=24).head.eval()
    widths = [conv.in_channels for conv in head.join]
    branches = [torch.randn(1, width, 16 >> i, 24 >> i) for i, width in enumerate(widths)]
    up = [nn.functional.interpolate(x, size=(16, 24), mode="bilinear", align_corners=False) for x in branches]
    joined = nn.functional.conv2d(torch.cat(up, 1), torch.cat([conv.weight for conv in head.join], 1))
    torch.testing.assert_close(head(branches), head.final(head.norm(joined).relu()), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("head", ["v2", "stride4"])
@pytest.mark.parametrize("name", ["hrnet_w18_small", "hrnet_w18_small_v2", "hrnet_w18", "hrnet_w32", "hrnet_w48"])
def test_shapes_and_gradients_of_every_width(name, head):
    with torch.device("meta"):  # shapes and graph without arithmetic
        net = build_hrnet(name, num_landmarks=29, head=head, in_channels=3)
        maps = net(torch.empty(1, 1, 96, 64, dtype=torch.uint8))
        maps.sum().backward()
    assert maps.shape == (1, 29, 24, 16)
    assert [n for n, p in net.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize("level", ["stem", "stride4", "stride8", "all"])
def test_recompute_changes_nothing(images, level):
    results = []
    for recompute in ("none", level):
        torch.manual_seed(0)
        net = build_hrnet("hrnet_w18_small", num_landmarks=3, head_channels=16, recompute=recompute).train()
        nn.init.normal_(net.head.final.weight)
        maps = net(images)
        maps.square().mean().backward()
        results.append((maps.detach(), {n: p.grad for n, p in net.named_parameters()}, dict(net.named_buffers())))
    (maps, grads, buffers), (maps2, grads2, buffers2) = results
    torch.testing.assert_close(maps, maps2, atol=1e-5, rtol=0)
    for name in grads:
        torch.testing.assert_close(grads[name], grads2[name], atol=1e-5, rtol=1e-4)
    for name in buffers:
        assert torch.equal(buffers[name], buffers2[name]), name


def test_pretrained_from_a_local_file(tmp_path):
    torch.manual_seed(0)
    classifier = timm.create_model("hrnet_w18_small")
    path = tmp_path / "weights.pth"
    torch.save({"state_dict": {f"module.{k}": v for k, v in classifier.state_dict().items()}}, path)
    settings = ModelConfig(backbone="hrnet_w18_small", pretrained=str(path))
    net = build_model(settings, 4)
    torch.testing.assert_close(net.backbone.conv1.weight, classifier.conv1.weight.sum(1, keepdim=True))
    torch.testing.assert_close(
        net.backbone.stage4[0].branches[3][0].conv1.weight, classifier.stage4[0].branches[3][0].conv1.weight
    )
    torch.save({"conv1.weight": classifier.conv1.weight}, path)
    with pytest.raises(ValueError, match=r"backbone tensor bn1\.weight is missing"):
        build_model(settings, 4)
    with pytest.raises(ValueError, match="no such file"):
        build_model(ModelConfig(backbone="hrnet_w18_small", pretrained=str(tmp_path / "none.pth")), 4)
    with pytest.raises(ValueError, match="unknown HRNet 'hrnet_w7'"):
        build_model(ModelConfig(backbone="hrnet_w7"), 4)


@pytest.mark.parametrize(("size", "wanted"), [((8, 6), (16, 12)), ((4, 3), (32, 24)), ((5, 7), (13, 9))])
def test_interpolation_of_an_exported_graph_is_that_of_the_network(size, wanted):
    x = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0))
    found = _interpolation(size[0], wanted[0]) @ x @ _interpolation(size[1], wanted[1]).T
    expected = torch.nn.functional.interpolate(x, size=wanted, mode="bilinear", align_corners=False)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
