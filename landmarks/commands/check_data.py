"""Check a data set for defects: files, points, readers, duplicates, splits and millimetres.

Exit code: 0 nothing found, 1 findings, 2 the check could not run.

Examples:
    landmarks check_data --root data/Aariz --format aariz --output runs/check_aariz
    landmarks check_data --config configs/isbi2015_cpu.yaml data.root=data/ISBI2015
"""

import argparse
import logging
from pathlib import Path

from landmarks.commands.arguments import add_settings, new_parser
from landmarks.config import DataConfig

log = logging.getLogger(__name__)


def main(argv: list[str] | None = None) -> int:
    parser = new_parser("check_data", __doc__)
    parser.add_argument("--root", type=Path, help="folder of the data set; it is only read")
    parser.add_argument("--format", help="its format: aariz, isbi2015, table, ...; data/README.md lists them")
    parser.add_argument("--config", metavar="RECIPE", help="check the data sets of a recipe instead")
    parser.add_argument("--output", type=Path, help="folder for check.json, check.txt and contact_sheet.png")
    parser.add_argument("--cache-dir", type=Path, default=Path(DataConfig(format="synthetic").cache_dir),
                        help="where training runs look for the result: their data.cache_dir")  # fmt: skip
    add_settings(parser, "the recipe's")
    args = parser.parse_intermixed_args(argv)
    sets = _sets(args)
    found = 0
    for name, (data_format, root) in sets.items():
        output = args.output / name if args.output and len(sets) > 1 else args.output
        found += _check(root, data_format, output, args.cache_dir)
    return 1 if found else 0


def _sets(args: argparse.Namespace) -> dict[str, tuple[str, Path]]:
    """Format and folder of each set by name. Raises: ValueError."""
    if args.config:
        from landmarks.configfile import load_config
        from landmarks.dataconfig import single_sets
        from landmarks.synthetic.folder import dataset_root

        alone = single_sets(load_config(args.config, args.settings).data)
        return {name: (data.format, dataset_root(data)) for name, data in alone.items()}
    if not args.root or not args.format:
        raise ValueError("check_data: write --root and --format, or the --config of a recipe")
    return {args.format: (args.format, args.root)}


def _check(root: Path, data_format: str, output: Path | None, cache_dir: Path) -> int:
    """Checks one set, prints and stores what is found. Returns: the number of findings."""
    from landmarks.check.run import check_dataset, check_report, write_check
    from landmarks.check.store import store_check

    check = check_dataset(root, data_format)
    print(check_report(check), flush=True)
    if output:
        write_check(check, output)
    try:
        store_check(check.to_dict(), root, data_format, cache_dir)
    except OSError as error:
        line = f"{error.filename or cache_dir}: {error.strerror or error}"
        log.warning(f"{line}; training runs will report that this data set was never checked")
    return len(check.survey.findings)
