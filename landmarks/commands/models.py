"""List the models that come with the package, or print one's card: data, terms, figures, failures.

Examples:
    landmarks models
    landmarks models isbi19
"""

from landmarks.commands.arguments import new_parser


def main(argv: list[str] | None = None) -> int:
    parser = new_parser("models", __doc__)
    parser.add_argument("name", nargs="?", help="print this model's card")
    args = parser.parse_args(argv)
    from landmarks.inference.onnx import open_onnx
    from landmarks.inference.released import model_file, released_models
    from landmarks.metrics import format_table

    if args.name:
        card = open_onnx(model_file(args.name), device="cpu").card
        print(card.text.strip(), f"Terms: {card.licence}", sep="\n\n")
        return 0
    rows = []
    for name, path in released_models().items():
        card = open_onnx(path, device="cpu").card
        size = f"{card.image_size[0]} x {card.image_size[1]}"
        rows.append([name, str(len(card.landmarks)), size, f"{path.stat().st_size / 2**20:.1f} MiB", card.licence])
    print(format_table(["model", "landmarks", "input", "file", "terms"], rows))
    return 0
