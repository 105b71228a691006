"""Adapt a model to a clinic: `python tools/adapt.py` is `landmarks adapt`."""

import sys

from landmarks.commands.program import run

if __name__ == "__main__":
    sys.exit(run("adapt"))
