"""List or clear disk caches: `python tools/cache.py` is `landmarks cache`."""

import sys

from landmarks.commands.program import run

if __name__ == "__main__":
    sys.exit(run("cache"))
