"""Learning rate over optimizer steps: linear warm-up, then half a cosine."""

import math


def lr_factor(step: int, *, warmup_steps: int, total_steps: int, final: float) -> float:
    """Fraction of the peak rate for the optimizer step with this number (from 0)."""
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    progress = min(1.0, (step - warmup_steps) / max(1, total_steps - warmup_steps))
    return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * progress))
