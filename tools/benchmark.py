"""Measure: how fast data arrives, how long an optimizer step and the loss take, how fast an image is predicted.

Examples:
    python tools/benchmark.py data --config configs/1024_rtx3070ti.yaml --json data.json
    python tools/benchmark.py step --help
    python tools/benchmark.py loss
    python tools/benchmark.py infer --help
"""

import argparse
import importlib
import json
import sys
from pathlib import Path

from landmarks.commands.console import set_up_console

SUBJECTS = {
    "data": "loading, cache and memory",
    "step": "an optimizer step",
    "loss": "the loss alone",
    "infer": "prediction of an image",
}


def main() -> int:
    set_up_console()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    subjects = parser.add_subparsers(dest="subject", required=True, metavar="{" + ",".join(SUBJECTS) + "}")
    # only the chosen subject is imported: each pulls in another part of the framework
    chosen = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    module = importlib.import_module(f"landmarks.benchmark.{chosen}") if chosen in SUBJECTS else None
    for name, summary in SUBJECTS.items():
        subject = subjects.add_parser(name, help=summary, description=f"Measure {summary}.")
        if name == chosen:
            module.add_arguments(subject)
            subject.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    args, rest = parser.parse_known_args()  # settings may stand among the options
    if any(word.startswith("-") or "=" not in word for word in rest) or (rest and "settings" not in args):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        args.settings = [*args.settings, *rest]
    try:
        if args.json and not args.json.parent.is_dir():
            raise ValueError(f"{args.json.parent}: no such folder; make it, or write --json elsewhere")
        figures = module.run(args)
        if args.json:
            args.json.write_text(json.dumps(figures, indent=1) + "\n")
        return 0
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
