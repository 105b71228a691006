"""Evaluate a checkpoint: figures with intervals, measurements, confidence, and one self-contained report.html.

Examples:
    python tools/eval.py --checkpoint runs/1024/checkpoints/best.pt --split test
    python tools/eval.py --checkpoint runs/1024/checkpoints/best.pt --split valid --calibrate 0.9
    python tools/eval.py --checkpoint runs/isbi/checkpoints/best.pt --data-format aariz --data-root data/Aariz

--calibrate writes calibration.json beside the checkpoint; later evaluations of this checkpoint use it.
"""

import argparse
import sys
from pathlib import Path

from landmarks.commands.console import set_up_console
from landmarks.configfile import override_config
from landmarks.device import choose_device
from landmarks.distributed import join, leave, place
from landmarks.evaluation.calibration import calibrate_checkpoint, find_calibration
from landmarks.evaluation.evaluate import figures_table
from landmarks.evaluation.report import evaluate_split, headline, write_report
from landmarks.inference.predictor import Predictor
from landmarks.models.build import load_model


def main() -> int:
    set_up_console()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True, help="a .pt file of a run's checkpoints/")
    parser.add_argument("--split", default="test", help="train, valid, test, test1, test2 or all (default: test)")
    parser.add_argument("--data-root", help="another data set than the checkpoint's")
    parser.add_argument("--data-format", help="its format: aariz, isbi2015, table or synthetic")
    parser.add_argument("--output", type=Path, help="report folder (default: evaluation_<split> beside checkpoints/)")
    parser.add_argument("--tta", action="store_true", help="mean of four shifted views: more exact, four times as long")
    parser.add_argument("--calibrate", type=float, metavar="COVERAGE", help="make error radii of this split, e.g. 0.9")
    parser.add_argument("settings", nargs="*", metavar="section.key=value", help="settings that win over the checkpoint's")
    args = parser.parse_intermixed_args()
    words = [f"data.root={args.data_root}"] if args.data_root else []
    words += [f"data.format={args.data_format}", "data.landmarks=[]", "data.exclude=''"] if args.data_format else []
    words += ["data.root=''"] if args.data_format == "synthetic" and not args.data_root else []
    try:
        loaded = load_model(args.checkpoint)
        config = override_config(loaded.config, [*words, *args.settings])
        device = choose_device(config.train.device, place().local_rank)
        here = join(device.type)
        predictor = Predictor.from_loaded(loaded._replace(config=config), device=device, tta=args.tta)
        calibration = None if args.calibrate else find_calibration(args.checkpoint, predictor.input_size, tta=args.tta)
        evaluation, figures = evaluate_split(predictor, config, args.split, calibration=calibration)
        leave()
        if here.rank > 0:
            return 0
        figures["checkpoint"] = str(args.checkpoint)
        if args.calibrate:
            calibrate_checkpoint(args.checkpoint, evaluation, args.calibrate, figures["protocol"], loaded.config)
        other = f"_{config.data.format}" if words else ""
        output = args.output or args.checkpoint.parent.parent / f"evaluation_{args.split}{other}"
        write_report(output, evaluation, figures, calibration)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print(figures_table(figures), headline(figures), f"report: {output / 'report.html'}", sep="\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
