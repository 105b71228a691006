"""What the landmarks' errors do to the numbers that orthodontists read: bias, limits of agreement, classes."""

import numpy as np

from landmarks.evaluation.calibration import radii_px, unseen
from landmarks.evaluation.evaluate import Evaluation
from landmarks.evaluation.figures import ClassFigures, ClinicalFigures, FacingFigures, MeasurementFigures, UncertainClasses
from landmarks.evaluation.readers import reader_points
from landmarks.evaluation.repeatability import repeatability_figures
from landmarks.inference.radii import Calibration
from landmarks.measurements import Measurement, available, difference, facing, measure
from landmarks.measurements.classes import CLASSES, Classes
from landmarks.norms import Patient, choose, standard
from landmarks.statistics import agreement, cohen_kappa
from landmarks.uncertainty import ErrorModel, measure_with_intervals

# The field's mark for a clinically acceptable difference: 2 degrees or 2 mm; ratios take 2 percentage points.
ACCEPTED = 2.0


def clinical_figures(evaluation: Evaluation, calibration: Calibration | None) -> ClinicalFigures:
    """Each measurement found against true, the classes, and which faces look left; with a calibration, intervals."""
    symbols, sizes = evaluation.records.landmarks.symbols, evaluation.pixel_size
    true_px = evaluation.true_px
    rows = available(symbols)
    found, true = measure(evaluation.prediction.points_px, symbols, sizes), measure(true_px, symbols, sizes)
    half = None if calibration is None else half_widths(evaluation, calibration)
    readers = [measure(points, symbols, sizes) for points in reader_points(evaluation.records).values()]
    between = difference(*readers, rows) if len(readers) == 2 else np.full(found.shape, np.nan)
    off = difference(found, true, rows)
    measurements = {}
    for m, row in enumerate(rows):
        figures = agreement(off[:, m])
        known = off[np.isfinite(off[:, m]), m]
        apart = between[np.isfinite(between[:, m]), m]
        measurements[row.name] = MeasurementFigures(
            unit=row.unit,
            norm=_norm_words(row),
            landmarks=row.landmarks,
            sign=row.larger,
            source=row.source,
            **figures._asdict(),
            mean_true=float(np.nanmean(true[:, m])) if known.size else None,
            mae=float(np.abs(known).mean()) if known.size else None,
            within_2=100 * float((np.abs(known) <= ACCEPTED).mean()) if known.size else None,
            reader_mae=float(np.abs(apart).mean()) if apart.size else None,
            reader_within_2=100 * float((np.abs(apart) <= ACCEPTED).mean()) if apart.size else None,
            **_interval_figures(off[:, m], None if half is None else half[:, m]),
        )
    repeated, classed = repeatability_figures(evaluation)
    return ClinicalFigures(
        measurements=measurements,
        classes=_classes(rows, found, true, half, readers),
        facing=facing_figures(evaluation, true_px),
        accepted=ACCEPTED,
        without_pixel_size=int((~np.isfinite(sizes).all(axis=1)).sum()),
        repeatability=repeated,
        class_agreement=classed,
    )


def half_widths(evaluation: Evaluation, calibration: Calibration) -> np.ndarray:
    """Half width of each measurement's interval [N, M]; infinite with a landmark's radius, NaN for calibration images."""
    radius = radii_px(calibration, evaluation)
    radius[~unseen(calibration, evaluation)] = np.nan
    symbols = evaluation.records.landmarks.symbols
    scaled, known = calibration.scaled_errors, tuple(calibration.landmarks)
    model = ErrorModel(symbols=known, coverage=calibration.coverage, scaled=scaled).select(symbols)
    rows = available(symbols)
    return measure_with_intervals(evaluation.prediction.points_px, symbols, evaluation.pixel_size, radius, model, rows)[1]


def _norm_words(row: Measurement) -> str | None:
    """The default norm of an adult of unknown sex in words."""
    norm = choose(standard().norms, row.name, Patient()).norm
    return f"{norm.words()}, {norm.sample.title}" if norm else None


def facing_figures(evaluation: Evaluation, true_px: np.ndarray) -> FacingFigures:
    """Which images show a face that looks left, by the points found; measurements mirror these."""
    symbols = evaluation.records.landmarks.symbols
    by_found, by_truth = facing(evaluation.prediction.points_px, symbols), facing(true_px, symbols)
    ids = np.array([record.image_id for record in evaluation.records.records])
    return FacingFigures(
        left=ids[by_found < 0].tolist(),
        left_by_truth=ids[by_truth < 0].tolist(),
        disagree=ids[(by_found != by_truth) & (by_found != 0) & (by_truth != 0)].tolist(),
    )


def _interval_figures(off: np.ndarray, half: np.ndarray | None) -> dict:
    """How often a measurement's interval holds the true value, and how wide it is."""
    if half is None:
        return {"interval_coverage": None, "interval_half_width": None}
    known = np.isfinite(off) & ~np.isnan(half)
    if not known.any():
        return {"interval_coverage": None, "interval_half_width": None}
    return {
        "interval_coverage": 100 * float((np.abs(off[known]) <= half[known]).mean()),
        "interval_half_width": float(half[known].mean()),
    }


def _classes(
    rows: tuple, found: np.ndarray, true: np.ndarray, half: np.ndarray | None, readers: list[np.ndarray]
) -> dict[str, ClassFigures]:
    names = [row.name for row in rows]
    tables = {}
    for classes in CLASSES:
        if classes.measurement in names:
            m = names.index(classes.measurement)
            seen = [reader[:, m] for reader in readers]
            tables[classes.title] = _class_table(classes, found[:, m], true[:, m], None if half is None else half[:, m], seen)
    return tables


def _class_table(
    classes: Classes, found: np.ndarray, true: np.ndarray, half: np.ndarray | None, readers: list[np.ndarray]
) -> ClassFigures:
    table = confusion(classes.assign(true), classes.assign(found))
    both = len(readers) == 2
    return ClassFigures(
        measurement=classes.measurement,
        borders=classes.borders,
        names=classes.names,
        source=classes.source,
        table=table.tolist(),
        num=int(table.sum()),
        agreement=_percent(table),
        kappa=cohen_kappa(table),
        reader_agreement=_percent(confusion(*(classes.assign(reader) for reader in readers))) if both else None,
        uncertain=None if half is None else _uncertain_figures(classes, found, true, half),
    )


def _uncertain_figures(classes: Classes, found: np.ndarray, true: np.ndarray, half: np.ndarray) -> UncertainClasses:
    known = np.isfinite(found) & np.isfinite(true) & ~np.isnan(half)
    doubtful = classes.uncertain(found, half) & known
    sure = known & ~doubtful
    return UncertainClasses(
        num=int(doubtful.sum()),
        num_tested=int(known.sum()),
        agreement_certain=_percent(confusion(classes.assign(true[sure]), classes.assign(found[sure]))),
        agreement_uncertain=_percent(confusion(classes.assign(true[doubtful]), classes.assign(found[doubtful]))),
    )


def confusion(true: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Counts [3, 3], rows true and columns found; -1 (unknown) is left out."""
    table = np.zeros((3, 3), int)
    known = (true >= 0) & (found >= 0)
    np.add.at(table, (true[known], found[known]), 1)
    return table


def _percent(table: np.ndarray) -> float | None:
    return 100 * float(np.trace(table) / table.sum()) if table.sum() else None
