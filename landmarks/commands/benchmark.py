"""Measure how fast data arrives, how long an optimizer step and the loss take, and how fast an image is predicted.

Examples:
    landmarks benchmark data --config configs/1024_rtx3070ti.yaml --json data.json
    landmarks benchmark step --help
    landmarks benchmark loss
    landmarks benchmark infer --help
    landmarks benchmark card --minutes 9 --json card.json
"""

import argparse
import importlib
import sys

from landmarks.commands.arguments import add_json, check_json_folder, new_parser

SUBJECTS = {
    "data": "loading, cache and memory",
    "step": "an optimizer step",
    "loss": "the loss alone",
    "infer": "prediction of an image",
    "review": "the local page in a browser",
    "analyses": "intervals and time of analyses",
    "large": "what grows with the number of images",
    "card": "everything on a card, in minutes",
}


def main(argv: list[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    # only the chosen subject is imported: each needs another part of the package
    chosen = next((word for word in argv if not word.startswith("-")), "")
    module = importlib.import_module(f"landmarks.benchmark.{chosen}") if chosen in SUBJECTS else None
    args = _parse(argv, chosen, module)
    check_json_folder(args.json)
    figures = module.run(args)
    if args.json:
        from landmarks.jsonfile import write_json

        write_json(args.json, figures)
    return 0


def _parse(argv: list[str], chosen: str, module) -> argparse.Namespace:
    parser = new_parser("benchmark", __doc__)
    subjects = parser.add_subparsers(dest="subject", required=True, metavar="{" + ",".join(SUBJECTS) + "}")
    for name, summary in SUBJECTS.items():
        subject = subjects.add_parser(name, help=summary, description=f"Measure {summary}.")
        if name == chosen:
            module.add_arguments(subject)
            add_json(subject)
    args, rest = parser.parse_known_args(argv)  # settings may stand among the options
    if any(word.startswith("-") or "=" not in word for word in rest) or (rest and "settings" not in args):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        args.settings = [*args.settings, *rest]
    return args
