"""Show what is inside a checkpoint, check it, or strip it to its weights.

Examples:
    python tools/checkpoint.py runs/1024/checkpoints/best.pt
    python tools/checkpoint.py runs/1024/checkpoints/best.pt --weights release/model.safetensors
"""

import argparse
import sys
from pathlib import Path

from landmarks.checkpointfile import read_checkpoint
from landmarks.commands.console import set_up_console
from landmarks.models.build import describe_checkpoint, write_weights


def main() -> int:
    set_up_console()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="a .pt file; its checksum is checked first")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="write the averaged weights as safetensors")
    args = parser.parse_args()
    try:
        content = read_checkpoint(args.file)
        if args.weights:
            write_weights(args.weights, content)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print(describe_checkpoint(content))
    return 0


if __name__ == "__main__":
    sys.exit(main())
