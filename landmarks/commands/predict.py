"""Find the landmarks in films: predictions.csv and predictions.json with points in source pixels, and a picture of each.

Examples:
    landmarks predict --output found head.png
    landmarks predict --checkpoint runs/1024_rtx3070ti/checkpoints/best.pt --output found head.png
    landmarks predict --checkpoint model.onnx --output found folder_of_films "more/*.dcm"
    landmarks predict --stage-checkpoint cvm.onnx --output found head.png
    landmarks predict --checkpoint a.pt --checkpoint b.pt --ruler 120,80,120,1080,100 --output found films
    landmarks predict --output found --save labelme,table films

Folders are read with all folders below them. An interrupted command resumes when it is repeated; several processes under
torchrun share the films. A film that cannot be read is reported in one line and gives exit code 2; the others are still
processed. A film that is mirrored, turned or negative is recognised and read so; a picture that is no lateral cephalogram
is reported and gets no points. Results of DICOM films carry a pseudonym in place of the file's name. --save writes the films
with their points as data sets, found/labelme and so on, for annotation tools and for training.
"""

import argparse
import logging
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from landmarks.commands.arguments import new_parser
from landmarks.commands.console import write_line
from landmarks.trainconfig import DEVICES

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from landmarks.inference.stages import StagePredictor
    from landmarks.radiograph import PixelSize


def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    size = _pixel_size(args)
    if args.crops:
        return _predict_crops(args)
    from tqdm import tqdm

    from landmarks.inference.films import find_films
    from landmarks.inference.job import Job, finish, open_job, predict_share
    from landmarks.inference.predictor import Predictor
    from landmarks.inference.radii import file_id
    from landmarks.inference.reading import FilmReader
    from landmarks.inference.released import DEFAULT, model_file
    from landmarks.inference.sets import check_formats
    from landmarks.radiograph import load_key

    save = check_formats([name.strip() for name in args.save.split(",") if name.strip()])
    films = tuple(find_films(args.films))
    rank, ranks = _number("RANK", "0"), _number("WORLD_SIZE", "1")
    models = [model_file(named) for named in args.checkpoint or [DEFAULT]]
    predictor, stages = Predictor.load(models, device=args.device, tta=args.tta), _stage_predictor(args)
    if predictor.card.licence:
        log.info(f"terms of the model: {predictor.card.licence}")
    settings = _settings(args, [file_id(path) for path in models], size)
    key = None if args.keep_names else load_key()
    job = Job(films=films, output=args.output, settings=settings, as_it_is=args.as_it_is, save=save, key=key)
    if done := open_job(job):
        write_line(f"{args.output}: resumed; {done} of {len(films)} films are done")
    reader, num = FilmReader(predictor, pixel_size=size, stages=stages), len(films[rank::ranks])
    lines = predict_share(job, reader, rank, ranks)
    for line in filter(None, tqdm(lines, total=num, unit="film", file=sys.stderr, leave=False, disable=rank > 0 or None)):
        write_line(line)
    counts = finish(job)
    return 0 if counts is None else _tell(counts, args.output)


def _number(name: str, usual: str) -> int:
    """A variable of torchrun; `landmarks.distributed` reads it where torch is installed."""
    found = os.environ.get(name, usual)
    if not found.isdecimal():
        raise ValueError(f"environment variable {name}: found {found!r}; unset it, or start with torchrun")
    return int(found)


def _stage_predictor(args: argparse.Namespace) -> "StagePredictor | None":
    from landmarks.inference.stages import StagePredictor

    return StagePredictor.load(args.stage_checkpoint, device=args.device, tta=args.tta) if args.stage_checkpoint else None


def _predict_crops(args: argparse.Namespace) -> int:
    from landmarks.inference.films import find_films
    from landmarks.inference.stage_job import predict_crops

    predictor = _stage_predictor(args)
    if predictor is None:
        raise ValueError("--crops: needs --stage-checkpoint, a model of cervical stages")
    films = find_films(args.films)
    failures = [line for line in predict_crops(predictor, films, args.output) if line]
    for line in failures:
        write_line(line)
    print(f"{len(films) - len(failures)} of {len(films)} crops: {args.output / 'stages.csv'}")
    return 2 if failures else 0


