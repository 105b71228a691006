"""Download a data set: `python tools/get_data.py` is `landmarks get_data`."""

import sys

from landmarks.commands.program import run

if __name__ == "__main__":
    sys.exit(run("get_data"))
