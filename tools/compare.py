"""Compare two evaluations: `python tools/compare.py` is `landmarks compare`."""

import sys

from landmarks.commands.program import run

if __name__ == "__main__":
    sys.exit(run("compare"))
