"""The files of an evaluation of stages: report.html, metrics.json and .txt, predictions.csv."""

import csv
from html import escape
from pathlib import Path

import matplotlib
import numpy as np

from landmarks.cervical import STAGES
from landmarks.evaluation.report.page import card, figure, interval, number, page, paragraph, section, table
from landmarks.evaluation.report.plots import BLUE, GRID, INK, MUTED, STYLE, canvas, svg_text
from landmarks.evaluation.stages.judge import Figure, StageResults
from landmarks.jsonfile import plain, write_json
from landmarks.metrics import format_figure, format_table

TITLES = {
    "accuracy": "accuracy",
    "within_one": "within one stage",
    "kappa_quadratic": "quadratic weighted kappa",
    "kappa_linear": "linear weighted kappa",
    "precision_macro": "precision (PPV), macro",
    "precision_weighted": "precision (PPV), weighted",
    "sensitivity_macro": "sensitivity, macro",
    "sensitivity_weighted": "sensitivity, weighted",
    "specificity_macro": "specificity, macro",
    "specificity_weighted": "specificity, weighted",
    "npv_macro": "NPV, macro",
    "npv_weighted": "NPV, weighted",
    "f1_macro": "F1, macro",
    "f1_weighted": "F1, weighted",
    "auc_roc_macro": "AUC-ROC, one against rest, macro",
    "auc_roc_weighted": "AUC-ROC, one against rest, weighted",
    "auc_pr_macro": "AUC-PR, one against rest, macro",
    "auc_pr_weighted": "AUC-PR, one against rest, weighted",
    "ece": "expected calibration error",
    "log_loss": "log loss",
    "brier": "Brier score",
}
_BY_STAGE = {
    "precision": "precision (PPV)",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "npv": "NPV",
    "f1": "F1",
    "auc_roc": "AUC-ROC",
    "auc_pr": "AUC-PR",
}


def write_stage_report(output: Path, results: StageResults) -> None:
    """report.html, metrics.json, metrics.txt and predictions.csv."""
    output.mkdir(parents=True, exist_ok=True)
    write_json(output / "metrics.json", stage_metrics_dict(results))
    (output / "metrics.txt").write_text(stage_table(results) + "\n", encoding="utf-8")
    _write_predictions(output / "predictions.csv", results)
    (output / "report.html").write_text(stage_report(results), encoding="utf-8")


def stage_metrics_dict(results: StageResults) -> dict:
    """The content of metrics.json."""
    names = ("protocol", "overall", "by_stage", "confusion", "bins", "sets", "checkpoint")
    return {name: plain(getattr(results, name)) for name in names}


def stage_table(results: StageResults) -> str:
    """All figures with their intervals, and the confusion, as text."""
    rows = [[title, *_cells(results.overall[name])] for name, title in TITLES.items()]
    confusion = [[f"true {stage}", *map(str, row)] for stage, row in zip(STAGES, results.confusion, strict=True)]
    parts = [
        f"{results.protocol.num_images} films of split {results.protocol.split}",
        format_table(["", "value", "95 %"], rows),
        format_table(["films", *(f"found {stage}" for stage in STAGES)], confusion),
    ]
    if results.sets:
        sets = results.sets
        share = f"{100 * sets.coverage.value:.1f} % of {100 * sets.promised:g} % promised"
        parts.append(f"prediction sets: {share}, {sets.mean_size:.2f} stages on average")
    return "\n\n".join(parts)


def _cells(figure: Figure) -> list[str]:
    limits = figure.interval
    return [format_figure(figure.value, 3), f"[{limits[0]:.3f}, {limits[1]:.3f}]" if limits else ""]


