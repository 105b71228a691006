"""Export a checkpoint to an ONNX file that predicts without torch.

Examples:
    landmarks export --checkpoint runs/1024/checkpoints/best.pt --output model.onnx
    landmarks export --checkpoint runs/1024/checkpoints/best.pt --output model.onnx --half --licence "CC BY 4.0"
    landmarks export --checkpoint runs/folds/ensemble.json --output model.onnx

The file holds the graph (gray uint8 in, maps or scores out, any batch), landmarks, settings, calibration, terms and card;
predict, eval and the page take it in place of a checkpoint.
"""

from pathlib import Path

from landmarks.commands.arguments import new_parser, one_model

_CHECKPOINT = "a .pt file of a run's checkpoints/, or an ensemble.json; repeat it for the mean of several"


def main(argv: list[str] | None = None) -> int:
    parser = new_parser("export", __doc__)
    parser.add_argument("--checkpoint", type=Path, required=True, action="append", help=_CHECKPOINT)
    parser.add_argument("--output", type=Path, required=True, help="the .onnx file to write")
    parser.add_argument("--half", action="store_true", help="store weights in half precision: half the size")
    parser.add_argument("--licence", default="", help="terms under which the model may be used")
    parser.add_argument("--card", type=Path, help="text or Markdown file about the model, kept in the file")
    args = parser.parse_args(argv)
    from landmarks.inference.export import export_onnx
    from landmarks.inference.stage_export import export_stages
    from landmarks.inference.task import task_of

    export, models = {"landmarks": (export_onnx, list), "cvm": (export_stages, one_model)}[task_of(args.checkpoint[0])]
    text = args.card.read_text(encoding="utf-8") if args.card else ""
    made = export(models(args.checkpoint), args.output, half=args.half, licence=args.licence, text=text)
    size, difference = f"{made.num_bytes / 2**20:.1f} MiB", f"{made.largest_difference:.1e}"
    print(f"{made.path}: {size}; outputs differ from torch's by at most {difference}")
    return 0
