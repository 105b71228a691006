"""Measure speed and memory: `python tools/benchmark.py` is `landmarks benchmark`."""

import sys

from landmarks.commands.program import run

if __name__ == "__main__":
    sys.exit(run("benchmark"))
