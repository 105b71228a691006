"""Errors on a mean tracing: where each landmark is missed, and in which direction."""

from dataclasses import dataclass

import numpy as np

from landmarks.evaluation.evaluate import Evaluation
from landmarks.evaluation.scale import sn_factors
from landmarks.measurements import facing
from landmarks.metrics import known_mean

# Lines that make a face of the points; each is drawn through the landmarks that the set has.
_LINES = (
    ("S", "N"), ("Po", "Or"), ("PNS", "ANS", "A"), ("Ar", "R", "Go", "Me", "Gn", "Pog", "B"), ("Co", "Ar"), ("UIA", "UIT"),
    ("LIA", "LIT"), ("UMT", "UPM"), ("LMT", "LPM"), ("N`", "Pn", "Sn", "Ls", "Li", "Pog`"),
)  # fmt: skip
# Radius of a 95 % ellipse of a two-dimensional Gaussian, in standard deviations: sqrt(-2 ln 0.05).
_ELLIPSE_95 = 2.4477


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorEllipse:
    """95 % of a Gaussian fitted to one landmark's errors."""

    centre: tuple[float, float]
    """Mean position of what was found."""
    axes: tuple[float, float]
    """Diameters."""
    degrees: float
    """Of the first axis against x."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MeanTracing:
    """The mean tracing of the truth with the errors of its landmarks; y points down."""

    points: dict[str, tuple[float, float]]
    ellipses: dict[str, ErrorEllipse]
    """Of landmarks with at least 3 errors."""
    lines: tuple[tuple[tuple[float, float], ...], ...]
    """Points of the curves that make a face of the landmarks."""
    unit: str
    normalised: bool
    """Whether each face is scaled to the same Sella-Nasion."""


def mean_tracing(evaluation: Evaluation, *, normalised: bool = False) -> MeanTracing:
    """The mean tracing in mm, in S-N-normalised mm where asked for, or in px where an image has no pixel size."""
    mean, errors, unit = mean_frame(evaluation, normalised)
    symbols = evaluation.records.landmarks.symbols
    points = {symbol: tuple(mean[k].tolist()) for k, symbol in enumerate(symbols)}
    ellipses = {}
    for k, symbol in enumerate(symbols):
        known = errors[np.isfinite(errors[:, k]).all(axis=1), k]
        if len(known) >= 3 and np.isfinite(mean[k]).all():
            ellipses[symbol] = _ellipse(mean[k], known)
    lines = (tuple(points[s] for s in line if s in points) for line in _LINES)
    lines = tuple(line for line in lines if len(line) > 1)
    return MeanTracing(points=points, ellipses=ellipses, lines=lines, unit=unit, normalised=normalised)


def _ellipse(point: np.ndarray, errors: np.ndarray) -> ErrorEllipse:
    values, vectors = np.linalg.eigh(np.cov(errors.T))
    axes = 2 * _ELLIPSE_95 * np.sqrt(np.maximum(values, 0))
    degrees = np.degrees(np.arctan2(vectors[1, 0], vectors[0, 0]))
    centre = point + errors.mean(axis=0)
    return ErrorEllipse(centre=tuple(centre.tolist()), axes=tuple(axes.tolist()), degrees=float(degrees))


def mean_frame(evaluation: Evaluation, normalised: bool) -> tuple[np.ndarray, np.ndarray, str]:
    """Mean tracing [K, 2] of the truth, and each point's error [N, K, 2] turned into its frame.

    In mm, in S-N-normalised mm where that is asked for, or in px where an image has no pixel size.

    Tracings are laid over each other by shift and rotation (Procrustes without scaling); faces that look left are mirrored.
    """
    symbols, sizes = evaluation.records.landmarks.symbols, evaluation.pixel_size
    scaled = np.isfinite(sizes).all()
    true = evaluation.true_px
    factors = sn_factors(evaluation)[:, None] if normalised else sizes if scaled else 1.0
    stretch = np.where(facing(true, symbols)[:, None] < 0, (-1.0, 1.0), (1.0, 1.0)) * factors
    shapes, errors = true * stretch[:, None], (evaluation.prediction.points_px - true) * stretch[:, None]
    known = np.isfinite(shapes).all(axis=2)
    mean = shapes[int(known.sum(axis=1).argmax())]
    for _ in range(3):
        turn, shift = _lay_over(shapes, known & np.isfinite(mean).all(axis=1), mean)
        placed, turned = shapes @ turn + shift[:, None], errors @ turn
        mean = known_mean(placed, axis=0)
    return mean, turned, "mm" if scaled or normalised else "px"


def _lay_over(shapes: np.ndarray, chosen: np.ndarray, onto: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotations [N, 2, 2] and shifts [N, 2] with shapes @ rotation + shift nearest to `onto` (Kabsch).

    By the points that `chosen` [N, K] marks; NaN where these are fewer than two.
    """
    count = np.maximum(chosen.sum(axis=1), 1)[:, None]
    centre = np.where(chosen[..., None], shapes, 0).sum(axis=1) / count
    target = np.where(chosen[..., None], onto, 0).sum(axis=1) / count
    offsets = np.where(chosen[..., None], shapes - centre[:, None], 0)
    u, _, v = np.linalg.svd(np.einsum("nki,nkj->nij", offsets, np.where(chosen[..., None], onto - target[:, None], 0)))
    flip = np.tile(np.eye(2), (len(shapes), 1, 1))
    flip[:, 1, 1] = np.sign(np.linalg.det(u @ v))
    turn = u @ flip @ v
    turn[chosen.sum(axis=1) < 2] = np.nan
    return turn, target - np.einsum("ni,nij->nj", centre, turn)
