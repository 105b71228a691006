"""Choose batch and recompute level by memory: `python tools/plan.py` is `landmarks plan`."""

import sys

from landmarks.commands.program import run

if __name__ == "__main__":
    sys.exit(run("plan"))