def _settings(args: argparse.Namespace, models: list[str], size: "PixelSize | None") -> dict:
    """What the results depend on beside the films."""
    from landmarks.inference.radii import file_id

    return {
        "--checkpoint": models,
        "--stage-checkpoint": file_id(args.stage_checkpoint) if args.stage_checkpoint else None,
        "--tta": args.tta,
        "pixel size": size.mm if size else None,
        "--as-it-is": args.as_it_is,
        "--keep-names": args.keep_names,
    }


def _tell(counts: dict[str, int], output: Path) -> int:
    missed = counts["read"] - counts["recognised"]
    more = f"; {missed} not recognised as lateral cephalograms" if missed else ""
    print(f"{counts['read']} of {counts['films']} films: {output / 'predictions.csv'}, {output / 'overlays'}{more}")
    return 2 if counts["read"] < counts["films"] else 0


def _parser() -> argparse.ArgumentParser:
    parser = new_parser("predict", __doc__)
    parser.add_argument(
        "--checkpoint",
        type=Path,
        action="append",
        help="a .pt of a run, an exported .onnx, or a released model (default: isbi19); repeat it for the mean of several",
    )
    parser.add_argument("--stage-checkpoint", type=Path, help="a model of cervical stages: predictions.json gets each film's")
    parser.add_argument("--crops", action="store_true", help="the films show C2 to C4 alone: find their stages, no landmarks")
    parser.add_argument("--output", type=Path, required=True, help="folder for predictions.csv, .json and overlays/")
    parser.add_argument("--save", default="", metavar="FORMATS", help="write data sets too: table, labelme, coco, slicer, ...")
    parser.add_argument("--device", default="auto", choices=DEVICES, help="where to predict (default: auto)")
    parser.add_argument("--tta", action="store_true", help="mean of four shifted views: more accurate, four times as slow")
    parser.add_argument("--pixel-size", metavar="MM", help="mm a pixel, or sx,sy, instead of what the films state")
    parser.add_argument("--ruler", metavar="X1,Y1,X2,Y2,MM", help="two points in the films and the mm between them")
    parser.add_argument(
        "--as-it-is", action="store_true", help="read films in no other view, and give points whatever they show"
    )
    parser.add_argument("--keep-names", action="store_true", help="results of DICOM films keep the files' names")
    parser.add_argument("films", nargs="+", metavar="FILM", help="film files, folders of them, or wildcards")
    return parser


def _pixel_size(args: argparse.Namespace) -> "PixelSize | None":
    """Raises: ValueError."""
    from landmarks.radiograph import PixelSize

    if args.pixel_size and args.ruler:
        raise ValueError("--ruler: found beside --pixel-size; write one of the two")
    if args.ruler:
        numbers = _numbers(args.ruler, "--ruler", (5,), "write x1,y1,x2,y2,mm, e.g. 120,80,120,1080,100")
        length = math.dist(numbers[:2], numbers[2:4])
        if length < 1 or numbers[4] <= 0:
            raise ValueError(f"--ruler: found {args.ruler!r}; write two points at least 1 pixel apart and mm above 0")
        return PixelSize(mm=(numbers[4] / length,) * 2, origin="a ruler of two points")
    if args.pixel_size:
        numbers = _numbers(args.pixel_size, "--pixel-size", (1, 2), "write mm a pixel, e.g. 0.1, or sx,sy")
        if not all(0.001 <= n <= 10 for n in numbers):
            raise ValueError(f"--pixel-size: found {args.pixel_size!r}; write mm a pixel, from 0.001 to 10")
        return PixelSize(mm=(numbers[0], numbers[-1]), origin="given by the user")
    return None


def _numbers(word: str, option: str, counts: tuple[int, ...], advice: str) -> list[float]:
    try:
        numbers = [float(part) for part in word.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in counts or not all(map(math.isfinite, numbers)):
        raise ValueError(f"{option}: found {word!r}; {advice}")
    return numbers
