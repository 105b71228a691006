"""Check a data set for defects: files, points, readers, duplicates, splits and millimetres.

Exit code: 0 nothing found, 1 findings, 2 the check could not run.

Example:
    landmarks check_data --root data/Aariz --format aariz --output runs/check_aariz
"""

import logging
from pathlib import Path

from landmarks.commands.arguments import new_parser
from landmarks.config import DataConfig

log = logging.getLogger(__name__)


def main(argv: list[str] | None = None) -> int:
    parser = new_parser("check_data", __doc__)
    parser.add_argument("--root", type=Path, required=True, help="folder of the data set; it is only read")
    parser.add_argument("--format", required=True, help="its format: aariz, isbi2015, table, ...; data/README.md lists them")
    parser.add_argument("--output", type=Path, help="folder for check.json, check.txt and contact_sheet.png")
    parser.add_argument("--cache-dir", type=Path, default=Path(DataConfig(format="synthetic").cache_dir),
                        help="where training runs look for the result: their data.cache_dir")  # fmt: skip
    args = parser.parse_args(argv)
    from landmarks.check.run import check_dataset, check_report, write_check
    from landmarks.check.store import store_check

    check = check_dataset(args.root, args.format)
    print(check_report(check), flush=True)
    if args.output:
        write_check(check, args.output)
    try:
        store_check(check.to_dict(), args.root, args.format, args.cache_dir)
    except OSError as error:
        line = f"{error.filename or args.cache_dir}: {error.strerror or error}"
        log.warning(f"{line}; training runs will report that this data set was never checked")
    return 1 if check.survey.findings else 0
