"""Adapt a model to a clinic from 3 or more corrected films: its readers' habit, and the look of its films.

Examples:
    landmarks adapt --checkpoint runs/isbi/checkpoints/best.pt --data-format table --data-root corrected --output runs/clinic
    landmarks adapt --checkpoint isbi19 --data-format table --data-root corrected --output clinic
    landmarks adapt --checkpoint runs/isbi/checkpoints/best.pt --data-format table --data-root corrected --plan --no-tuning

Readers place some landmarks elsewhere by habit. How far, on average, is measured in the frame of the head, shrunk towards
zero, the more so the fewer films there are, and added to the model's points. Then the network is fine-tuned:
few steps at a low rate with films of the first training mixed in, where they are at hand.
Each film is judged by a model and a habit that have not seen it; a step that does not help is left out, and nothing is
written where none does. Landmarks that the base model does not know are learned as well, from 3 films on: where they lie
to those that it knows. The adapted model places them there, marked as inferred, with a radius of their own.
"""

from dataclasses import replace
from pathlib import Path

from landmarks.commands.arguments import new_parser
from landmarks.commands.console import write_line

# Fine-tuning must lower the error with the habit by this factor, and that of most films, to be worth other weights.
_WORTH = 0.97


def main(argv: list[str] | None = None) -> int:
    parser = new_parser("adapt", __doc__)
    parser.add_argument(
        "--checkpoint",
        type=Path,
        required=True,
        help="the base model: a .pt file of a run, an ONNX file, or the name of a released model",
    )
    parser.add_argument("--data-format", required=True, help="format of the corrected films, such as table")
    parser.add_argument("--data-root", type=Path, required=True, help="their folder")
    parser.add_argument("--split", default="all", help="train, valid, test or all (default: all)")
    parser.add_argument("--ground-truth", default="mean", help="mean, senior or junior, where there are two readers")
    parser.add_argument("--exclude", default="", help="CSV file image,reason of films to leave out")
    parser.add_argument("--output", type=Path, help="folder of the adapted model")
    parser.add_argument("--coverage", type=float, default=0.9, help="of the error radii (default: 0.9)")
    parser.add_argument("--no-tuning", action="store_true", help="in seconds: leave the weights as they are")
    parser.add_argument("--plan", action="store_true", help="print what more films would bring; write nothing")
    args = parser.parse_args(argv)
    if not args.plan and args.output is None:
        parser.error("name --output, or --plan")
    if args.output and ((args.output / "checkpoints").exists() or list(args.output.glob("*.onnx"))):
        raise ValueError(f"{args.output}: already holds a model; name another --output")
    from landmarks.engine.stopping import TrainingError

    try:
        return _adapt(args)
    except TrainingError as error:
        write_line(str(error))
        return 1


def _adapt(args) -> int:
    from landmarks.configfile import config_from_dict
    from landmarks.evaluation.adapt import common_films, predict_all, protocol_of, write_adapted, write_adapted_onnx
    from landmarks.evaluation.calibration import calibrate_checkpoint, check_untrained
    from landmarks.formats.reading import read_dataset
    from landmarks.inference.predictor import Predictor
    from landmarks.inference.released import model_file

    predictor = Predictor.load(args.checkpoint, device=None, calibrated=False)
    records = read_dataset(
        args.data_format, args.data_root, split=args.split, ground_truth=args.ground_truth, exclude=args.exclude
    )
    trained = config_from_dict(predictor.card.settings)
    check_untrained(records, trained)
    if args.plan:
        return _plan(predictor, records, None if args.no_tuning else model_file(args.checkpoint))
    base = model_file(args.checkpoint)
    known, found = common_films(predictor, records), predict_all(predictor, records)
    made, weights = _chosen(predictor, found, known, None if args.no_tuning else base)
    made = replace(made, further=_further(predictor, found, records))
    if made.habit is None:
        left = "" if made.further else "; nothing is written"
        print(f"adapting does not help: these readers place the landmarks as the model does{left}")
        if made.further is None:
            return 0
    if base.suffix.lower() == ".onnx":
        path = write_adapted_onnx(base, args.output, predictor.card, made, args.coverage, weights)
    else:
        path = write_adapted(base, args.output, made, weights)
        calibrate_checkpoint(path, made.evaluation, args.coverage, protocol_of(predictor.card), trained)
    print(*([_largest(made.habit)] if made.habit else []), f"adapted model: {path}", sep="\n")
    return 0


