"""Draw a synthetic data set: `python tools/synthesize.py` is `landmarks synthesize`."""

import sys

from landmarks.commands.program import run

if __name__ == "__main__":
    sys.exit(run("synthesize"))
