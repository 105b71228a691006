"""The distance between two readers as the floor of what a model can reach."""

import numpy as np

from landmarks.evaluation.evaluate import Evaluation
from landmarks.evaluation.figures import Floor, ReaderFigures
from landmarks.formats.records import RecordSet
from landmarks.metrics import radial_errors, summarise
from landmarks.statistics import interval_pair, ratio_intervals, resample_weights


def reader_figures(evaluation: Evaluation) -> ReaderFigures | None:
    """The distance between two readers, and the model's to each of them; None where a set has not two readers.

    A landmark is `below`, `at` or `above` the floor as the 95 % interval of (model to a reader, mean of both) minus
    (reader to reader) lies under, over or beyond zero: a reader is compared with another reader, and so is the model.
    """
    points = reader_points(evaluation.records)
    if len(points) != 2:
        return None
    names, sizes, found_px = list(points), evaluation.pixel_size, evaluation.prediction.points_px
    between = np.stack(radial_errors(points[names[0]], points[names[1]], sizes))
    to = {name: np.stack(radial_errors(found_px, points[name], sizes)) for name in names}
    to["mean"] = np.stack(radial_errors(found_px, (points[names[0]] + points[names[1]]) / 2, sizes))
    unit = 1 if np.isfinite(between[1]).any() else 0
    excess = (to[names[0]][unit] + to[names[1]][unit]) / 2 - between[unit]
    weights = resample_weights(len(evaluation.prediction))
    limits = ratio_intervals(np.nan_to_num(excess), np.isfinite(excess).astype(float), weights)
    whole = ratio_intervals(np.nansum(excess, 1)[:, None], np.isfinite(excess).sum(1)[:, None].astype(float), weights)[0]

    def floor(columns: slice, limit: np.ndarray) -> Floor:
        known = excess[:, columns][np.isfinite(excess[:, columns])]
        return Floor(
            between=summarise(*between[:, :, columns]),
            model_to={name: summarise(*part[:, :, columns]) for name, part in to.items()},
            excess=float(known.mean()) if known.size else None,
            excess_interval=interval_pair(limit),
            floor=_floor(limit),
        )

    return ReaderFigures(
        names=tuple(names),
        unit=("px", "mm")[unit],
        identical=not np.nansum(between[0]),
        overall=floor(slice(None), whole),
        landmarks={s: floor(slice(k, k + 1), limits[k]) for k, s in enumerate(evaluation.records.landmarks.symbols)},
    )


def reader_points(records: RecordSet) -> dict[str, np.ndarray]:
    """Each reader's points [N, K, 2], NaN where a reader has none; only readers that every image names."""
    names = sorted(set.intersection(*(set(record.readers) for record in records.records)))
    return {name: np.stack([record.readers[name] for record in records.records]) for name in names}


def _floor(limit: np.ndarray) -> str | None:
    if not np.isfinite(limit).all():
        return None
    return "below" if limit[1] < 0 else "above" if limit[0] > 0 else "at"
