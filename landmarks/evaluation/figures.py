"""The figures of an evaluation: three units side by side, intervals over images, the readers' own distance."""

import numpy as np

from landmarks.evaluation.evaluate import Evaluation
from landmarks.evaluation.scale import judge_scale, sn_factors
from landmarks.formats.records import RecordSet
from landmarks.metrics import SDR_RADII_MM, radial_errors, summarise
from landmarks.statistics import interval_pair, proportion_intervals, quantile_interval, ratio_intervals, resample_weights


def full_figures(evaluation: Evaluation, groups: dict[str, tuple[str, ...]]) -> dict:
    """All figures that rest on errors alone: overall, per landmark, device and group, the scale's verdict, the readers.

    `groups` names symbols by group. Images without a prediction are left out of every count.
    """
    symbols, records = evaluation.records.landmarks.symbols, evaluation.records.records
    errors = np.stack([evaluation.error_px, evaluation.error_mm, evaluation.error_px * sn_factors(evaluation)[:, None]])
    devices = np.array([record.device for record in records])
    figures = {"num_images": _num_images(errors), **describe(errors)}
    figures["landmarks"] = {s: describe(errors[:, :, k : k + 1]) for k, s in enumerate(symbols)}
    figures["devices"] = {}
    for device in sorted(set(devices.tolist())):
        part = errors[:, devices == device]
        figures["devices"][device] = {"num_images": _num_images(part), **describe(part)}
    figures["groups"] = {}
    for name, members in groups.items():
        columns = [k for k, symbol in enumerate(symbols) if symbol in members]
        if columns:
            figures["groups"][name] = describe(errors[:, :, columns])
    figures["scale"] = scale = judge_scale(evaluation)
    trusted = np.isin(devices, [name for name, device in scale["devices"].items() if device["verdict"] == "plausible"])
    if trusted.any() and not trusted.all():
        figures["plausible_scale"] = {"num_images": _num_images(errors[:, trusted]), **describe(errors[:, trusted])}
    figures["readers"] = reader_figures(evaluation)
    return figures


def describe(errors: np.ndarray) -> dict:
    """Figures of errors [3, N, K] in px, mm and S-N-normalised mm, with 95 % intervals over the N images."""
    px, mm, normalised = errors
    extra = {"sd_px": _spread(px), "median_px": _quantile(px, 0.5), "p95_px": _quantile(px, 0.95), "max_px": _quantile(px, 1)}
    extra |= {"p95_mm": _quantile(mm, 0.95), "max_mm": _quantile(mm, 1)}
    of_normalised = summarise(px, normalised)
    extra |= {"mre_sn_mm": of_normalised["mre_mm"], "median_sn_mm": of_normalised["median_mm"], "sdr_sn": of_normalised["sdr"]}
    return summarise(px, mm) | extra | {"intervals": _intervals(errors)}


def _intervals(errors: np.ndarray) -> dict:
    px, mm, normalised = errors
    weights = resample_weights(errors.shape[1])
    sums = np.stack([np.nansum(part, axis=1) for part in errors], axis=1)
    counts = np.stack([np.isfinite(part).sum(axis=1) for part in errors], axis=1).astype(float)
    means = ratio_intervals(sums, counts, weights)
    found = dict(zip(("mre_px", "mre_mm", "mre_sn_mm"), (interval_pair(m) for m in means), strict=True))
    for name, part in (("px", px), ("mm", mm), ("sn_mm", normalised)):
        found[f"median_{name}"] = interval_pair(quantile_interval(part, 0.5, weights))
    found["p95_mm"] = interval_pair(quantile_interval(mm, 0.95, weights))
    for name, part, column in (("sdr", mm, 1), ("sdr_sn", normalised, 2)):
        hits = np.stack([(part <= radius).sum(axis=1) for radius in SDR_RADII_MM], axis=1).astype(float)
        shares = proportion_intervals(hits, np.repeat(counts[:, [column]], len(SDR_RADII_MM), axis=1), weights)
        found[name] = {f"{r}": interval_pair(100 * share) for r, share in zip(SDR_RADII_MM, shares, strict=True)}
    return found


def reader_figures(evaluation: Evaluation) -> dict | None:
    """The two readers' distance as the floor, and the model's to each of them; None where a set has not two readers.

    A landmark is `below`, `at` or `above` the floor as the 95 % interval of (model to a reader, mean of both) minus
    (reader to reader) lies under, over or beyond zero: a reader is compared with another reader, and so is the model.
    """
    points = reader_points(evaluation.records)
    if len(points) != 2:
        return None
    names, sizes, records = list(points), evaluation.pixel_size, evaluation.records
    between = np.stack(radial_errors(points[names[0]], points[names[1]], sizes))
    to = {name: np.stack(radial_errors(evaluation.prediction.points_px, points[name], sizes)) for name in names}
    to["mean"] = np.stack(radial_errors(evaluation.prediction.points_px, (points[names[0]] + points[names[1]]) / 2, sizes))
    unit = 1 if np.isfinite(between[1]).any() else 0
    excess = (to[names[0]][unit] + to[names[1]][unit]) / 2 - between[unit]
    weights = resample_weights(len(records.records))
    limits = ratio_intervals(np.nan_to_num(excess), np.isfinite(excess).astype(float), weights)
    whole = ratio_intervals(np.nansum(excess, 1)[:, None], np.isfinite(excess).sum(1)[:, None].astype(float), weights)[0]

    def row(columns: slice, limit: np.ndarray) -> dict:
        model = {name: summarise(*part[:, :, columns]) for name, part in to.items()}
        known = excess[:, columns][np.isfinite(excess[:, columns])]
        return {
            "between": summarise(*between[:, :, columns]),
            "model_to": model,
            "excess": float(known.mean()) if known.size else None,
            "excess_interval": interval_pair(limit),
            "floor": _floor(limit),
        }

    found = {"names": names, "unit": ("px", "mm")[unit], "identical": not np.nansum(between[0]), **row(slice(None), whole)}
    symbols = records.landmarks.symbols
    found["landmarks"] = {s: row(slice(k, k + 1), limits[k]) for k, s in enumerate(symbols)}
    return found


def reader_points(records: RecordSet) -> dict[str, np.ndarray]:
    """Each reader's points [N, K, 2], NaN where a reader has none; only readers that every image names."""
    names = sorted(set.intersection(*(set(record.readers) for record in records.records)))
    return {name: np.stack([record.readers[name] for record in records.records]) for name in names}


def _floor(limit: np.ndarray) -> str | None:
    if not np.isfinite(limit).all():
        return None
    return "below" if limit[1] < 0 else "above" if limit[0] > 0 else "at"


def _num_images(errors: np.ndarray) -> int:
    return int(np.isfinite(errors[0]).any(axis=1).sum())


def _quantile(values: np.ndarray, quantile: float) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.quantile(known, quantile)) if known.size else None


def _spread(values: np.ndarray) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.std(ddof=1)) if known.size > 1 else None
