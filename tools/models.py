"""List the released models: `python tools/models.py` is `landmarks models`."""

import sys

from landmarks.commands.program import run

if __name__ == "__main__":
    sys.exit(run("models"))
