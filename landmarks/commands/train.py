"""Train a model.

Examples:
    landmarks train --config configs/1024_rtx3070ti.yaml data.root=data/Aariz train.epochs=100
    landmarks train --config configs/1024_rtx3070ti.yaml --resume
    torchrun --nproc_per_node 2 tools/train.py --config configs/1024.yaml
"""

import argparse
from pathlib import Path

from landmarks.commands.arguments import add_recipe, new_parser, settings_help
from landmarks.commands.console import write_line


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = new_parser("train", __doc__, settings_help())
    add_recipe(parser)
    parser.add_argument("--output", type=Path, help="run folder (default: runs/<name of the recipe>)")
    parser.add_argument("--resume", nargs="?", type=Path, const=True, metavar="FILE",
                        help="resume the run in the output folder, or from this checkpoint")  # fmt: skip
    parser.add_argument("--force", action="store_true", help="resume although settings or data have changed")
    args = parser.parse_intermixed_args(argv)
    if isinstance(args.resume, Path) and "=" in args.resume.parts[0] and not args.resume.exists():
        # `--resume train.epochs=50`: the next word is a setting, not a file
        args.settings.insert(0, str(args.resume))
        args.resume = True
    args.output = args.output or Path("runs") / Path(args.config).stem
    return args


def main(argv: list[str] | None = None) -> int:
    args = _parse(argv)
    from landmarks.configfile import load_config
    from landmarks.distributed import rank_info
    from landmarks.engine.stopping import Stopped, TrainingError
    from landmarks.metrics import format_figure

    config = load_config(args.config, args.settings)
    try:
        summary = train(config, args.output, resume=args.output if args.resume is True else args.resume, force=args.force)
    except Stopped as stopped:
        write_line(f"stopped by {stopped}; resume with: --resume")
        return 128 + stopped.number
    except TrainingError as error:
        write_line(str(error))
        return 1
    if rank_info().rank == 0:
        best = f"{format_figure(summary['best'], 3)} {summary['unit']} at epoch {summary['best_epoch']}"
        print(f"{args.output / 'checkpoints' / 'best.pt'}: best validation {summary['score']} {best}")
    return 0


def train(config, output: Path, *, resume: Path | None = None, force: bool = False) -> dict:
    """Trains a model and returns the summary of its run, which is in summary.json too.

    Args:
        config: the settings, `landmarks.configfile.load_config("configs/demo.yaml")`.
        output: run folder; must not hold another run.
        resume: None, a checkpoint, or the run's own folder (its newest sound checkpoint).
        force: resume although settings or data differ from the checkpoint's.
    Raises: ValueError before the first step; TrainingError or Stopped after it, with the last sound checkpoint kept.

    Example:
        >>> from landmarks.configfile import load_config
        >>> config = load_config("configs/demo.yaml", ["train.epochs=1"])  # doctest: +SKIP
        >>> train(config, "runs/demo")["best"]  # doctest: +SKIP
    """
    from landmarks.distributed import leave
    from landmarks.engine.build import prepare_run
    from landmarks.engine.timing import announce_time
    from landmarks.engine.trainer import fit

    output, run = Path(output), None
    try:
        run = prepare_run(config, output, resume=resume, force=force)
        announce_time(run)
        summary = fit(run)
        leave()
        return summary
    except (OSError, ValueError, RuntimeError) as error:
        failure = _named_failure(error, output, started=run is not None)
        if failure is None:
            raise
        raise failure from error


def _named_failure(error: Exception, output: Path, *, started: bool) -> Exception | None:
    """The error with file and advice, None where it needs neither; before the first step a mistake, later a failed training."""
    from landmarks.device import is_out_of_memory
    from landmarks.engine.stopping import TrainingError

    if isinstance(error, OSError):
        line = f"{error.filename or output}: {error.strerror or error}"
        return TrainingError(f"{line}; the last sound checkpoint is kept") if started else ValueError(line)
    if isinstance(error, ValueError):
        return TrainingError(str(error)) if started else None
    if isinstance(error, TrainingError) or not is_out_of_memory(error):
        return None
    # between the passes of a step, where smaller pieces would not help: weights, optimizer or averaged weights
    first = str(error).splitlines()[0][:200]
    return TrainingError(f"out of memory ({first}); choose a narrower model.backbone")
