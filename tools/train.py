"""Train a model: `python tools/train.py` is `landmarks train`."""

import sys

from landmarks.commands.program import run

if __name__ == "__main__":
    sys.exit(run("train"))
