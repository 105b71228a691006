"""Correct, measure and print films in the browser: `python tools/review.py` is `landmarks review`."""

import sys

from landmarks.commands.program import run

if __name__ == "__main__":
    sys.exit(run("review"))
