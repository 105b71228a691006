"""List or clear the disk caches of decoded images.

Examples:
    landmarks cache list
    landmarks cache clear --cache-dir data/cache
"""

from pathlib import Path

from landmarks.commands.arguments import new_parser
from landmarks.commands.console import write_line
from landmarks.config import DataConfig


def main(argv: list[str] | None = None) -> int:
    parser = new_parser("cache", __doc__)
    parser.add_argument("action", choices=("list", "clear"))
    parser.add_argument("--cache-dir", type=Path, default=Path(DataConfig(format="synthetic").cache_dir),
                        help="the runs' data.cache_dir (default: %(default)s)")  # fmt: skip
    args = parser.parse_args(argv)
    from landmarks.data.cachefolder import clear_caches, list_caches
    from landmarks.metrics import format_table

    if args.action == "clear":
        freed, kept = clear_caches(args.cache_dir)
        print(f"{freed / 2**20:.0f} MiB freed in {args.cache_dir}")
        for line in kept:
            write_line(line)
        return 2 if kept else 0
    caches = list_caches(args.cache_dir)
    rows = [[c.path.name, f"{c.num_bytes / 2**20:.0f}", f"{c.written:%Y-%m-%d %H:%M}", c.about] for c in caches]
    print(format_table(["cache", "MiB", "written", "holds"], rows) if rows else f"no caches in {args.cache_dir}")
    return 0
