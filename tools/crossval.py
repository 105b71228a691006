"""Train and judge a model by cross-validation: `python tools/crossval.py` is `landmarks crossval`."""

import sys

from landmarks.commands.program import run

if __name__ == "__main__":
    sys.exit(run("crossval"))
