"""Every backbone that `model.backbone` accepts gives maps of the promised size."""

import pytest
import torch

from landmarks.models.build import build_hrnet


# timm's other HRNets differ from these in their widths alone
@pytest.mark.parametrize("name", ["hrnet_w18_small", "hrnet_w18_small_v2", "hrnet_w32", "hrnet_w64"])
def test_a_backbone_gives_maps_of_a_quarter_of_its_input(name):
    with torch.device("meta"), torch.no_grad():  # sizes alone
        network = build_hrnet(name, num_landmarks=7)
        assert network(torch.empty(2, 1, 64, 96, dtype=torch.uint8)).shape == (2, 7, 16, 24)
    assert network.undecayed() == []