def _chosen(predictor, whole, records, base: Path | None) -> tuple:
    """What helps most on films that did not make it, and the weights that belong to it; None for what does not help.

    `whole` is what the model found, `records` the films with the landmarks that it knows, `base` the model to fine-tune,
    None for the habit alone.
    """
    from landmarks.engine.finetune import judge_tuning, tune, weights_of
    from landmarks.evaluation.adapt import judge_habit

    shape, weights = predictor.card.shape, None
    found = whole.select([predictor.landmarks.index(symbol) for symbol in records.landmarks.symbols])
    made = judge_habit(shape, found, records)
    before, unit = float(made.before.mean()), made.unit
    films, with_habit = f"{len(made.before)} films", f"{made.after.mean():.3f} {unit} with the habit of the others"
    print(f"{films}, mean error: {before:.3f} {unit} before, {with_habit}")
    opened = None if base is None else _tunable(base)
    if opened is not None:
        tuned = judge_tuning(opened, predictor, found, records)
        error = f"{tuned.after.mean():.3f} {unit}"
        if tuned.after.mean() < _WORTH * made.after.mean() and (tuned.after < made.after).mean() > 0.5:
            print(f"{films}, mean error: {before:.3f} {unit} before, {error} fine-tuned without the film and with the habit")
            made, weights = tuned, weights_of(tune(opened, shape, found, records, seed=0))
        else:
            print(f"fine-tuning does not help ({error} with the habit of the others): the weights stay as they are")
    return (made, weights) if made.after.mean() < before else (made.without_habit(records, found), None)


def _further(predictor, found, records):
    """The clinic's landmarks that the model does not know, judged in a line; None where there are none."""
    import numpy as np

    from landmarks.evaluation.adapt import further_films, judge_further

    films = further_films(predictor, records)
    if films is None:
        return None
    further, errors, unit = judge_further(predictor.card.shape, predictor.landmarks.symbols, found, films)
    each = [f"{s} {e:.1f}" for s, e in zip(films.landmarks.symbols, np.nanmean(errors, axis=0), strict=True)]
    print(f"landmarks new to the model: {np.nanmean(errors):.2f} {unit} off where the others place them ({', '.join(each)})")
    return further


def _tunable(base: Path):
    """The base as it is fine-tuned; None, with a line, for an ONNX file that is not one network, such as a mean of several."""
    from landmarks.engine.finetune import open_base
    from landmarks.inference.card import ModelFileError

    try:
        return open_base(base)
    except ModelFileError as error:
        print(f"the weights stay as they are: {error}")
        return None


def _plan(predictor, records, base: Path | None) -> int:
    from landmarks.evaluation.adapt import common_films, forecast, learning_curve, predict_films
    from landmarks.evaluation.evaluate import evaluate_prediction, unit_errors
    from landmarks.metrics import format_table

    films = common_films(predictor, records)
    found = predict_films(predictor, films)
    curve, unit = learning_curve(predictor.card.shape, found, films), unit_errors(evaluate_prediction(films, found))[1]
    print(
        format_table(["films", f"error with their habit, {unit}"], [[str(num), f"{error:.3f}"] for num, error in curve.items()])
    )
    now = curve[max(curve)]
    print(f"ten more films: about {forecast(curve, 10):.3f}, {now - forecast(curve, 10):.3f} less than with {max(curve)}")
    opened = None if base is None else _tunable(base)
    if opened is not None:
        _plan_tuning(opened, predictor, found, films)
    return 0


def _plan_tuning(base, predictor, found, films) -> None:
    """What fine-tuning brings with a third and with two thirds of the films, and would bring with ten more."""
    import numpy as np

    from landmarks.engine.tuningcurve import num_trainings, seconds_of_training, tuning_curve
    from landmarks.evaluation.adapt import forecast
    from landmarks.metrics import format_table

    num = num_trainings(len(found))
    minutes = num * seconds_of_training(base, predictor, found, films) / 60
    print(f"fine-tuning: {num} trainings, about {minutes:.0f} minutes here; --no-tuning leaves them out", flush=True)
    curve, rows = tuning_curve(base, predictor, found, films), []
    for at in curve:
        low, high = at.gain_interval
        habit, tuned = np.nanmean(at.habit), np.nanmean(at.tuned)
        rows.append([str(at.num_films), f"{habit:.3f}", f"{tuned:.3f}", f"{habit - tuned:.3f} [{low:.3f}, {high:.3f}]"])
    print(format_table(["films", "habit alone", "fine-tuned too", "gain, 95 % over films"], rows))
    low, high = curve[-1].gain_interval
    sure = "more than chance" if low > 0 else "a loss" if high < 0 else "within chance"
    print(f"fine-tuning with {curve[-1].num_films} films: the gain is {sure}")
    errors = {at.num_films: float(np.nanmean(at.tuned)) for at in curve}
    ahead = forecast(errors, len(found) + 10 - max(errors))
    print(f"ten more films, fine-tuned: about {ahead:.3f}; two sizes give a direction rather than a figure")


def _largest(habit) -> str:
    import numpy as np

    length = np.linalg.norm(habit.offset_mm, axis=1)
    most = [f"{habit.symbols[k]} {length[k]:.1f} mm" for k in np.argsort(-length)[:5]]
    return f"largest habits: {', '.join(most)}"
