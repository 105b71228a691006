"""Evaluate a checkpoint: `python tools/eval.py` is `landmarks eval`."""

import sys

from landmarks.commands.program import run

if __name__ == "__main__":
    sys.exit(run("eval"))
