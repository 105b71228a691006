"""Which number format `train.precision=auto` means."""

from dataclasses import replace

import pytest
import torch

from landmarks.device import usable_precision
from landmarks.engine.network import settle_precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(("present", "chosen"), [(True, "bf16"), (False, "fp32")])
def test_auto_follows_the_processor_and_a_resumed_run_keeps_its_own(present, chosen, tiny_config, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_f": True, "avx512_bf16": present}, raising=False)
    assert usable_precision("auto", CPU) == chosen
    config = replace(tiny_config, train=replace(tiny_config.train, precision="auto"))
    assert settle_precision(config, CPU, None).train.precision == chosen
    for before in ("fp32", "bf16"):
        assert settle_precision(config, CPU, {"config": {"train": {"precision": before}}}).train.precision == before
    assert settle_precision(tiny_config, CPU, None) is tiny_config
