"""Write a smaller copy of a data set: `python tools/prepare_data.py` is `landmarks prepare_data`."""

import sys

from landmarks.commands.program import run

if __name__ == "__main__":
    sys.exit(run("prepare_data"))
