"""What a check of correctness compares: a figure with the most that it may be."""

import torch


def relative(found: torch.Tensor, reference: torch.Tensor) -> float:
    """Norm of the difference over the norm of the reference, in float64 on the CPU; NaN passes no limit."""
    found, reference = found.detach().cpu().double(), reference.detach().cpu().double()
    return float((found - reference).norm() / reference.norm().clamp_min(1e-30))


def verdict(limits: dict[str, float], found: dict[str, float]) -> dict:
    """Each figure beside its limit, and whether all keep theirs."""
    figures = {name: {"found": found[name], "limit": limit} for name, limit in limits.items()}
    return {"ok": all(found[name] <= limit for name, limit in limits.items()), **figures}
