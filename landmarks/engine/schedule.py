"""Learning rate over optimizer steps: a rise, then one of four ways down."""

import bisect
import math

from landmarks.trainconfig import TrainConfig

# Where one_cycle begins, as a fraction of the peak; Smith and Topin, "Super-Convergence" (2018), as torch's OneCycleLR has it.
_CYCLE_START = 1 / 25


def learning_rate(train: TrainConfig, step: int, *, steps_per_epoch: int) -> float:
    """The rate of the optimizer step with this number (from 0), counted in steps of the stage under way.

    Example:
        >>> train = TrainConfig(epochs=4, lr=0.1, warmup_epochs=1, schedule="constant")
        >>> [round(learning_rate(train, step, steps_per_epoch=2), 3) for step in range(4)]
        [0.05, 0.1, 0.1, 0.1]
    """
    warmup, total = round(train.warmup_epochs * steps_per_epoch), train.epochs * steps_per_epoch
    if step < warmup:
        risen = (step + 1) / warmup
        if train.schedule == "one_cycle":
            risen = _CYCLE_START + (1 - _CYCLE_START) * (1 - _half_cosine(risen))
        return train.lr * risen
    first, last = warmup, total
    if train.schedule == "restarts":
        borders = [first, *(b for b in (round(e * steps_per_epoch) for e in train.restarts) if first < b < total), total]
        cycle = min(bisect.bisect_right(borders, step), len(borders) - 1)
        first, last = borders[cycle - 1], borders[cycle]
    elif train.schedule == "constant":
        first = total - round(train.decay_epochs * steps_per_epoch)
    passed = min(1.0, max(0, step - first) / max(1, last - first))
    left = 1 - passed if train.schedule == "constant" else _half_cosine(passed)
    return train.lr * (train.final_lr + (1 - train.final_lr) * left)


def _half_cosine(passed: float) -> float:
    """From 1 to 0."""
    return 0.5 * (1 + math.cos(math.pi * passed))
