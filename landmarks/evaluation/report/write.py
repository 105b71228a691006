"""The files of an evaluation: report.html, metrics.json and their tables."""

from pathlib import Path

from landmarks import draw
from landmarks.evaluation.curves import Case, Curves
from landmarks.evaluation.figures import ErrorFigures, Figures
from landmarks.evaluation.files import (
    latex_table,
    metrics_dict,
    write_figures_csv,
    write_measurements_csv,
    write_predictions,
)
from landmarks.evaluation.judge import Results
from landmarks.evaluation.repeatability import write_repeatability_csv
from landmarks.evaluation.report import sections, sections_clinical
from landmarks.evaluation.report.page import page
from landmarks.evaluation.report.stress_section import stress_section, write_stress_csv
from landmarks.evaluation.stress import StressFigures
from landmarks.jsonfile import write_json
from landmarks.metrics import format_figure, format_table
from landmarks.radiograph import read_gray
from landmarks.wholefile import remove_if_free


def write_report(output: Path, results: Results, stress: StressFigures | None = None) -> None:
    """report.html; metrics.json, .txt, .csv and .tex; measurements.csv; predictions.csv; overlays/ of chosen images.

    Of a stress test also stress.json and stress.csv.
    """
    figures, curves = results.figures, results.curves
    output.mkdir(parents=True, exist_ok=True)
    write_json(output / "metrics.json", metrics_dict(figures))
    (output / "metrics.txt").write_text(f"{headline(figures)}\n\n{figures_table(figures)}\n", encoding="utf-8")
    write_figures_csv(output / "metrics.csv", figures)
    (output / "metrics.tex").write_text(latex_table(figures), encoding="utf-8")
    write_measurements_csv(output / "measurements.csv", figures.clinical.measurements)
    write_repeatability_csv(output / "repeatability.csv", figures.clinical.repeatability)
    write_predictions(output / "predictions.csv", results.evaluation, curves.columns)
    _write_overlays(output / "overlays", curves.cases, tuple(figures.landmarks), curves.unit)
    if stress is not None:
        write_json(output / "stress.json", stress)
        write_stress_csv(output / "stress.csv", stress)
    (output / "report.html").write_text(html_report(figures, curves, stress), encoding="utf-8")


def html_report(figures: Figures, curves: Curves, stress: StressFigures | None = None) -> str:
    """One page that opens anywhere and prints well."""
    names = (
        "figures",
        "landmarks",
        "devices",
        "measurements",
        "confidence",
        *(["stress"] if stress else []),
        "cases",
        "protocol",
    )
    links = " ".join(f'<a href="#{name}">{name.capitalize()}</a>' for name in names)
    parts = [
        sections.first_page(figures),
        f"<nav>{links}</nav>",
        sections.figures_section(figures, curves),
        sections.landmarks_section(figures, curves),
        sections.devices_section(figures, curves),
        sections_clinical.measurements_section(figures, curves),
        sections_clinical.confidence_section(figures.confidence, curves),
        stress_section(stress) if stress else "",
        sections.cases_section(figures, curves),
        sections.protocol_section(figures),
    ]
    return page(f"Evaluation of {figures.protocol.split}", "\n".join(parts))


def headline(figures: Figures) -> str:
    """The lines a person reads first: the figures, then what makes them doubtful."""
    overall, left = figures.overall, figures.clinical.facing.left
    sdr = ", ".join(f"{r} mm {format_figure(share, 1)} %" for r, share in overall.sdr.items())
    limits = overall.intervals.mre_mm
    between = f" [{limits[0]:.3f}, {limits[1]:.3f}]" if limits else ""
    lines = [
        f"{overall.num_images} images, {overall.num_points} points: MRE {format_figure(overall.mre_mm, 3)} mm"
        f"{between} ({format_figure(overall.mre_px)} px); SDR {sdr}",
        f"scale: {figures.scale.line}",
    ]
    if left:
        lines.append(f"{len(left)} faces look left; their measurements are mirrored")
    return "\n".join(lines)


def figures_table(figures: Figures) -> str:
    """The figures as a text table: overall, groups, devices, landmarks."""
    header = ["", "points", "MRE mm", "SD mm", "median", "MRE px", *(f"SDR {r:g}" for r in figures.overall.sdr)]
    rows = [_row("all", figures.overall)]
    rows += [_row(name, group) for name, group in figures.groups.items()]
    if len(figures.devices) > 1:
        rows += [_row(name, device) for name, device in figures.devices.items()]
    rows += [_row(symbol, landmark) for symbol, landmark in figures.landmarks.items()]
    return format_table(header, rows)


def _row(name: str, part: ErrorFigures) -> list[str]:
    lengths = [format_figure(value) for value in (part.mre_mm, part.sd_mm, part.median_mm, part.mre_px)]
    return [name, str(part.num_points), *lengths, *(format_figure(share, 1) for share in part.sdr.values())]


def _write_overlays(folder: Path, cases: tuple[Case, ...], symbols: tuple[str, ...], unit: str) -> None:
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.png"):  # another evaluation of this split chose other images
        remove_if_free(old)
    for case in cases:
        title = f"{case.name}  {case.image_id}  MRE {case.mre:.2f} {unit}"
        image = read_gray(case.image_path)
        picture = draw.overlay(image, case.found_px, case.true_px, symbols=symbols, title=title)
        draw.write_picture(folder / f"{case.name}_{case.image_id}.png", picture)
