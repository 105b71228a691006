"""Cross-validation: a model a fold, figures and error radii of films that their model has not seen, and an ensemble.

Examples:
    landmarks crossval --config configs/isbi2015_cpu.yaml --folds 5 data.root=data/ISBI2015
    landmarks crossval --config configs/isbi2015_cpu.yaml --folds 5 --only 2 data.root=data/ISBI2015
    landmarks eval --checkpoint runs/isbi2015_cpu_folds/ensemble.json --split test1

The films of 'train' and 'valid' are divided. Films of one patient (column patient of a table) and repeated exposures stay in
one fold, and each fold has its share of every device and cervical stage. The same command resumes; folds can be trained apart
with --only, also on several machines that share the folder. Each model is taken as it is after its last epoch: no film
chooses it.
"""

import dataclasses
from pathlib import Path

from landmarks.commands.arguments import add_recipe, new_parser
from landmarks.commands.console import write_line


def main(argv: list[str] | None = None) -> int:
    parser = new_parser("crossval", __doc__)
    add_recipe(parser)
    parser.add_argument("--folds", type=int, default=5, help="into how many parts the films are divided (default: 5)")
    parser.add_argument("--only", type=int, metavar="K", help="train this fold alone, from 1")
    parser.add_argument("--by-device", action="store_true", help="hold out whole devices")
    parser.add_argument("--output", type=Path, help="folder (default: runs/<name of the recipe>_folds)")
    parser.add_argument("--coverage", type=float, default=0.9, help="of error radii or sets of stages (default: 0.9)")
    parser.add_argument("--tta", action="store_true", help="cervical stages: judge and calibrate the mean of cvm.tta's views")
    args = parser.parse_intermixed_args(argv)
    if args.only is not None and not 1 <= args.only <= args.folds:
        raise ValueError(f"--only: found {args.only}; write a fold from 1 to {args.folds}")
    if not 0 < args.coverage < 1:
        raise ValueError(f"--coverage: found {args.coverage:g}; write a number between 0 and 1, e.g. 0.9")
    args.output = args.output or Path("runs") / f"{Path(args.config).stem}_folds"
    from landmarks.configfile import load_config
    from landmarks.engine.stopping import Stopped, TrainingError

    try:
        return _crossval(load_config(args.config, args.settings), args)
    except Stopped as stopped:
        write_line(f"stopped by {stopped}; the same command resumes")
        return 128 + stopped.number
    except TrainingError as error:
        write_line(str(error))
        return 1


def _crossval(config, args) -> int:
    from landmarks.distributed import rank_info
    from landmarks.evaluation.folds import make_folds
    from landmarks.synthetic.folder import dataset_root, make_missing_set

    finish = {"landmarks": _finish, "cvm": _finish_stages}[config.model.task]
    if config.data.sets:
        raise ValueError("data.sets: crossval divides one data set; write data.format and data.root")
    if rank_info().size > 1:
        raise ValueError("crossval: found several processes; start one and give the others folds of their own with --only")
    make_missing_set(config.data)
    root = Path(dataset_root(config.data))
    lists = make_folds(config.data, root, args.output, args.folds, seed=config.train.seed, by_device=args.by_device)
    folds = [_fold(config, held_out) for held_out in lists]
    for held_out, fold in zip(lists, folds, strict=True):
        if args.only in (None, lists.index(held_out) + 1):
            _train(fold, held_out.with_suffix(""))
    runs = [held_out.with_suffix("") for held_out in lists]
    if missing := [run.name for run in runs if not _is_finished(run)]:
        print(f"{args.output}: still to be trained: {', '.join(missing)}")
        return 0
    return finish(folds, runs, args)


def _fold(config, held_out: Path):
    """The settings of one fold: its films are 'valid'."""
    data = dataclasses.replace(config.data, held_out=held_out.as_posix(), train_split="train", val_split="valid")
    return dataclasses.replace(config, data=data)


def _train(config, output: Path) -> None:
    from landmarks.commands.train import train

    if not _is_finished(output):
        write_line(f"{output.name}: training")
        train(config, output, resume=output)


def _is_finished(run: Path) -> bool:
    return (run / "summary.json").is_file()


def _finish(folds, runs: list[Path], args) -> int:
    """Out-of-fold figures, error radii and the ensemble."""
    from landmarks.evaluation.crossval import judge_folds
    from landmarks.evaluation.report.write import figures_table, headline, write_report
    from landmarks.inference.ensemble import FILE_NAME, write_ensemble

    models = [run / "checkpoints" / "latest.pt" for run in runs]
    results, calibration = judge_folds(folds, models, args.coverage)
    output = args.output / "evaluation_out_of_fold"
    write_report(output, results)
    write_ensemble(args.output / FILE_NAME, models, calibration)
    print(figures_table(results.figures), headline(results.figures), sep="\n\n")
    print(f"report: {output / 'report.html'}", f"ensemble: {args.output / FILE_NAME}", sep="\n")
    return 0


def _finish_stages(folds, runs: list[Path], args) -> int:
    """Out-of-fold figures of cervical stages, the ensemble and its calibration."""
    from landmarks.evaluation.stages.crossval import judge_stage_folds
    from landmarks.evaluation.stages.files import stage_table, write_stage_report
    from landmarks.inference.ensemble import FILE_NAME, write_ensemble

    models = [run / "checkpoints" / "latest.pt" for run in runs]
    ensemble, output = args.output / FILE_NAME, args.output / "evaluation_out_of_fold"
    write_ensemble(ensemble, models, None)
    results = judge_stage_folds(folds, models, ensemble, args.coverage, tta=args.tta)
    write_stage_report(output, results)
    print(stage_table(results), f"report: {output / 'report.html'}", f"ensemble: {ensemble}", sep="\n\n")
    return 0
