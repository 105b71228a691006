"""Train a landmark model.

Example:
    python tools/train.py --config configs/1024_rtx3070ti.yaml data.root=data/Aariz train.epochs=100
"""

import argparse
import sys
from pathlib import Path

from landmarks.commands.console import set_up_console
from landmarks.configfile import load_config
from landmarks.device import is_out_of_memory
from landmarks.distributed import leave, place
from landmarks.engine.setup import prepare_run
from landmarks.engine.stopping import Stopped, TrainingError
from landmarks.engine.trainer import fit
from landmarks.metrics import format_figure


def parse_words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", required=True, help="recipe, a YAML file of configs/")
    parser.add_argument("--output", type=Path, help="run folder (default: runs/<name of the recipe>)")
    parser.add_argument("--resume", nargs="?", type=Path, const=True, metavar="FILE",
                        help="go on with the run in the output folder, or with this checkpoint")  # fmt: skip
    parser.add_argument("--force", action="store_true", help="resume although settings or data have changed")
    parser.add_argument("settings", nargs="*", metavar="section.key=value", help="settings that win over the recipe's")
    args = parser.parse_intermixed_args()
    if isinstance(args.resume, Path) and "=" in args.resume.parts[0] and not args.resume.exists():
        # `--resume train.epochs=50`: the word behind is a setting, not a file
        args.settings.insert(0, str(args.resume))
        args.resume = True
    return args


def main() -> int:
    set_up_console()
    args = parse_words()
    output, run = args.output or Path("runs") / Path(args.config).stem, None
    try:
        config = load_config(args.config, args.settings)
        run = prepare_run(config, output, resume=output if args.resume is True else args.resume, force=args.force)
        summary = fit(run)
        leave()
    except Stopped as stopped:
        print(f"stopped by {stopped}; go on with: --resume", file=sys.stderr)
        return 128 + stopped.number
    except TrainingError as error:
        print(error, file=sys.stderr)
        return 1
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        # between the passes of a step, where smaller pieces would not help: weights, optimizer or averaged weights
        print(f"out of memory ({str(error).splitlines()[0][:200]}); choose a narrower model.backbone", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except OSError as error:
        line = f"{error.filename or output}: {error.strerror or error}"
        print(line if run is None else f"{line}; the last sound checkpoint is kept", file=sys.stderr)
        return 2 if run is None else 1
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2 if run is None else 1
    if place().rank > 0:
        return 0
    best = f"{format_figure(summary['best_mre'], 3)} {summary['unit']} at epoch {summary['best_epoch']}"
    print(f"{output / 'checkpoints' / 'best.pt'}: best validation MRE {best}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
