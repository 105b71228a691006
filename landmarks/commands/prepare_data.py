"""Write a data set again with smaller images, in the same layout; errors in mm stay comparable with the original.

Example:
    landmarks prepare_data --root data/Aariz --format aariz --output data/Aariz1280 --long-side 1280
"""

from pathlib import Path

from landmarks.commands.arguments import new_parser
from landmarks.commands.console import write_line


def main(argv: list[str] | None = None) -> int:
    parser = new_parser("prepare_data", __doc__)
    parser.add_argument("--root", type=Path, required=True, help="folder of the data set; it is only read")
    parser.add_argument("--format", required=True, help="its format: aariz, isbi2015, table, ...; data/README.md lists them")
    parser.add_argument("--output", type=Path, required=True, help="new folder; an interrupted copy in it is resumed")
    parser.add_argument("--long-side", type=int, default=1280, metavar="PX", help="longest side of an image (default: 1280)")
    parser.add_argument("--jpeg", type=int, metavar="QUALITY", help="write JPEG of this quality, e.g. 95 (default: PNG)")
    args = parser.parse_args(argv)
    from landmarks.prepare.run import prepare

    try:
        images = prepare(args.root, args.format, args.output, long_side=args.long_side, jpeg=args.jpeg)
    except KeyboardInterrupt:
        write_line("interrupted; the same command resumes from here")
        return 130
    except OSError as error:  # a full disk names no file
        where = error.filename or args.output
        raise ValueError(f"{where}: {error.strerror or error}; run the same command again to resume") from error
    size = sum(path.stat().st_size for path in args.output.rglob("*") if path.is_file())
    print(f"{len(images)} images in {args.output}, {size / 2**20:.0f} MiB")
    return 0
