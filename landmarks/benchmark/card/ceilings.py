"""What the card reaches at most: products of large matrices, and copies of large tensors."""

import statistics

import torch

from landmarks.benchmark.clock import seconds_of

_PRODUCT, _COPY_BYTES = 8192, 2**31
_DRY_PRODUCT, _DRY_COPY_BYTES = 64, 2**16


def ceilings(device: torch.device, *, dry: bool) -> dict[str, float]:
    """10^12 operations a second by number format, and GB a second of a copy, reading and writing counted."""
    size = _DRY_PRODUCT if dry else _PRODUCT
    found = {}
    for name, dtype in (("fp16", torch.float16), ("bf16", torch.bfloat16), ("fp32", torch.float32)):
        found[name] = _product(device, size, dtype)
    if device.type == "cuda":
        precision = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("high")
        found["tf32"] = _product(device, size, torch.float32)
        torch.set_float32_matmul_precision(precision)
    return found | {"copy GB/s": _copy(device, _DRY_COPY_BYTES if dry else _COPY_BYTES)}


def _product(device: torch.device, size: int, dtype: torch.dtype) -> float:
    # of zeros a card makes more than of numbers
    left, right = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    result = torch.empty_like(left)
    seconds = statistics.median(seconds_of(lambda: torch.mm(left, right, out=result), device, warm_up=3, repeats=10))
    return 2 * size**3 / seconds / 1e12


def _copy(device: torch.device, num_bytes: int) -> float:
    source = torch.randint(0, 256, (num_bytes,), device=device, dtype=torch.uint8)
    target = torch.empty_like(source)
    seconds = statistics.median(seconds_of(lambda: target.copy_(source), device, warm_up=3, repeats=10))
    return 2 * num_bytes / seconds / 1e9
