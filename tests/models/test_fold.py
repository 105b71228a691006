"""A network for prediction with its norms folded away gives the same maps."""

import pytest
import torch
from torch import nn

from landmarks.models.build import build_hrnet
from landmarks.models.fold import fold_norms


@pytest.mark.parametrize("head", ["v2", "stride4"])
@pytest.mark.parametrize("name", ["hrnet_w18_small", "hrnet_w18"])
def test_folded_maps_are_the_same(name, head):
    torch.manual_seed(0)
    net = build_hrnet(name, num_landmarks=3, head=head, head_channels=24)
    nn.init.normal_(net.head.final.weight, std=0.1)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.0)
            nn.init.normal_(module.bias, std=0.1)
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    images = torch.randint(0, 255, (1, 1, 64, 96), dtype=torch.uint8)
    folded = fold_norms(net)
    assert not [m for m in folded.modules() if isinstance(m, nn.BatchNorm2d)]
    with torch.no_grad():
        plain, found = net.eval()(images), folded(images)
    assert plain.std() > 0.01, "the test needs maps that are not 0"
    torch.testing.assert_close(found / plain.std(), plain / plain.std(), atol=1e-5, rtol=1e-5)
