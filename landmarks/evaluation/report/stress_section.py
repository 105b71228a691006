"""The stress test in the report and as files."""

import csv
from pathlib import Path

import matplotlib

from landmarks.evaluation.report.page import figure, number, paragraph, section, table
from landmarks.evaluation.report.plots import BLUE, GRID, STYLE, canvas, svg_text
from landmarks.evaluation.stress import GROSS_MM, STRENGTHS, StressFigures, StressRow
from landmarks.metrics import format_figure, format_table

_HEAD = ("corruption", "strength", "mre", "gross_percent", "sdr", "coverage")


def stress_section(stress: StressFigures) -> str:
    words = (
        f"{stress.num_images} films of the split, changed as the network sees them, by a fixed seed. "
        f"Mean over all corruptions: {number(stress.mean.mre)} {stress.unit}; "
        f"without any: {number(stress.clean.mre)} {stress.unit}."
    )
    heads = ["", *(f"{strength:.2f}" for strength in STRENGTHS), f"over {GROSS_MM:g} mm, %", "within radius, %"]
    rows = [_html_row(name, rows) for name, rows in _by_corruption(stress).items()]
    drawn = figure(
        _plot(stress), f"Mean radial error, {stress.unit}, at the three strengths; the line is the error without corruption."
    )
    return section("stress", "Stress test", paragraph(words, "note"), drawn, table(heads, rows))


def stress_table(stress: StressFigures) -> str:
    """The figures as a text table."""
    rows = [_text_row(row) for row in (stress.clean, *stress.rows, stress.mean)]
    return format_table(["", "strength", f"MRE {stress.unit}", f">{GROSS_MM:g} mm %", "SDR 2", "coverage"], rows)


def write_stress_csv(path: Path, stress: StressFigures) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*_HEAD[:2], f"mre_{stress.unit}", *_HEAD[3:]])
        for row in (stress.clean, *stress.rows, stress.mean):
            values = (getattr(row, name) for name in _HEAD[1:])
            writer.writerow([row.corruption, *("" if value is None else f"{value:.4f}" for value in values)])


def _by_corruption(stress: StressFigures) -> dict[str, list[StressRow]]:
    found: dict[str, list[StressRow]] = {}
    for row in stress.rows:
        found.setdefault(row.corruption, []).append(row)
    return found


def _html_row(name: str, rows: list[StressRow]) -> list[str]:
    strongest = rows[-1]
    return [name, *(number(row.mre) for row in rows), number(strongest.gross_percent, 1), number(strongest.coverage, 1)]


def _text_row(row: StressRow) -> list[str]:
    shares = (format_figure(share, 1) for share in (row.gross_percent, row.sdr, row.coverage))
    return [row.corruption, f"{row.strength:.2f}", format_figure(row.mre), *shares]


def _plot(stress: StressFigures) -> str:
    groups = _by_corruption(stress)
    with matplotlib.rc_context(STYLE):
        drawn, ax = canvas(6.4, 0.24 * len(groups) + 0.9)
        for height, rows in enumerate(groups.values()):
            values = [row.mre for row in rows if row.mre is not None]
            ax.plot(values, [height] * len(values), "o-", color=BLUE, markersize=3.5, linewidth=1)
        if stress.clean.mre is not None:
            ax.axvline(stress.clean.mre, color=GRID, linewidth=1.2)
        ax.set_yticks(range(len(groups)), list(groups))
        ax.set(xscale="log", xlabel=f"mean radial error, {stress.unit}")
        ax.invert_yaxis()
        return svg_text(drawn)
