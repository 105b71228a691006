"""Find the landmarks in images: `python tools/predict.py` is `landmarks predict`."""

import sys

from landmarks.commands.program import run

if __name__ == "__main__":
    sys.exit(run("predict"))
