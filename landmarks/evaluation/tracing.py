"""Errors on a mean tracing: where each landmark is missed, and in which direction."""

import matplotlib
import numpy as np
from matplotlib.patches import Ellipse

from landmarks.evaluation.evaluate import Evaluation
from landmarks.evaluation.plots import BLUE, GRID, INK, MUTED, RED, STYLE, canvas, svg_text
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
        placed, turned = np.full_like(shapes, np.nan), np.full_like(errors, np.nan)
        for i in range(len(shapes)):
            both = known[i] & np.isfinite(mean).all(axis=1)
            if both.sum() >= 2:
                turn, shift = _lay_over(shapes[i, both], mean[both])
                placed[i], turned[i] = shapes[i] @ turn + shift, errors[i] @ turn
        mean = known_mean(placed, axis=0)
    return mean, turned, "mm" if scaled or normalised else "px"


def _lay_over(points: np.ndarray, onto: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotation [2, 2] and shift [2] with points @ rotation + shift nearest to `onto` (Kabsch)."""
    u, _, v = np.linalg.svd((points - points.mean(0)).T @ (onto - onto.mean(0)))
    flip = np.diag([1.0, np.sign(np.linalg.det(u @ v))])
    turn = u @ flip @ v
    return turn, onto.mean(0) - points.mean(0) @ turn


def error_ellipses(evaluation: Evaluation, normalised: bool = False) -> str:
    """SVG of the mean tracing with a 95 % error ellipse and the mean error (bias) at each landmark."""
    mean, errors, unit = mean_frame(evaluation, normalised)
    symbols = evaluation.records.landmarks.symbols
    with matplotlib.rc_context(STYLE):
        figure, ax = canvas(6.4, 6.4)
        for line in _LINES:
            points = np.array([mean[symbols.index(s)] for s in line if s in symbols])
            if len(points) > 1:
                ax.plot(*points.T, color=GRID, linewidth=2.2, zorder=1)
        for k, symbol in enumerate(symbols):
            known = errors[np.isfinite(errors[:, k]).all(axis=1), k]
            if len(known) >= 3 and np.isfinite(mean[k]).all():
                _ellipse(ax, mean[k], known)
            ax.plot(*mean[k], ".", color=INK, markersize=3, zorder=4)
            ax.annotate(symbol, mean[k], xytext=(4, 4), textcoords="offset points", fontsize=8, color=MUTED, zorder=5)
        ax.set_aspect("equal")
        ax.invert_yaxis()
        ax.margins(0.08)
        ax.set_axis_off()
        _scale_bar(ax, 10 if unit == "mm" else 100, unit)
        return svg_text(figure)


def _ellipse(ax, centre: np.ndarray, errors: np.ndarray) -> None:
    bias, covariance = errors.mean(axis=0), np.cov(errors.T)
    values, vectors = np.linalg.eigh(covariance)
    axes = 2 * _ELLIPSE_95 * np.sqrt(np.maximum(values, 0))
    angle = np.degrees(np.arctan2(vectors[1, 0], vectors[0, 0]))
    place = centre + bias
    ax.add_patch(Ellipse(place, axes[0], axes[1], angle=angle, facecolor=BLUE, alpha=0.13, edgecolor="none", zorder=2))
    ax.add_patch(Ellipse(place, axes[0], axes[1], angle=angle, fill=False, edgecolor=BLUE, linewidth=0.9, zorder=3))
    ax.plot([centre[0], place[0]], [centre[1], place[1]], color=RED, linewidth=1.6, zorder=4)


def _scale_bar(ax, length: float, unit: str) -> None:
    right, bottom = ax.get_xlim()[1], max(ax.get_ylim())
    ax.plot([right - length, right], [bottom, bottom], color=INK, linewidth=2)
    ax.annotate(f"{length:g} {unit}", (right - length / 2, bottom), xytext=(0, 6), textcoords="offset points",
                ha="center", fontsize=9)  # fmt: skip
