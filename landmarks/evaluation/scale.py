"""Is a millimetre a millimetre? Each device's Sella-Nasion length against the anatomical norm."""

import numpy as np

from landmarks.evaluation.evaluate import Evaluation
from landmarks.evaluation.figures import DeviceScale, ScaleFigures
from landmarks.sella_nasion import SN_NORM_MM, SN_NORM_RANGE_MM, judge_sn

# Half of one device's S-N lengths lie within 7 % of each other; four times that means mixed pixel sizes.
_MIXED = 0.28


def sn_lengths(evaluation: Evaluation) -> tuple[np.ndarray, np.ndarray]:
    """True Sella-Nasion length of each image in px and in mm, [N] each; NaN where a point or the pixel size is unknown."""
    symbols = evaluation.records.landmarks.symbols
    if "S" not in symbols or "N" not in symbols:
        return np.full((2, len(evaluation.prediction.points_px)), np.nan)
    points = evaluation.true_px
    across = points[:, symbols.index("N")] - points[:, symbols.index("S")]
    return np.linalg.norm(across, axis=1), np.linalg.norm(across * evaluation.pixel_size, axis=1)


def sn_factors(evaluation: Evaluation) -> np.ndarray:
    """Millimetres a source px [N] if each image's true Sella-Nasion were exactly 72 mm long: a sanity scale."""
    return SN_NORM_MM / sn_lengths(evaluation)[0]


def judge_scale(evaluation: Evaluation) -> ScaleFigures:
    """Each device's median S-N length in mm with a verdict, and one line for the first page."""
    lengths = sn_lengths(evaluation)[1]
    names = np.array([record.device for record in evaluation.records.records])
    devices = {}
    for name in sorted(set(names.tolist())):
        known = lengths[(names == name) & np.isfinite(lengths)]
        median = float(np.median(known)) if known.size else None
        low, high = np.quantile(known, [0.25, 0.75]).tolist() if known.size else (None, None)
        devices[name] = DeviceScale(
            num_images=int((names == name).sum()),
            sn_mm_median=median,
            sn_mm_quartiles=(low, high),
            factor_to_norm=SN_NORM_MM / median if median else None,
            verdict=judge_sn(median, known.size),
            mixed=bool(known.size >= 4 and (high - low) / median > _MIXED),
        )
    counted = {v: sum(d.num_images for d in devices.values() if d.verdict == v) for v in ("impossible", "doubtful")}
    return ScaleFigures(
        norm_mm=SN_NORM_MM,
        norm_range_mm=SN_NORM_RANGE_MM,
        devices=devices,
        num_impossible=counted["impossible"],
        num_doubtful=counted["doubtful"],
        line=_line(devices, len(names)),
    )


def _line(devices: dict[str, DeviceScale], total: int) -> str:
    norm = f"norm {SN_NORM_RANGE_MM[0]:g} to {SN_NORM_RANGE_MM[1]:g} mm"
    parts = []
    for verdict, words in (
        ("impossible", "impossible millimetres"),
        ("doubtful", "doubtful millimetres"),
        ("unknown", "no pixel size or no Sella-Nasion to check it with"),
    ):
        found = {name: d for name, d in devices.items() if d.verdict == verdict}
        if found:
            share = 100 * sum(d.num_images for d in found.values()) / total
            each = ", ".join(name + _found(device, norm) for name, device in found.items())
            parts.append(f"{share:.0f} % of the images have {words}: {each}")
    mixed = [name for name, d in devices.items() if d.mixed]
    if mixed:
        parts.append(f"mixed pixel sizes within {', '.join(mixed)}")
    return ". ".join(parts) if parts else f"Every device's median Sella-Nasion length agrees with anatomy ({norm})"


def _found(device: DeviceScale, norm: str) -> str:
    median = device.sn_mm_median
    if not median:
        return ""
    off = f"pixel size wrong by a factor of about {median / SN_NORM_MM:.2f}"
    if device.verdict == "doubtful":
        off = f"{abs(100 * (median / SN_NORM_MM - 1)):.0f} % {'short' if median < SN_NORM_MM else 'long'}"
    return f" (median S-N {median:.1f} mm, {norm}; {off})"
