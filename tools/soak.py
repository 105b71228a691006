"""Kill and resume a run many times: `python tools/soak.py` is `landmarks soak`."""

import sys

from landmarks.commands.program import run

if __name__ == "__main__":
    sys.exit(run("soak"))
