"""Lay two films of one patient over each other: `python tools/superimpose.py` is `landmarks superimpose`."""

import sys

from landmarks.commands.program import run

if __name__ == "__main__":
    sys.exit(run("superimpose"))
