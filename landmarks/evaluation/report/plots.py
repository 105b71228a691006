"""The pictures of a report, as SVG text that needs nothing from outside."""

import io
import warnings

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse

from landmarks.evaluation.curves import Box, RadiusTenths
from landmarks.evaluation.figures import GrossFigures, MeasurementFigures, ScaleFigures, Shares
from landmarks.evaluation.tracing import MeanTracing
from landmarks.schema import HARD12_WEIGHTS

INK, MUTED, GRID = "#26323c", "#7d8a94", "#e3e8ec"
BLUE, ORANGE, GREEN, RED = "#2b6a99", "#d17a22", "#3f8a5b", "#b8402f"
VERDICT_COLOURS = {"plausible": GREEN, "doubtful": ORANGE, "impossible": RED, "unknown": MUTED}
STYLE = {
    # names of devices and landmarks are text, never formulas
    "text.parse_math": False,
    "svg.fonttype": "none", "svg.hashsalt": "landmarks", "font.size": 10, "axes.edgecolor": MUTED, "axes.linewidth": 0.8,
    "axes.labelcolor": INK, "text.color": INK, "xtick.color": INK, "ytick.color": INK, "axes.spines.top": False,
    "axes.spines.right": False, "grid.color": GRID, "axes.axisbelow": True, "xtick.major.size": 3, "ytick.major.size": 3,
}  # fmt: skip


def canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """Sizes in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def svg_text(figure: Figure) -> str:
    buffer = io.StringIO()
    with warnings.catch_warnings():
        # names in other scripts: the page's reader has the font, this program needs none
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font")
        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def cumulative_curve(error_mm: np.ndarray, between_mm: np.ndarray | None, sdr: Shares) -> str:
    """Share of points within each radius, the SDR radii marked, the distance between two readers beside it.

    Args:
        error_mm, between_mm: sorted.
    """
    with matplotlib.rc_context(STYLE):
        figure, ax = canvas(6.4, 3.7)
        for radius, share in sdr.items():
            ax.axvline(radius, color=GRID, linewidth=1.2)
            ax.plot(radius, share, "o", color=BLUE, markersize=4)
        if between_mm is not None:
            _steps(ax, between_mm, color=ORANGE, linestyle="--", label="reader to reader")
        _steps(ax, error_mm, color=BLUE, linestyle="-", label="model to ground truth")
        ax.set(xlim=(0, 8), ylim=(0, 101), xlabel="radial error, mm", ylabel="points within, %")
        ax.set_xticks([0, 1, *sdr, 5, 6, 7, 8], [f"{v:g}" for v in (0, 1, *sdr, 5, 6, 7, 8)])
        ax.grid(axis="y")
        ax.legend(frameon=False, loc="lower right")
        return svg_text(figure)


def _steps(ax, known: np.ndarray, *, color: str, linestyle: str, label: str) -> None:
    ax.plot(
        known, 100 * np.arange(1, known.size + 1) / known.size, color=color, linestyle=linestyle, label=label, linewidth=1.8
    )


def landmark_boxes(boxes: dict[str, Box], floor: dict[str, float | None], unit: str) -> str:
    """Error of each landmark: box 25 to 75 %, whiskers 5 to 95 %, mean; `floor` is the mean distance between readers."""
    with matplotlib.rc_context(STYLE):
        figure, ax = canvas(6.4, 1.0 + 0.27 * max(len(boxes), 1))
        for row, (symbol, box) in enumerate(boxes.items()):
            low, first, median, third, high = box.quantiles
            colour = RED if symbol in HARD12_WEIGHTS else BLUE
            ax.plot([low, high], [row, row], color=colour, linewidth=1)
            ax.barh(row, third - first, left=first, height=0.6, color=colour, alpha=0.28)
            ax.plot([median, median], [row - 0.3, row + 0.3], color=colour, linewidth=2)
            ax.plot(box.mean, row, "o", color=colour, markersize=4)
            if floor.get(symbol):
                ax.plot(floor[symbol], row, "D", color=ORANGE, markersize=5, markerfacecolor="white")
        ax.set_yticks(range(len(boxes)), list(boxes))
        for label in ax.get_yticklabels():
            label.set_color(RED if label.get_text() in HARD12_WEIGHTS else INK)
        ax.set(xlabel=f"radial error, {unit}", xlim=(0, None), ylim=(-0.6, len(boxes) - 0.4))
        if unit == "mm":
            ax.axvline(2, color=MUTED, linewidth=0.8, linestyle=":")
        ax.grid(axis="x")
        return svg_text(figure)


def device_scales(lengths_mm: dict[str, np.ndarray], scale: ScaleFigures) -> str:
    """Each image's Sella-Nasion length by device, the anatomical norm as a band."""
    names = list(lengths_mm)
    rng = np.random.default_rng(0)
    with matplotlib.rc_context(STYLE):
        figure, ax = canvas(6.4, 1.1 + 0.42 * max(len(names), 1))
        norm = scale.norm_mm
        ax.axvspan(0.9 * norm, 1.1 * norm, color=GREEN, alpha=0.10, linewidth=0)
        ax.axvspan(*scale.norm_range_mm, color=GREEN, alpha=0.35, linewidth=0)
        for row, name in enumerate(reversed(names)):
            device = scale.devices[name]
            colour = VERDICT_COLOURS[device.verdict]
            known = lengths_mm[name]
            ax.plot(known, row + rng.uniform(-0.22, 0.22, known.size), ".", color=colour, alpha=0.45, markersize=4)
            ax.plot([device.sn_mm_median] * 2, [row - 0.34, row + 0.34], color=colour, linewidth=2.5)
        ax.set_yticks(range(len(names)), list(reversed(names)))
        ax.set(xlabel="Sella-Nasion by the given pixel size, mm")
        ax.set(xlim=(0, None), ylim=(-0.6, len(names) - 0.4))
        ax.grid(axis="x")
        return svg_text(figure)


