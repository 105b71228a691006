"""Recompute with what else a run may use: autocast, accumulation, DDP, the compiler."""

import pytest
import torch
from torch import distributed, nn

from landmarks.models.build import build_hrnet
from landmarks.models.hrnet import HRNet


def network(level: str) -> HRNet:
    torch.manual_seed(0)
    net = build_hrnet("hrnet_w18_small", num_landmarks=3, head_channels=16, recompute=level).train()
    nn.init.normal_(net.head.final.weight)
    return net


def backward(call, *, precision=torch.float32, passes: int = 2) -> None:
    """Gradients of several micro-batches, added up."""
    for seed in range(passes):
        images = torch.randint(0, 255, (2, 1, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))
        with torch.autocast("cpu", precision, enabled=precision != torch.float32):
            maps = call(images)
        maps.float().square().mean().backward()


def assert_same(plain: HRNet, other: HRNet, *, exact: bool = True) -> None:
    """Not exact: a compiler adds up in another order."""
    for (name, wanted), found in zip(plain.named_parameters(), other.parameters(), strict=True):
        atol = 1e-5 if exact else 1e-5 * max(1.0, wanted.grad.abs().max().item()) + 1e-4
        torch.testing.assert_close(found.grad, wanted.grad, atol=atol, rtol=1e-4, msg=lambda m, name=name: f"{name}: {m}")
    for (name, wanted), found in zip(plain.named_buffers(), other.named_buffers(), strict=True):
        if exact:
            assert torch.equal(found[1], wanted), name
        else:
            torch.testing.assert_close(found[1], wanted, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("level", ["stride8", "all"])
def test_with_autocast_and_accumulation(level):
    plain, other = network("none"), network(level)
    for net in (plain, other):
        backward(net, precision=torch.bfloat16)
    assert_same(plain, other)


def test_with_synchronised_norms():
    """Without a process group SyncBatchNorm works on the CPU too; it insists on a counter."""
    plain, other = (nn.SyncBatchNorm.convert_sync_batchnorm(network(level)) for level in ("none", "all"))
    for net in (plain, other):
        backward(net)
    assert_same(plain, other)


def test_with_ddp():
    plain, other = network("none"), network("all")
    backward(plain)
    store = distributed.HashStore()
    distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        ddp = nn.parallel.DistributedDataParallel(other)
        with ddp.no_sync():
            backward(ddp, passes=1)
        other_passes = torch.randint(0, 255, (2, 1, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
        ddp(other_passes).square().mean().backward()
    finally:
        distributed.destroy_process_group()
    assert_same(plain, other)


def test_with_the_compiler():
    plain, other = network("none"), network("all")
    backward(plain, passes=1)
    # the compiler's own tracing and recompute, without generated code, which not every machine can build
    backward(torch.compile(other, backend="aot_eager"), passes=1)
    assert_same(plain, other, exact=False)
    counters = [b for n, b in other.named_buffers() if n.endswith("num_batches_tracked")]
    assert {int(c) for c in counters} == {1}, "a batch was counted twice"
