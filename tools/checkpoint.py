"""Describe a checkpoint: `python tools/checkpoint.py` is `landmarks checkpoint`."""

import sys

from landmarks.commands.program import run

if __name__ == "__main__":
    sys.exit(run("checkpoint"))
