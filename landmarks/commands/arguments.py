"""Arguments that several commands share."""

import argparse
from pathlib import Path


def new_parser(name: str, description: str) -> argparse.ArgumentParser:
    """The parser of a command; `description` is its module's docstring, printed as it stands."""
    return argparse.ArgumentParser(
        prog=f"landmarks {name}", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def add_recipe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", required=True, metavar="RECIPE", help="YAML file, such as those of configs/")
    add_settings(parser, "the recipe's")


def add_settings(parser: argparse.ArgumentParser, whose: str) -> None:
    parser.add_argument("settings", nargs="*", metavar="section.key=value", help=f"settings that override {whose}")


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file as well")


def check_json_folder(path: Path | None) -> None:
    """Raises: ValueError where the folder of --json is missing, before anything is measured."""
    if path and not path.parent.is_dir():
        raise ValueError(f"{path.parent}: no such folder; create it, or write --json elsewhere")