def bland_altman(found: np.ndarray, true: np.ndarray, title: str, row: MeasurementFigures) -> str:
    """Found minus true [N] against their mean, with bias and limits of agreement, of one measurement."""
    with matplotlib.rc_context(STYLE | {"font.size": 9}):
        figure, ax = canvas(3.3, 2.4)
        ax.axhspan(-2, 2, color=GREEN, alpha=0.08, linewidth=0)
        ax.plot((found + true) / 2, found - true, ".", color=BLUE, alpha=0.5, markersize=4)
        ax.axhline(row.bias, color=INK, linewidth=1.2)
        for limit in (row.lower, row.upper):
            ax.axhline(limit, color=RED, linewidth=1, linestyle="--")
        ax.set_title(title, fontsize=10, loc="left")
        ax.grid(axis="y")
        return svg_text(figure)


def review_curve(gross: GrossFigures) -> str:
    """Gross errors found against points reviewed, the least confident first."""
    with matplotlib.rc_context(STYLE):
        figure, ax = canvas(4.7, 3.3)
        ax.plot([0, 100], [0, 100], color=MUTED, linestyle=":", label="in any order")
        ax.plot(*np.array(gross.curve, dtype=float).T, color=BLUE, linewidth=1.8, label="least confident first")
        ax.set(xlim=(0, 100), ylim=(0, 101), xlabel="points reviewed, %", ylabel="gross errors found, %")
        ax.grid()
        ax.legend(frameon=False, loc="lower right")
        return svg_text(figure)


def radius_check(tenths: RadiusTenths, unit: str) -> str:
    """Errors of the points by tenths of their calibrated radius."""
    with matplotlib.rc_context(STYLE):
        figure, ax = canvas(4.7, 3.3)
        for share, reached, style, colour in (
            (tenths.coverage, tenths.at_coverage, "o-", BLUE),
            (0.5, tenths.median, "s--", MUTED),
        ):
            ax.plot(tenths.radius, reached, style, color=colour, markersize=4, label=f"{100 * share:.0f} % of the errors")
        top = 1.05 * tenths.radius.max()
        ax.plot([0, top], [0, top], color=ORANGE, linewidth=1.2, label="error = radius")
        ax.set(xlim=(0, top), ylim=(0, None), xlabel=f"calibrated radius, {unit}", ylabel=f"error, {unit}")
        ax.grid()
        ax.legend(frameon=False, loc="upper left")
        return svg_text(figure)


def error_ellipses(tracing: MeanTracing) -> str:
    """The mean tracing with a 95 % error ellipse and the mean error (bias) at each landmark."""
    with matplotlib.rc_context(STYLE):
        figure, ax = canvas(6.4, 6.4)
        for line in tracing.lines:
            ax.plot(*np.array(line).T, color=GRID, linewidth=2.2, zorder=1)
        for symbol, point in tracing.points.items():
            if ellipse := tracing.ellipses.get(symbol):
                shape = {"xy": ellipse.centre, "width": ellipse.axes[0], "height": ellipse.axes[1], "angle": ellipse.degrees}
                ax.add_patch(Ellipse(**shape, facecolor=BLUE, alpha=0.13, edgecolor="none", zorder=2))
                ax.add_patch(Ellipse(**shape, fill=False, edgecolor=BLUE, linewidth=0.9, zorder=3))
                ax.plot(*zip(point, ellipse.centre, strict=True), color=RED, linewidth=1.6, zorder=4)
            ax.plot(*point, ".", color=INK, markersize=3, zorder=4)
            ax.annotate(symbol, point, xytext=(4, 4), textcoords="offset points", fontsize=8, color=MUTED, zorder=5)
        ax.set_aspect("equal")
        ax.invert_yaxis()
        ax.margins(0.08)
        ax.set_axis_off()
        _scale_bar(ax, 10 if tracing.unit == "mm" else 100, tracing.unit)
        return svg_text(figure)


def _scale_bar(ax: Axes, length: float, unit: str) -> None:
    right, bottom = ax.get_xlim()[1], max(ax.get_ylim())
    ax.plot([right - length, right], [bottom, bottom], color=INK, linewidth=2)
    ax.annotate(f"{length:g} {unit}", (right - length / 2, bottom), xytext=(0, 6), textcoords="offset points",
                ha="center", fontsize=9)  # fmt: skip
