"""The figures of an evaluation as types; `files.metrics_dict` writes them to metrics.json.

Lengths are in px or mm of the source image, shares in percent, and None stands for what is unknown. `sn_mm` is millimetres
if each image's true Sella-Nasion were exactly 72 mm long. An interval is the two ends of a 95 % interval.
"""

from dataclasses import dataclass

from landmarks.metrics import Summary

Interval = list[float] | None
Shares = dict[float, float | None]
"""Percent of points within a radius, by the radius in mm."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Intervals:
    mre_px: Interval
    mre_mm: Interval
    mre_sn_mm: Interval
    median_px: Interval
    median_mm: Interval
    median_sn_mm: Interval
    p95_mm: Interval
    sdr: dict[float, Interval]
    sdr_sn: dict[float, Interval]


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorFigures(Summary):
    """Errors of a group of points: all of them, a landmark's, a device's."""

    sd_px: float | None
    median_px: float | None
    p95_px: float | None
    max_px: float | None
    p95_mm: float | None
    max_mm: float | None
    mre_sn_mm: float | None
    median_sn_mm: float | None
    sdr_sn: Shares
    intervals: Intervals
    num_images: int | None = None
    """None for a landmark or a group of landmarks."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceScale:
    num_images: int
    sn_mm_median: float | None
    sn_mm_quartiles: tuple[float | None, float | None]
    factor_to_norm: float | None
    verdict: str
    """plausible, doubtful, impossible or unknown."""
    mixed: bool
    """Whether its images have different pixel sizes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ScaleFigures:
    """What the Sella-Nasion lengths say of the pixel sizes."""

    norm_mm: float
    norm_range_mm: tuple[float, float]
    devices: dict[str, DeviceScale]
    num_impossible: int
    num_doubtful: int
    line: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Floor:
    """Distance between two readers as the floor, beside the model's distance to each of them."""

    between: Summary
    model_to: dict[str, Summary]
    """By reader, and "mean" for the mean of both."""
    excess: float | None
    excess_interval: Interval
    floor: str | None
    """below, at or above."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReaderFigures:
    names: tuple[str, ...]
    unit: str
    identical: bool
    overall: Floor
    landmarks: dict[str, Floor]


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasurementFigures:
    """A measurement found against true (Bland and Altman), in its unit."""

    unit: str
    norm: str | None
    """In words, of an adult of unknown sex."""
    landmarks: tuple[str, ...]
    sign: str
    source: str
    num: int
    bias: float
    sd: float
    lower: float
    upper: float
    bias_interval: Interval
    mean_true: float | None
    mae: float | None
    within_2: float | None
    reader_mae: float | None
    reader_within_2: float | None
    interval_coverage: float | None
    interval_half_width: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class UncertainClasses:
    """Cases whose interval crosses a border between classes."""

    num: int
    num_tested: int
    agreement_certain: float | None
    agreement_uncertain: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassFigures:
    measurement: str
    borders: tuple[float, float]
    names: tuple[str, ...]
    source: str
    table: list[list[int]]
    """Counts, rows true and columns found."""
    num: int
    agreement: float | None
    kappa: float | None
    reader_agreement: float | None
    uncertain: UncertainClasses | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Repeatability:
    """Paired readings of one measurement, in its unit; NaN where too few are known."""

    num: int
    dahlberg: float
    icc: float
    """ICC(2,1)."""
    icc_interval: tuple[float, float]
    bias: float
    lower: float
    lower_interval: tuple[float, float]
    upper: float
    upper_interval: tuple[float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassAgreement:
    """Two assignments to the same ordered classes."""

    num: int
    agreement: float | None
    kappa: float | None
    weighted_kappa: float | None
    """With quadratic weights."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FacingFigures:
    """Ids of images whose face looks left."""

    left: list[str]
    left_by_truth: list[str]
    disagree: list[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class ClinicalFigures:
    measurements: dict[str, MeasurementFigures]
    classes: dict[str, ClassFigures]
    facing: FacingFigures
    accepted: float
    without_pixel_size: int
    repeatability: dict[str, dict[str, Repeatability]]
    """By measurement and pair of model and readers."""
    class_agreement: dict[str, dict[str, ClassAgreement]]
    """By title of the classes and pair."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Correlation:
    """Spearman's rank correlation with the error."""

    all: float | None
    within_landmarks: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class GrossFigures:
    """Errors above a threshold, and how many of them a review of the least confident points finds."""

    threshold_mm: float
    num: int
    num_points: int
    caught_percent: dict[int, float | None]
    """By the percentage of points reviewed."""
    curve: list[tuple[int, float | None]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Covered:
    num_points: int
    coverage: float | None
    interval: Interval
    mean_radius: float | None
    infinite_percent: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class LandmarkCoverage(Covered):
    num_calibration: int
    fixed_radius: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class CoverageFigures:
    """Error radii against the errors of images that did not calibrate them."""

    coverage_wanted: float
    num_calibration_images: int
    num_left_out: int
    infinite: list[str]
    by_map: Covered
    fixed: Covered
    landmarks: dict[str, LandmarkCoverage]


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfidenceFigures:
    unit: str
    num_images: int
    rank_correlation: dict[str, Correlation]
    gross: GrossFigures | None
    """None without pixel sizes."""
    calibrated: CoverageFigures | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Protocol:
    """How the figures were made."""

    format: str
    root: str
    split: str
    ground_truth: str
    exclude: str
    landmarks: tuple[str, ...]
    labels: str
    image_size: tuple[int, int]
    scale: str
    decoder: str
    tta: bool
    views: bool
    """Whether doubtful films were read in other views as well."""
    precision: str
    intervals: str
    num_unread: int
    num_images: int
    num_points: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """All figures of an evaluation.

    Example:
        figures = judge(evaluation, protocol)
        share = figures.devices["ART Plus"].sdr[2.0]
    """

    overall: ErrorFigures
    landmarks: dict[str, ErrorFigures]
    devices: dict[str, ErrorFigures]
    groups: dict[str, ErrorFigures]
    scale: ScaleFigures
    plausible_scale: ErrorFigures | None
    """Over images with a plausible scale, where there are others too."""
    readers: ReaderFigures | None
    """None where a set has not two readers."""
    clinical: ClinicalFigures
    confidence: ConfidenceFigures
    protocol: Protocol
    checkpoint: str = ""
