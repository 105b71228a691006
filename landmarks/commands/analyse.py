"""Analyse films: one printable page a film, with tracing, measurements, norms and what they say; CSV and JSON of all.

Examples:
    landmarks analyse found/predictions.json --output analyses
    landmarks analyse found/predictions.json --analysis steiner,wits --age 12 --sex f --output analyses
    landmarks analyse head.png --pixel-size 0.1 --output analyses

Analyses: steiner, downs, tweed, ricketts, mcnamara, jarabak, eastman, wits, vertical, soft_tissue. Without a Chromium on this
machine no PDF is made; the HTML page prints the same from any browser.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from landmarks.commands.arguments import new_parser

if TYPE_CHECKING:
    from landmarks.tracing.reading import StoredFilm
    from landmarks.uncertainty import ErrorModel

_SEXES = {"f": "women", "m": "men"}


def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    from dataclasses import replace

    from landmarks.analyses import analyses_of
    from landmarks.analyses.sheet import MOST_ROWS
    from landmarks.analyses.writing import Wanted, rescaled, write_analyses
    from landmarks.norms import read_definitions, standard

    definitions = read_definitions(args.own) if args.own else standard()
    known, names = analyses_of(definitions.measurements), args.analysis.split(",")
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"--analysis: found {unknown[0]!r}; write some of {','.join(known)}")
    rows = sum(len(known[name].items) + 2 for name in names)
    if rows > MOST_ROWS:
        raise ValueError(f"--analysis: {rows} rows do not fit on one side (at most {MOST_ROWS}); choose fewer analyses")
    prefer = tuple(args.norms.split(",")) if args.norms else ()
    if unknown := [name for name in prefer if name not in definitions.samples]:
        raise ValueError(f"--norms: found {unknown[0]!r}; write some of {','.join(definitions.samples)}")
    films, errors, model = find_films(args)
    wanted = Wanted(
        analyses=tuple(known[name] for name in names),
        definitions=definitions,
        prefer=prefer,
        age=args.age,
        sex=_SEXES.get(args.sex),
        errors=errors,
        model=model,
    )
    films = [replace(film, tracing=rescaled(film.tracing, args.pixel_size, args.enlargement)) for film in films]
    write_analyses(films, wanted, args.output, pdf=not args.no_pdf)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = new_parser("analyse", __doc__)
    parser.add_argument("films", type=Path, nargs="+", help="a predictions.json, or films to predict")
    parser.add_argument("--output", type=Path, required=True, help="folder for the pages, analyses.csv and analyses.json")
    parser.add_argument("--analysis", default="steiner", metavar="NAMES", help="names joined by commas (default: steiner)")
    parser.add_argument("--norms", metavar="SAMPLES", help="samples whose norms come first, joined by commas")
    parser.add_argument(
        "--own", type=Path, metavar="FILE", help="YAML with your own norms and measurements, those as --analysis own"
    )
    parser.add_argument("--age", type=float, help="years; adult where unknown")
    parser.add_argument("--sex", choices=tuple(_SEXES), help="f or m; norms by sex need it")
    parser.add_argument("--pixel-size", type=float, metavar="MM", help="mm a pixel, instead of what the film states")
    parser.add_argument("--enlargement", type=float, metavar="FACTOR", help="of lengths in the film, e.g. 1.1 for 10 %%")
    add_model(parser)
    parser.add_argument("--no-pdf", action="store_true", help="HTML alone")
    return parser


def add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint", help="checkpoint, ONNX file or released model that predicts films (default: isbi19)")
    parser.add_argument("--calibration", type=Path, help="calibration.json for intervals (default: the model's own)")
    parser.add_argument("--device", default="auto", help="where to predict (default: auto)")


def find_films(args: argparse.Namespace) -> "tuple[list[StoredFilm], ErrorModel | None, str]":
    """The films of predictions.json files and films predicted now; how their errors lie, where known; the model's name.

    Raises: ValueError.
    """
    from landmarks.tracing.reading import read_tracings
    from landmarks.uncertainty import read_error_model

    films, images, errors, model = [], [], None, ""
    for place in args.films:
        if place.suffix == ".json":
            films += read_tracings(place)
        else:
            images.append(place)
    if images:
        from landmarks.inference.released import DEFAULT
        from landmarks.inference.tracings import predict_tracings

        named = args.checkpoint or DEFAULT
        found, errors = predict_tracings(images, named, args.device)
        films, model = [*films, *found], Path(named).name
    if args.calibration:
        errors = read_error_model(args.calibration)
    names = [film.tracing.name for film in films]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"{twice}: two films have this name, so that their pages would; analyse them apart")
    return films, errors, model
