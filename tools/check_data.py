"""Look for what is wrong with a data set: files, points, readers, twins, splits and millimetres.

Exit code: 0 nothing found, 1 findings, 2 the check could not run.

Example:
    python tools/check_data.py --root data/Aariz --format aariz --output runs/check_aariz
"""

import argparse
import logging
import os
import sys
from pathlib import Path

from landmarks.check.run import Check, check_dataset, check_report, write_check
from landmarks.check.store import store_check
from landmarks.commands.console import set_up_console
from landmarks.config import DATA_FORMATS, DataConfig

log = logging.getLogger("landmarks.tools")


def main() -> int:
    set_up_console()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="folder of the data set; it is only read")
    parser.add_argument("--format", required=True, choices=DATA_FORMATS)
    parser.add_argument("--output", type=Path, help="folder for check.json, check.txt and contact_sheet.png")
    parser.add_argument("--cache-dir", type=Path, default=Path(DataConfig(format="synthetic").cache_dir),
                        help="where training runs look for the result: their data.cache_dir")  # fmt: skip
    args = parser.parse_args()
    try:
        check = check_dataset(args.root, args.format)
        _print(check_report(check))
        if args.output:
            write_check(check, args.output)
        _store(check, args)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 1 if check.inventory.findings else 0


def _print(report: str) -> None:
    try:
        print(report, flush=True)
    except BrokenPipeError:  # `| head`: who reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _store(check: Check, args: argparse.Namespace) -> None:
    try:
        store_check(check.to_dict(), args.root, args.format, args.cache_dir)
    except OSError as error:
        line = f"{error.filename or args.cache_dir}: {error.strerror or error}"
        log.warning(f"{line}; training runs will report that this data set was never checked")


if __name__ == "__main__":
    sys.exit(main())
