"""The command: its arguments, the parts under its clock, and what is done with their figures."""

import argparse
import json
import logging
import tempfile
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

from landmarks.benchmark.card.bench import Job
from landmarks.benchmark.card.fit import fitted
from landmarks.benchmark.card.pack import pack
from landmarks.benchmark.card.parts import PARTS, run_parts
from landmarks.benchmark.card.tables import markdown
from landmarks.config import DataConfig
from landmarks.engine.constants import CONSTANTS_FILE, CardConstants, write_constants
from landmarks.formats.reading import survey_dataset
from landmarks.jsonfile import plain, write_json
from landmarks.synthetic.dataset import write_synthetic_dataset
from landmarks.synthetic.folder import dataset_root, make_missing_set

log = logging.getLogger(__name__)

# A dry run's films: as few as give a training, a validation and a test split.
_DRY_FILMS, _DRY_HEIGHT = 10, 128


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--minutes", type=_positive, default=9.0, help="time for all parts together (default: 9)")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="data set to train on (default: a synthetic one)")
    parser.add_argument("--format", default="isbi2015", help="its format (default: isbi2015)")
    parser.add_argument("--dry", action="store_true", help="every part on the processor with tiny sizes, as a test")
    fit = "write the planner's constants, from this run or from the --json FILE of an earlier one"
    parser.add_argument("--fit", nargs="?", const=True, type=Path, metavar="FILE", help=fit)
    parser.add_argument("--pack", type=Path, metavar="DIR", help="make a folder that runs on another machine, and stop")


def run(args: argparse.Namespace) -> dict:
    """Prints the tables and returns their figures. Raises: ValueError for a user's reason."""
    if args.pack:
        return pack(args.pack, args.data, args.format)
    if isinstance(args.fit, Path):
        results = _read(args.fit)
        _write(CardConstants(**results["constants"]) if results.get("constants") else None)
        return results
    if not args.dry:
        _need_a_card()
    with tempfile.TemporaryDirectory(prefix="landmarks_card_") as folder:
        results = _measure(args, _job(args, Path(folder)))
    print(markdown(results))
    if args.fit:
        _write(CardConstants(**results["constants"]) if results["constants"] else None)
    return results


def _measure(args: argparse.Namespace, job: Job) -> dict:
    results = {"date": date.today().isoformat(), "minutes": args.minutes, "dry": args.dry, "seconds": 0.0}
    start = time.time()

    def report(parts: dict) -> None:
        results.update(parts=parts, seconds=time.time() - start)
        if args.json:
            write_json(args.json, results)

    report(run_parts(job, PARTS, 60 * args.minutes, report))
    constants = None if args.dry else fitted(results)
    return results | {"constants": plain(constants)}


def _job(args: argparse.Namespace, folder: Path) -> Job:
    """The data are checked or drawn before the clock starts. Raises: DataError."""
    data = DataConfig(format=args.format if args.data else "synthetic", root=str(args.data or ""))
    if args.dry and not args.data:
        data = replace(data, root=str(write_synthetic_dataset(folder / "set", num=_DRY_FILMS, seed=3, height=_DRY_HEIGHT)))
    make_missing_set(data)
    root = dataset_root(data).resolve()
    survey_dataset(data.format, root)
    return Job(dry=args.dry, data_format=data.format, data_root=str(root), folder=folder)


def _need_a_card() -> None:
    """Raises: ValueError where there is none that torch can use."""
    import torch

    from landmarks.device import unusable_card

    if not torch.cuda.is_available():
        raise ValueError(f"card: {unusable_card() or 'torch sees no CUDA device'}; --dry shows the parts on the processor")


def _write(constants: CardConstants | None) -> None:
    if constants is None:
        raise ValueError("--fit: the memory part measured too little; the planner's constants stay as they are")
    write_constants(constants)
    log.info(f"{CONSTANTS_FILE}: written, from {constants.source}")


def _read(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: cannot be read as the --json FILE of an earlier run ({error})") from error


def _positive(word: str) -> float:
    number = float(word)
    if not number > 0:
        raise argparse.ArgumentTypeError(f"found {word}; write minutes, e.g. 9")
    return number
