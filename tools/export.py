"""Export a checkpoint to ONNX: `python tools/export.py` is `landmarks export`."""

import sys

from landmarks.commands.program import run

if __name__ == "__main__":
    sys.exit(run("export"))
