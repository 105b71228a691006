"""Write a data set again with smaller images, in the same layout; errors in mm stay comparable with the original.

Example:
    python tools/prepare_data.py --root data/Aariz --format aariz --output data/Aariz1280 --long-side 1280
"""

import argparse
import sys
from pathlib import Path

from landmarks.commands.console import set_up_console
from landmarks.config import DATA_FORMATS
from landmarks.prepare.run import prepare


def main() -> int:
    set_up_console()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="folder of the data set; it is only read")
    parser.add_argument("--format", required=True, choices=DATA_FORMATS)
    parser.add_argument("--output", type=Path, required=True, help="new folder; an interrupted one is gone on with")
    parser.add_argument("--long-side", type=int, default=1280, metavar="PX", help="longest side of an image (default: 1280)")
    parser.add_argument("--jpeg", type=int, metavar="QUALITY", help="write JPEG of this quality, e.g. 95 (default: PNG)")
    args = parser.parse_args()
    try:
        images = prepare(args.root, args.format, args.output, long_side=args.long_side, jpeg=args.jpeg)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    except OSError as error:  # a full disk names no file
        place = error.filename or args.output
        print(f"{place}: {error.strerror or error}; once that is mended the same command goes on from here", file=sys.stderr)
        return 2
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    size = sum(path.stat().st_size for path in args.output.rglob("*") if path.is_file())
    print(f"{len(images)} images in {args.output}, {size / 2**20:.0f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
