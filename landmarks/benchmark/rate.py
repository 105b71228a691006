"""How fast batches arrive."""

import time
from collections.abc import Iterable

from landmarks.data.batches import BatchPlan

_WARM_UP_BATCHES = 4


def loader_rate(loader: Iterable, seconds: float, plan: BatchPlan | None = None) -> float:
    """Images a second that reach this process, after the workers are warm."""
    seen, batches, start = 0, 0, 0.0
    while True:
        for batch in loader:
            batches += 1
            if batches == _WARM_UP_BATCHES:
                start = time.perf_counter()
            elif batches > _WARM_UP_BATCHES:
                seen += len(batch[0])
                if (passed := time.perf_counter() - start) > seconds:
                    return seen / passed
        if plan is not None:
            plan.epoch += 1
