"""Repeatability of measurements and classes: the method against each reader, and reader against reader."""

import csv
from pathlib import Path

import numpy as np

from landmarks.evaluation.evaluate import Evaluation
from landmarks.evaluation.figures import ClassAgreement, Repeatability
from landmarks.evaluation.readers import reader_points
from landmarks.measurements import available, difference, measure
from landmarks.measurements.classes import CLASSES
from landmarks.statistics import (
    agreement,
    cohen_kappa,
    dahlberg,
    intraclass_correlation,
    limits_intervals,
    weighted_kappa,
)

_MODEL = "model"


def repeatability_figures(
    evaluation: Evaluation,
) -> tuple[dict[str, dict[str, Repeatability]], dict[str, dict[str, ClassAgreement]]]:
    """By measurement, and by title of a class, for each pair: "model - reader" and "reader - reader".

    Without two readers the model is paired with the truth alone.
    """
    symbols, sizes = evaluation.records.landmarks.symbols, evaluation.pixel_size
    rows = available(symbols)
    readers = reader_points(evaluation.records)
    points = {_MODEL: evaluation.prediction.points_px} | (readers if len(readers) == 2 else {"truth": evaluation.true_px})
    values = {name: measure(part, symbols, sizes) for name, part in points.items()}
    names = list(values)
    pairs = [(first, second) for i, first in enumerate(names) for second in names[i + 1 :]]
    measured = {row.name: {} for row in rows}
    classed = {classes.title: {} for classes in CLASSES if classes.measurement in measured}
    for first, second in pairs:
        off = difference(values[first], values[second], rows)
        for m, row in enumerate(rows):
            one = values[second][:, m] + off[:, m]  # an angle that does not wrap between the two
            measured[row.name][f"{first} - {second}"] = repeatability(one, values[second][:, m])
        for classes in CLASSES:
            if classes.title in classed:
                m = [row.name for row in rows].index(classes.measurement)
                found = [classes.assign(values[name][:, m]) for name in (second, first)]
                classed[classes.title][f"{first} - {second}"] = class_agreement(*found, len(classes.names))
    return measured, classed


def repeatability(first: np.ndarray, second: np.ndarray) -> Repeatability:
    """Dahlberg's error, ICC(2,1) and limits of agreement of paired values, NaN where unknown."""
    figures = agreement(first - second)
    icc, interval = intraclass_correlation(first, second)
    lower, upper = limits_intervals(figures)
    return Repeatability(
        num=figures.num,
        dahlberg=dahlberg(first - second),
        icc=icc,
        icc_interval=interval,
        bias=figures.bias,
        lower=figures.lower,
        lower_interval=lower,
        upper=figures.upper,
        upper_interval=upper,
    )


def class_agreement(first: np.ndarray, second: np.ndarray, num_classes: int) -> ClassAgreement:
    """Agreement of two assignments to ordered classes; -1 is unknown."""
    known = (first >= 0) & (second >= 0)
    table = np.zeros((num_classes, num_classes), int)
    np.add.at(table, (first[known], second[known]), 1)
    total = int(table.sum())
    return ClassAgreement(
        num=total,
        agreement=100 * float(np.trace(table)) / total if total else None,
        kappa=cohen_kappa(table),
        weighted_kappa=weighted_kappa(table),
    )


def write_repeatability_csv(path: Path, measured: dict[str, dict[str, Repeatability]]) -> None:
    """One row a measurement and pair, with the ends of all intervals."""
    plain, pairs = ("num", "dahlberg", "icc", "bias", "lower", "upper"), ("icc", "lower", "upper")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        ends = [f"{name}_{end}" for name in pairs for end in ("from", "to")]
        writer.writerow(["measurement", "pair", *plain, *ends])
        for name, by_pair in measured.items():
            for pair, row in by_pair.items():
                values = [getattr(row, key) for key in plain]
                values += [end for key in pairs for end in getattr(row, f"{key}_interval")]
                writer.writerow([name, pair, *("" if value != value else f"{value:.6g}" for value in values)])
