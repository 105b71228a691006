"""Parts of the benchmark that fail in every way in which one can, for test_card.py; they run in processes of their own."""

import os
import signal
import time


def run_good(bench) -> None:
    bench.item("sum", lambda: {"figure": 1 + 1})


def raises(bench) -> None:
    bench.item("sum", lambda: {"figure": 1 + 1})
    raise RuntimeError("CUDA error: an illegal memory access was encountered\nlong explanation")


def dies(bench) -> None:
    bench.item("sum", lambda: {"figure": 1 + 1})
    os.kill(os.getpid(), signal.SIGKILL)


def hangs(bench) -> None:
    bench.item("sum", lambda: {"figure": 1 + 1})
    bench.item("endless", lambda: time.sleep(600))


def has_a_failing_item(bench) -> None:
    bench.item("broken", lambda: {}["missing"])
    bench.item("too late", lambda: {"figure": 0}, need=1e6)
    bench.item("sum", lambda: {"figure": 1 + 1})
