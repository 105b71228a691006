"""List or clear the disk caches of decoded images.

Examples:
    python tools/cache.py list
    python tools/cache.py clear --cache-dir data/cache
"""

import argparse
import sys
from pathlib import Path

from landmarks.commands.console import set_up_console
from landmarks.config import DataConfig
from landmarks.data.cachefolder import clear_caches, list_caches
from landmarks.metrics import format_table


def main() -> int:
    set_up_console()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("list", "clear"))
    parser.add_argument("--cache-dir", type=Path, default=Path(DataConfig(format="synthetic").cache_dir),
                        help="the runs' data.cache_dir (default: %(default)s)")  # fmt: skip
    args = parser.parse_args()
    try:
        if args.action == "clear":
            freed, kept = clear_caches(args.cache_dir)
            print(f"{freed / 2**20:.0f} MiB freed in {args.cache_dir}")
            for line in kept:
                print(line, file=sys.stderr)
            return 2 if kept else 0
        caches = list_caches(args.cache_dir)
    except OSError as error:
        print(error, file=sys.stderr)
        return 2
    rows = [[c.path.name, f"{c.num_bytes / 2**20:.0f}", f"{c.written:%Y-%m-%d %H:%M}", c.about] for c in caches]
    print(format_table(["cache", "MiB", "written", "holds"], rows) if rows else f"no caches in {args.cache_dir}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
