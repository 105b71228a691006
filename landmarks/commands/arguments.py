"""Arguments that several commands share."""

import argparse
import textwrap
from dataclasses import fields
from pathlib import Path

from landmarks.config import SECTIONS
from landmarks.settings import default_of


def new_parser(name: str, description: str, epilog: str | None = None) -> argparse.ArgumentParser:
    """The parser of a command; `description` is its module's docstring, printed as it stands."""
    return argparse.ArgumentParser(
        prog=f"landmarks {name}",
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_recipe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", required=True, metavar="RECIPE", help="YAML file, such as those of configs/")
    add_settings(parser, "the recipe's")


def add_settings(parser: argparse.ArgumentParser, whose: str) -> None:
    parser.add_argument("settings", nargs="*", metavar="section.key=value", help=f"settings that override {whose}")


def one_model(named: list[Path]) -> Path:
    """The only one of these model files. Raises: ValueError."""
    if len(named) > 1:
        raise ValueError(f"--checkpoint: found {', '.join(map(str, named))}; of cervical stages name one model")
    return named[0]


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file as well")


def check_json_folder(path: Path | None) -> None:
    """Raises: ValueError where the folder of --json is missing, before anything is measured."""
    if path and not path.parent.is_dir():
        raise ValueError(f"{path.parent}: no such folder; create it, or write --json elsewhere")


def settings_help() -> str:
    """Every setting with its default and help, a paragraph each."""
    about = "settings, each with its default; a resumed run may change those marked *, a stage of a recipe those marked +:"
    lines = [about, ""]
    for name, section in SECTIONS.items():
        for found in fields(section):
            rule, default = found.metadata["rule"], default_of(found)
            default = str(list(default) if isinstance(default, tuple) else default) or '""'
            lines.append(f"  {name}.{found.name}={default}{' *' if rule.changeable else ''}{' +' if rule.staged else ''}")
            lines += textwrap.wrap(rule.help, 100, initial_indent=" " * 6, subsequent_indent=" " * 6)
    return "\n".join(lines)
