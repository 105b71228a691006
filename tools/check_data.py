"""Check a data set: `python tools/check_data.py` is `landmarks check_data`."""

import sys

from landmarks.commands.program import run

if __name__ == "__main__":
    sys.exit(run("check_data"))