def _write_predictions(path: Path, results: StageResults) -> None:
    """CSV, one row a film: image,stage,found,probability, then each stage's probability."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "stage", "found", "probability", *STAGES])
        for record, found in zip(results.records.records, results.probabilities, strict=True):
            true = STAGES[record.cvm_stage - 1] if record.cvm_stage else ""
            if np.isnan(found).any():
                rows.writerow([record.image_id, true])
                continue
            values = [f"{value:.4f}" for value in (found.max(), *found)]
            rows.writerow([record.image_id, true, STAGES[int(found.argmax())], *values])


def stage_report(results: StageResults) -> str:
    """One page that opens anywhere and prints well."""
    overall, protocol = results.overall, results.protocol
    cards = "".join(
        card(number(overall[name].value, 3), TITLES[name], interval(overall[name].interval, 3))
        for name in ("accuracy", "within_one", "kappa_quadratic", "ece")
    )
    figures = [[escape(TITLES[n]), number(f.value, 3), interval(f.interval, 3)] for n, f in overall.items()]
    about = "".join(f"<dt>{escape(k)}</dt><dd>{escape(str(v))}</dd>" for k, v in plain(protocol).items())
    body = [
        f"<h1>Cervical stages: evaluation of {escape(protocol.split)}</h1>",
        paragraph(f"{protocol.num_images} films; {escape(results.checkpoint)}", "lead"),
        f'<div class="cards">{cards}</div>',
        section("figures", "Figures", table(["", "value", "95 % interval"], figures)),
        section("confusion", "Confusion", _confusion(results), _by_stage(results)),
        section("calibration", "Calibration", figure(reliability(results), _reliability_caption(results)), _sets(results)),
        section("protocol", "Protocol", f"<dl>{about}</dl>"),
    ]
    return page(f"Cervical stages of {protocol.split}", "\n".join(body))


def _confusion(results: StageResults) -> str:
    most = max(int(results.confusion.max()), 1)
    rows = []
    for k, row in enumerate(results.confusion):
        shade = [f'<span style="background:rgba(43,106,153,{0.75 * n / most:.2f});padding:.2rem .6rem">{n}</span>' for n in row]
        rows.append([f"true {STAGES[k]}", *shade, str(int(row.sum()))])
    return table(["films", *(f"found {stage}" for stage in STAGES), "in all"], rows)


def _by_stage(results: StageResults) -> str:
    rows = [
        [stage, *(f"{number(values[n].value, 3)} {interval(values[n].interval, 2)}" for n in _BY_STAGE)]
        for stage, values in results.by_stage.items()
    ]
    return table(["", *_BY_STAGE.values()], rows)


def _reliability_caption(results: StageResults) -> str:
    return (
        "How often the most probable stage is right, against its mean probability in a bin of films, at temperature "
        f"{results.protocol.temperature:.2f}; the size of a dot is the number of films. On the line a model is calibrated."
    )


def _sets(results: StageResults) -> str:
    if results.sets is None:
        return paragraph("No prediction sets: the model is not calibrated (eval --calibrate 0.9 on validation films).", "note")
    sets = results.sets
    rows = [[str(size), str(num)] for size, num in enumerate(sets.sizes, start=1) if num]
    words = (
        f"Sets that promise {100 * sets.promised:g} % hold the true stage in {100 * sets.coverage.value:.1f} % of the films "
        f"{interval(sets.coverage.interval, 3)}, with {sets.mean_size:.2f} stages on average."
    )
    return paragraph(words) + table(["stages in the set", "films"], rows)


def reliability(results: StageResults) -> str:
    """The reliability diagram as SVG."""
    full = [part for part in results.bins if part.num]
    with matplotlib.rc_context(STYLE):
        drawing, ax = canvas(4.4, 4.0)
        ax.plot([0, 1], [0, 1], color=MUTED, linestyle=":")
        sizes = [20 + 300 * part.num / results.protocol.num_images for part in full]
        ax.scatter([p.confidence for p in full], [p.accuracy for p in full], s=sizes, color=BLUE, alpha=0.7, edgecolor=INK)
        ax.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel="share of right stages")
        ax.grid(color=GRID)
        return svg_text(drawing)
