"""Evaluate a checkpoint: figures with intervals, measurements, confidence, and one self-contained report.html.

Examples:
    landmarks eval --checkpoint runs/1024/checkpoints/best.pt --split test
    landmarks eval --checkpoint runs/1024/checkpoints/best.pt --split valid --calibrate 0.9
    landmarks eval --checkpoint runs/isbi/checkpoints/best.pt --data-format aariz --data-root data/Aariz
    landmarks eval --checkpoint runs/isbi/checkpoints/best.pt --split test1 --stress

--calibrate writes calibration.json beside the checkpoint; later evaluations of this checkpoint use it. A checkpoint that was
trained on several data sets (data.sets) is evaluated on each that has the split, with a report each.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from landmarks.commands.arguments import add_settings, new_parser, one_model

if TYPE_CHECKING:
    from landmarks.config import Config
    from landmarks.evaluation.judge import Results
    from landmarks.evaluation.stress import StressFigures
    from landmarks.inference.predictor import Predictor

_CHECKPOINT = "a .pt file of a run, an exported .onnx or an ensemble.json; repeat it for the mean of several"
_LANDMARKS = "cervical stages: a landmark model whose points cut out the region (default: the annotated points)"
_STRESS = "predict at most this many films (default: 50) under 19 corruptions at 3 strengths as well"


def main(argv: list[str] | None = None) -> int:
    parser = new_parser("eval", __doc__)
    parser.add_argument("--checkpoint", type=Path, required=True, action="append", help=_CHECKPOINT)
    parser.add_argument("--split", default="test", help="train, valid, test, test1, test2 or all (default: test)")
    parser.add_argument("--data-root", help="another data set than the checkpoint's")
    parser.add_argument("--data-format", help="its format: aariz, isbi2015, table or synthetic")
    parser.add_argument("--output", type=Path, help="report folder (default: evaluation_<split> beside checkpoints/)")
    parser.add_argument("--tta", action="store_true", help="mean of four shifted views: more accurate, four times as slow")
    parser.add_argument("--views", action="store_true", help="read doubtful films in other views too, as predict does")
    parser.add_argument("--calibrate", type=float, metavar="COVERAGE", help="make error radii of this split, e.g. 0.9")
    parser.add_argument("--landmarks", metavar="MODEL", help=_LANDMARKS)
    parser.add_argument("--stress", type=int, nargs="?", const=50, metavar="FILMS", help=_STRESS)
    add_settings(parser, "the checkpoint's")
    args = parser.parse_intermixed_args(argv)
    from landmarks.formats import GENERATED

    other = [f"data.root={args.data_root}"] if args.data_root else []
    alone = [f"data.format={args.data_format}", "data.landmarks=[]", "data.exclude=''", "data.sets=[]"]
    other += alone if args.data_format else []
    other += ["data.root=''"] if args.data_format in GENERATED and not args.data_root else []
    return _evaluate(args, other)


def _evaluate(args, other: list[str]) -> int:
    from landmarks.inference.task import task_of

    return {"landmarks": _evaluate_landmarks, "cvm": _evaluate_stages}[task_of(args.checkpoint[0])](args, other)


def _evaluate_stages(args, other: list[str]) -> int:
    from landmarks.configfile import config_from_dict, override_config
    from landmarks.distributed import join, leave, rank_info
    from landmarks.evaluation.files import evaluation_home
    from landmarks.evaluation.stages.calibrate import calibrate_stages
    from landmarks.evaluation.stages.evaluate import predict_split, stage_protocol
    from landmarks.evaluation.stages.files import stage_table, write_stage_report
    from landmarks.evaluation.stages.judge import judge_stages
    from landmarks.inference.released import model_file
    from landmarks.inference.stages import StagePredictor

    if args.stress is not None:
        raise ValueError("--stress: for landmark models alone")
    args.checkpoint = one_model(args.checkpoint)
    if args.calibrate and args.checkpoint.suffix.lower() == ".onnx":
        raise ValueError(f"{args.checkpoint}: a calibration is made for a checkpoint; calibrate that, then export it again")
    words, landmarks = [*other, *args.settings], model_file(args.landmarks) if args.landmarks else None
    predictor = StagePredictor.load(args.checkpoint, device=None, tta=args.tta, overrides=words)
    config = override_config(config_from_dict(predictor.card.settings), words)
    join(predictor.network.device)
    records, prediction = predict_split(predictor, config, args.split, landmarks=landmarks)
    leave()
    if rank_info().rank > 0:
        return 0
    if args.calibrate is not None:
        size = predictor.card.image_size
        predictor.calibration = calibrate_stages(
            args.checkpoint, records, prediction, args.calibrate, image_size=size, tta=args.tta, split=args.split
        )
    protocol = stage_protocol(predictor, config, args.split, records, prediction, args.landmarks or "")
    results = judge_stages(records, prediction, protocol, predictor.calibration, checkpoint=str(args.checkpoint))
    name = f"evaluation_{args.split}" + (f"_{protocol.format}" if other else "")
    output = args.output or evaluation_home(args.checkpoint) / name
    write_stage_report(output, results)
    print(stage_table(results), f"report: {output / 'report.html'}", sep="\n\n")
    return 0


def _evaluate_landmarks(args, other: list[str]) -> int:
    from landmarks.distributed import leave, rank_info
    from landmarks.evaluation.calibration import calibrate_checkpoint
    from landmarks.evaluation.files import evaluation_home

    if args.stress is not None and args.stress < 1:
        raise ValueError(f"--stress: found {args.stress}; write how many films, 1 or more")
    first, num = args.checkpoint[0], len(args.checkpoint)
    if args.calibrate and first.suffix.lower() == ".onnx":
        raise ValueError(f"{first}: error radii are made for a checkpoint; calibrate that, then export it again")
    if args.calibrate and (num > 1 or first.suffix.lower() == ".json"):
        raise ValueError("--calibrate: error radii of several models are made by landmarks crossval; name one checkpoint")
    calibrated = args.calibrate is None
    predictor, config, trained = _open(args.checkpoint, [*other, *args.settings], tta=args.tta, calibrated=calibrated)
    parts = _each_set(config, args.split) if calibrated else [("", args.split, config)]
    found = _judge(predictor, parts, args)
    leave()
    if rank_info().rank > 0:
        return 0
    ending = f"_{config.data.format}" if other else ""
    ending += f"_mean_of_{num}" if num > 1 else ""
    output = args.output or evaluation_home(first) / f"evaluation_{args.split}{ending}"
    for name, results, stress in found:
        if args.calibrate is not None:
            protocol = results.figures.protocol
            calibrate_checkpoint(first, results.evaluation, args.calibrate, protocol, trained)
        _write(output.with_name(f"{output.name}_{name}") if name else output, results, stress)
    return 0


def _each_set(config: "Config", split: str) -> "list[tuple[str, str, Config]]":
    """Of several data sets each one: its name, what it calls the split, and its settings alone."""
    from landmarks.dataconfig import single_sets

    if not config.data.sets:
        return [("", split, config)]
    parts = zip(config.data.sets, single_sets(config.data).values(), strict=True)
    return [(one.called, own, replace(config, data=alone)) for one, alone in parts if (own := one.split(split))]


def _judge(predictor: "Predictor", parts: "list[tuple[str, str, Config]]", args) -> "list[tuple[str, Results, StressFigures]]":
    """Figures of each set that has its split. Raises: DataError where none has."""
    from landmarks.evaluation.split import evaluate_split
    from landmarks.evaluation.stress import stress_split
    from landmarks.formats.records import NoSplitError

    models = ", ".join(map(str, args.checkpoint))
    found, lacking = [], [NoSplitError(f"data.sets: no set has a split '{args.split}'")]
    for name, split, config in parts:
        try:
            results = evaluate_split(predictor, config, split, checkpoint=models, views=args.views)
        except NoSplitError as error:
            lacking.append(error)
            continue
        found.append((name, results, args.stress and stress_split(predictor, config, split, most=args.stress)))
    if not found:
        raise lacking[-1]
    return found


def _write(output: Path, results: "Results", stress: "StressFigures | None") -> None:
    from landmarks.evaluation.report.stress_section import stress_table
    from landmarks.evaluation.report.write import figures_table, headline, write_report

    write_report(output, results, stress)
    parts = [figures_table(results.figures), headline(results.figures), *([stress_table(stress)] if stress else [])]
    print(*parts, f"report: {output / 'report.html'}", sep="\n\n")


def evaluate(
    checkpoint: str | Path | Sequence[Path],
    split: str = "test",
    *,
    settings: Sequence[str] = (),
    tta: bool = False,
    views: bool = False,
) -> "Results":
    """Predicts a split of the checkpoint's data set and compares it with the truth; writes nothing.

    Args:
        checkpoint: a `.pt` file of a run, an exported `.onnx` or an `ensemble.json`; of several, the mean counts.
        split: train, valid, test, test1, test2 or all.
        settings: each `section.key=value`, overriding the checkpoint's.
        tta: mean of four shifted views.
        views: doubtful films are read mirrored, turned and negative as well.
    Returns: `figures` (MRE, SDR and all others with intervals, errors in mm) and `evaluation` (errors of each point).
    Raises: ValueError naming the file or setting that cannot be used.

    Example:
        >>> results = evaluate("runs/demo/checkpoints/best.pt", "test")  # doctest: +SKIP
        >>> results.figures.overall.mre_mm  # doctest: +SKIP
    """
    from landmarks.distributed import leave
    from landmarks.evaluation.split import evaluate_split

    predictor, config, _ = _open(checkpoint, list(settings), tta=tta, calibrated=True)
    results = evaluate_split(predictor, config, split, checkpoint=str(checkpoint), views=views)
    leave()
    return results


def _open(
    checkpoint: str | Path | Sequence[Path], words: list[str], *, tta: bool, calibrated: bool
) -> "tuple[Predictor, Config, Config]":
    """The predictor, its settings with `words` applied, and those that the checkpoint was trained with."""
    from landmarks.configfile import config_from_dict, override_config
    from landmarks.distributed import join
    from landmarks.inference.predictor import Predictor

    predictor = Predictor.load(checkpoint, device=None, tta=tta, overrides=words, calibrated=calibrated)
    trained = config_from_dict(predictor.card.settings)
    config = override_config(trained, words)
    if config.data.image_size != predictor.card.image_size:
        raise ValueError(f"data.image_size: the model is made for {list(predictor.card.image_size)} alone")
    join(predictor.network.device)
    return predictor, config, trained
