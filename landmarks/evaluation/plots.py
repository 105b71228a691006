"""The pictures of a report, as SVG text that needs nothing from outside."""

import io

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from landmarks.metrics import SDR_RADII_MM
from landmarks.schema import HARD12_WEIGHTS

INK, MUTED, GRID = "#26323c", "#7d8a94", "#e3e8ec"
BLUE, ORANGE, GREEN, RED = "#2b6a99", "#d17a22", "#3f8a5b", "#b8402f"
VERDICT_COLOURS = {"plausible": GREEN, "doubtful": ORANGE, "impossible": RED, "unknown": MUTED}
STYLE = {
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
    FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def cumulative_curve(error_mm: np.ndarray, between_mm: np.ndarray | None) -> str:
    """Share of points within each radius, the SDR radii marked, the two readers' distance beside it."""
    with matplotlib.rc_context(STYLE):
        figure, ax = canvas(6.4, 3.7)
        for radius in SDR_RADII_MM:
            ax.axvline(radius, color=GRID, linewidth=1.2)
            share = 100 * (error_mm[np.isfinite(error_mm)] <= radius).mean()
            ax.plot(radius, share, "o", color=BLUE, markersize=4)
        if between_mm is not None:
            _steps(ax, between_mm, color=ORANGE, linestyle="--", label="reader to reader")
        _steps(ax, error_mm, color=BLUE, linestyle="-", label="model to ground truth")
        ax.set(xlim=(0, 8), ylim=(0, 101), xlabel="radial error, mm", ylabel="points within, %")
        ax.set_xticks([0, 1, *SDR_RADII_MM, 5, 6, 7, 8], [f"{v:g}" for v in (0, 1, *SDR_RADII_MM, 5, 6, 7, 8)])
        ax.grid(axis="y")
        ax.legend(frameon=False, loc="lower right")
        return svg_text(figure)


def _steps(ax, values: np.ndarray, *, color: str, linestyle: str, label: str) -> None:
    known = np.sort(values[np.isfinite(values)])
    ax.plot(
        known, 100 * np.arange(1, known.size + 1) / known.size, color=color, linestyle=linestyle, label=label, linewidth=1.8
    )


def landmark_boxes(errors: np.ndarray, symbols: tuple[str, ...], floor: list[float] | None, unit: str) -> str:
    """Error of each landmark, sorted by median: box 25 to 75 %, whiskers 5 to 95 %, mean; the readers' mean distance."""
    known = {s: errors[np.isfinite(errors[:, k]), k] for k, s in enumerate(symbols)}
    order = sorted((s for s in symbols if known[s].size), key=lambda s: -np.median(known[s]))
    with matplotlib.rc_context(STYLE):
        figure, ax = canvas(6.4, 1.0 + 0.27 * max(len(order), 1))
        for place, symbol in enumerate(order):
            low, first, median, third, high = np.quantile(known[symbol], [0.05, 0.25, 0.5, 0.75, 0.95])
            colour = RED if symbol in HARD12_WEIGHTS else BLUE
            ax.plot([low, high], [place, place], color=colour, linewidth=1)
            ax.barh(place, third - first, left=first, height=0.6, color=colour, alpha=0.28)
            ax.plot([median, median], [place - 0.3, place + 0.3], color=colour, linewidth=2)
            ax.plot(known[symbol].mean(), place, "o", color=colour, markersize=4)
            if floor is not None and np.isfinite(floor[symbols.index(symbol)]):
                ax.plot(floor[symbols.index(symbol)], place, "D", color=ORANGE, markersize=5, markerfacecolor="white")
        ax.set_yticks(range(len(order)), order)
        for label in ax.get_yticklabels():
            label.set_color(RED if label.get_text() in HARD12_WEIGHTS else INK)
        ax.set(xlabel=f"radial error, {unit}", xlim=(0, None), ylim=(-0.6, len(order) - 0.4))
        if unit == "mm":
            ax.axvline(2, color=MUTED, linewidth=0.8, linestyle=":")
        ax.grid(axis="x")
        return svg_text(figure)


def device_scales(lengths_mm: np.ndarray, devices: np.ndarray, scale: dict) -> str:
    """Each image's Sella-Nasion length by device, the anatomical norm as a band."""
    names = [name for name, device in scale["devices"].items() if device["sn_mm_median"]]
    rng = np.random.default_rng(0)
    with matplotlib.rc_context(STYLE):
        figure, ax = canvas(6.4, 1.1 + 0.42 * max(len(names), 1))
        norm = scale["norm_mm"]
        ax.axvspan(0.9 * norm, 1.1 * norm, color=GREEN, alpha=0.10, linewidth=0)
        ax.axvspan(*scale["norm_range_mm"], color=GREEN, alpha=0.35, linewidth=0)
        for place, name in enumerate(reversed(names)):
            device = scale["devices"][name]
            colour = VERDICT_COLOURS[device["verdict"]]
            known = lengths_mm[(devices == name) & np.isfinite(lengths_mm)]
            ax.plot(known, place + rng.uniform(-0.22, 0.22, known.size), ".", color=colour, alpha=0.45, markersize=4)
            ax.plot([device["sn_mm_median"]] * 2, [place - 0.34, place + 0.34], color=colour, linewidth=2.5)
        ax.set_yticks(range(len(names)), list(reversed(names)))
        ax.set(xlabel="Sella-Nasion by the given pixel size, mm")
        ax.set(xlim=(0, None), ylim=(-0.6, len(names) - 0.4))
        ax.grid(axis="x")
        return svg_text(figure)


def bland_altman(found: np.ndarray, true: np.ndarray, title: str, row: dict) -> str:
    """Found minus true [N] against their mean, with bias and limits of agreement, of one measurement."""
    with matplotlib.rc_context(STYLE | {"font.size": 9}):
        figure, ax = canvas(3.3, 2.4)
        ax.axhspan(-2, 2, color=GREEN, alpha=0.08, linewidth=0)
        ax.plot((found + true) / 2, found - true, ".", color=BLUE, alpha=0.5, markersize=4)
        ax.axhline(row["bias"], color=INK, linewidth=1.2)
        for limit in (row["lower"], row["upper"]):
            ax.axhline(limit, color=RED, linewidth=1, linestyle="--")
        ax.set_title(title, fontsize=10, loc="left")
        ax.grid(axis="y")
        return svg_text(figure)


def review_curve(gross: dict) -> str:
    """Gross errors found against points reviewed, the least confident first."""
    with matplotlib.rc_context(STYLE):
        figure, ax = canvas(4.7, 3.3)
        ax.plot([0, 100], [0, 100], color=MUTED, linestyle=":", label="in any order")
        ax.plot(*np.array(gross["curve"], dtype=float).T, color=BLUE, linewidth=1.8, label="least confident first")
        ax.set(xlim=(0, 100), ylim=(0, 101), xlabel="points reviewed, %", ylabel="gross errors found, %")
        ax.grid()
        ax.legend(frameon=False, loc="lower right")
        return svg_text(figure)


def radius_check(error: np.ndarray, radius: np.ndarray, coverage: float, unit: str) -> str:
    """Errors of the points by tenths of their calibrated radius; empty where no radius is finite."""
    known = np.isfinite(error) & np.isfinite(radius)
    if not known.any():
        return ""
    parts = [part for part in np.array_split(np.argsort(radius[known], kind="stable"), 10) if part.size]
    middle = [radius[known][part].mean() for part in parts]
    with matplotlib.rc_context(STYLE):
        figure, ax = canvas(4.7, 3.3)
        for share, style, colour in ((coverage, "o-", BLUE), (0.5, "s--", MUTED)):
            reached = [np.quantile(error[known][part], share) for part in parts]
            ax.plot(middle, reached, style, color=colour, markersize=4, label=f"{100 * share:.0f} % of the errors")
        top = 1.05 * max(middle)
        ax.plot([0, top], [0, top], color=ORANGE, linewidth=1.2, label="error = radius")
        ax.set(xlim=(0, top), ylim=(0, None), xlabel=f"calibrated radius, {unit}", ylabel=f"error, {unit}")
        ax.grid()
        ax.legend(frameon=False, loc="upper left")
        return svg_text(figure)
