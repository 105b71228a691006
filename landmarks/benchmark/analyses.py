"""How often the intervals of measurements and movements hold, on an evaluation's predictions; and the time of an analysis.

The images are split into folds: radii and errors are learned on the others, and intervals are judged on each fold.
"""

import argparse
import csv
import time
from pathlib import Path

import numpy as np

from landmarks.analyses import ANALYSES, analyse
from landmarks.measurements import available, difference, measure
from landmarks.metrics import format_table
from landmarks.statistics import conformal_radius
from landmarks.superimposition import REFERENCES, superimpose
from landmarks.tracing import Tracing
from landmarks.uncertainty import ErrorModel, measure_with_intervals, scaled_errors

_COVERAGE = 0.9


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("predictions", type=Path, help="predictions.csv of an evaluation")
    parser.add_argument("--folds", type=int, default=10, help="parts that the images are split into (default: 10)")
    parser.add_argument("--pixel-size", type=float, default=0.1, help="mm a pixel of all images (default: 0.1)")


def run(args: argparse.Namespace) -> dict:
    """Prints the tables and returns their figures. Raises: ValueError for a user's reason."""
    symbols, found, true, doubt = _read(args.predictions)
    if not 2 <= args.folds <= len(found) // 2:
        raise ValueError(f"--folds: found {args.folds}; write 2 to {len(found) // 2} for {len(found)} images")
    sizes = np.full((len(found), 2), args.pixel_size)
    rows = available(symbols)
    off = difference(measure(found, symbols, sizes), measure(true, symbols, sizes), rows)
    half = {name: np.full(off.shape, np.nan) for name in ("learned", "independent")}
    radius, models = np.full(found.shape[:2], np.nan), {}
    fold = np.random.default_rng(0).permutation(len(found)) % args.folds
    for part in range(args.folds):
        here, others = fold == part, fold != part
        radius[here] = doubt[here] * _factors(found[others], true[others], doubt[others])
        seen = scaled_errors(found[others], true[others], doubt[others] * _factors(found[others], true[others], doubt[others]),
                             symbols, sizes[others])  # fmt: skip
        models[part] = {"learned": ErrorModel(symbols=symbols, coverage=_COVERAGE, scaled=seen),
                        "independent": ErrorModel(symbols=symbols, coverage=_COVERAGE)}  # fmt: skip
        for name, model in models[part].items():
            half[name][here] = measure_with_intervals(found[here], symbols, sizes[here], radius[here], model, rows)[1]
    figures = {"measurements": _coverage_table([row.name for row in rows], off, half)}
    films = [[Tracing(name=str(i), symbols=symbols, points_px=points[i], radius_px=radius[i], pixel_size=tuple(sizes[i]))
              for i in range(len(found))] for points in (found, true)]  # fmt: skip
    figures["movements"] = _movements(*films, fold, models, symbols)
    figures["milliseconds"] = _times(films[0][0], models[fold[0]])
    return figures


def _read(path: Path) -> tuple[tuple[str, ...], np.ndarray, np.ndarray, np.ndarray]:
    """Symbols, points found and true [N, K, 2] and doubt [N, K]. Raises: ValueError where a column is missing."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"image", "symbol", "x", "y", "x_true", "y_true", "doubt_px"} <= rows[0].keys():
        raise ValueError(f"{path}: not the predictions.csv of an evaluation with doubt_px; write it with eval")
    symbols = tuple(dict.fromkeys(row["symbol"] for row in rows))
    values = np.array([[float(row[key] or "nan") for key in ("x", "y", "x_true", "y_true", "doubt_px")] for row in rows])
    values = values.reshape(-1, len(symbols), 5)
    return symbols, values[..., :2], values[..., 2:4], values[..., 4]


def _factors(found: np.ndarray, true: np.ndarray, doubt: np.ndarray) -> np.ndarray:
    """[K] conformal radius over doubt."""
    scores = np.hypot(*np.moveaxis(found - true, -1, 0)) / doubt
    return np.array([conformal_radius(column, _COVERAGE) for column in scores.T])


def _coverage_table(names: list[str], off: np.ndarray, half: dict[str, np.ndarray]) -> dict:
    held = {name: 100 * (np.abs(off) <= width).mean(axis=0) for name, width in half.items()}
    rows = [[n, *(cell for name in half for cell in (f"{held[name][m]:.1f}", f"{half[name][:, m].mean():.2f}"))]
            for m, n in enumerate(names)]  # fmt: skip
    rows.append(["mean", *(cell for name in half for cell in (f"{held[name].mean():.1f}", ""))])
    print(format_table(["holds, % and half width", *(cell for name in half for cell in (name, "±"))], rows))
    return {name: dict(zip(names, values.tolist(), strict=True)) for name, values in held.items()}


def _movements(found: list[Tracing], true: list[Tracing], fold: np.ndarray, models: dict, symbols: tuple[str, ...]) -> dict:
    """Each film laid over the next of its fold: movements between predictions against those between true points."""
    held, rows = {}, []
    for key, reference in REFERENCES.items():
        if not set(reference.landmarks) <= set(symbols):
            continue
        inside = []
        for part, model in models.items():
            films = np.flatnonzero(fold == part)
            for i, j in zip(films, np.roll(films, 1), strict=True):
                guess = superimpose(found[i], found[j], reference, errors=model["learned"]).movements
                exact = superimpose(true[i], true[j], reference).movements
                inside += [[abs(g.forward - e.forward) <= g.forward_half, abs(g.down - e.down) <= g.down_half]
                           for g, e in zip(guess, exact, strict=True) if g.symbol not in reference.landmarks]  # fmt: skip
        held[key] = dict(zip(("forward", "down"), (100 * np.mean(inside, axis=0)).tolist(), strict=True))
        rows.append([reference.title, *(f"{share:.1f}" for share in held[key].values()), str(len(inside))])
    print(format_table(["movements, interval holds, %", "forward", "down", "points"], rows))
    return held


def _times(film: Tracing, models: dict[str, ErrorModel]) -> dict:
    """Milliseconds of processor time for one analysis with intervals, the median of 30."""
    taken = {}
    for name, analysis in ANALYSES.items():
        clocks = []
        for _ in range(30):
            start = time.process_time()
            analyse(film, analysis, errors=models["learned"])
            clocks.append(1000 * (time.process_time() - start))
        taken[name] = float(np.median(clocks))
    print(format_table(["analysis", "ms"], [[name, f"{ms:.2f}"] for name, ms in taken.items()]))
    return taken
