"""Analyse films: `python tools/analyse.py` is `landmarks analyse`."""

import sys

from landmarks.commands.program import run

if __name__ == "__main__":
    sys.exit(run("analyse"))
