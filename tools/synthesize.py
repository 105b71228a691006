"""Write a synthetic data set in the Aariz layout: python tools/synthesize.py --output DIR --num 200 --seed 0"""

import argparse
import sys
from pathlib import Path

from landmarks.commands.console import set_up_console
from landmarks.synthetic.dataset import write_synthetic_dataset


def main() -> int:
    set_up_console()
    parser = argparse.ArgumentParser(description="Write a synthetic data set in the exact Aariz layout.")
    parser.add_argument("--output", type=Path, required=True, help="folder to write; must be new or empty")
    parser.add_argument("--num", type=int, default=200, help="number of images (70 %% train, 15 %% valid, 15 %% test)")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same bytes")
    parser.add_argument("--height", type=int, help="image height in px instead of each device's own")
    parser.add_argument("--workers", type=int, default=2, help="processes that draw")
    args = parser.parse_args()
    try:
        folder = write_synthetic_dataset(args.output, num=args.num, seed=args.seed, height=args.height, workers=args.workers)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{args.num} images in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
