"""Convert a data set: `python tools/convert.py` is `landmarks convert`."""

import sys

from landmarks.commands.program import run

if __name__ == "__main__":
    sys.exit(run("convert"))
