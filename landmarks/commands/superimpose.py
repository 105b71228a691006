"""Lay two films of one patient over each other: movements of landmarks with intervals, changes of measurements.

Examples:
    landmarks superimpose before/predictions.json after/predictions.json --output change
    landmarks superimpose before.dcm after.dcm --checkpoint runs/1024/checkpoints/best.pt --reference mandible --output change

References: cranial_base (S-N at S), palate (ANS-PNS at ANS), mandible (Me-Go at Me), symphysis (B, Pog, Gn, Me) and best_fit
(S, N, Po, Or, Ar). The films are shifted and turned, never scaled: both need a pixel size.
"""

from pathlib import Path

from landmarks.commands.analyse import add_model, find_films
from landmarks.commands.arguments import new_parser


def main(argv: list[str] | None = None) -> int:
    parser = new_parser("superimpose", __doc__)
    parser.add_argument(
        "films", type=Path, nargs="+", help="two films, earlier first, in one or two predictions.json or as images"
    )
    parser.add_argument("--output", type=Path, required=True, help="folder for the page, movements.csv and changes.csv")
    parser.add_argument("--reference", default="cranial_base", help="what stays in place (default: cranial_base)")
    parser.add_argument("--ages", type=float, nargs=2, metavar="YEARS", help="age at both films, for growth by the norms")
    parser.add_argument("--pixel-size", type=float, metavar="MM", help="mm a pixel of both, instead of what the films state")
    add_model(parser)
    parser.add_argument("--no-pdf", action="store_true", help="HTML alone")
    args = parser.parse_args(argv)
    from landmarks.analyses.writing import rescaled, write_superimposition
    from landmarks.superimposition import REFERENCES, superimpose

    if args.reference not in REFERENCES:
        raise ValueError(f"--reference: found {args.reference!r}; write one of {', '.join(REFERENCES)}")
    films, errors, _ = find_films(args)
    if len(films) != 2:
        raise ValueError(f"{args.films[0]}: found {len(films)} films; superimpose needs two, the earlier one first")
    first, second = (rescaled(film.tracing, args.pixel_size, None) for film in films)
    found = superimpose(first, second, REFERENCES[args.reference], errors=errors)
    ages = tuple(args.ages) if args.ages else tuple(film.age for film in films)
    write_superimposition(first, found, ages, errors, args.output, pdf=not args.no_pdf)
    return 0
