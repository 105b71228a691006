"""Write a data set of one format in another one.

Landmarks that the files call by other names need --names: a YAML file `name: symbol`, or one that ships with the package:
usual (Sella, sella turcica, A point, Point A, ...) or isbi_numbers (points 1 to 19 in the order of ISBI 2015).

Example:
    landmarks convert --from coco --root export --to table --output data/mine --names usual
"""

from pathlib import Path

from landmarks.commands.arguments import new_parser


def main(argv: list[str] | None = None) -> int:
    parser = new_parser("convert", __doc__)
    parser.add_argument("--from", dest="source", required=True, metavar="FORMAT", help="format of the data set")
    parser.add_argument("--root", type=Path, required=True, help="its folder; it is only read")
    parser.add_argument("--to", dest="target", required=True, metavar="FORMAT", help="format to write")
    parser.add_argument("--output", type=Path, required=True, help="new folder")
    parser.add_argument("--names", default="", metavar="FILE", help="landmark names to symbols: YAML, usual or isbi_numbers")
    args = parser.parse_args(argv)
    from landmarks.formats.reading import survey_dataset
    from landmarks.prepare.convert import convert

    for line in convert(args.root, args.source, args.output, args.target, names=args.names):
        print(f"not kept: {line}")
    survey = survey_dataset(args.target, args.output)
    print(f"{args.output}: {len(survey.films)} films, {len(survey.landmarks)} landmarks; data.format={args.target}")
    return 0
