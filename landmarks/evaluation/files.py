"""The figures as files: JSON, CSV and LaTeX."""

import csv
from pathlib import Path

import numpy as np

from landmarks.evaluation.evaluate import Evaluation
from landmarks.evaluation.figures import ErrorFigures, Figures, MeasurementFigures
from landmarks.jsonfile import plain
from landmarks.metrics import format_figure

_SCOPES = ("groups", "devices", "landmarks")
_COLUMNS = (
    "num_points", "mre_mm", "sd_mm", "median_mm", "p95_mm", "max_mm", "mre_px", "sd_px", "median_px", "p95_px", "max_px",
    "mre_sn_mm", "median_sn_mm",
)  # fmt: skip


def metrics_dict(figures: Figures) -> dict:
    """The content of metrics.json."""
    content = plain(figures)
    for scope in ("landmarks", "groups"):
        for part in content[scope].values():
            del part["num_images"]
    if content["plausible_scale"] is None:
        del content["plausible_scale"]
    if content["readers"] is not None:
        content["readers"] |= content["readers"].pop("overall")
    return content.pop("overall") | content.pop("clinical") | content


def write_predictions(path: Path, evaluation: Evaluation, more: dict[str, np.ndarray]) -> None:
    """CSV, one row a point: image,symbol,x,y,peak,x_true,y_true,error_px,error_mm, then `more`; empty where unknown.

    `more` holds arrays [N, K] by column name.
    """
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "symbol", "x", "y", "peak", "x_true", "y_true", "error_px", "error_mm", *more])
        for i, record in enumerate(evaluation.records.records):
            for k, symbol in enumerate(evaluation.records.landmarks.symbols):
                values = [*evaluation.prediction.points_px[i, k], evaluation.prediction.peaks[i, k], *record.points_px[k]]
                values += [evaluation.error_px[i, k], evaluation.error_mm[i, k], *(part[i, k] for part in more.values())]
                writer.writerow([record.image_id, symbol, *("" if np.isnan(v) else f"{v:.4f}" for v in values)])


def write_figures_csv(path: Path, figures: Figures) -> None:
    """One row a scope: overall, groups, devices, landmarks, with the ends of the 95 % intervals."""
    rows = [("overall", "all", figures.overall)]
    rows += [(scope[:-1], name, part) for scope in _SCOPES for name, part in getattr(figures, scope).items()]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        radii = list(figures.overall.sdr)
        ends = [f"{name}_{end}" for name in ("mre_mm", *(f"sdr_{r}" for r in radii)) for end in ("low", "high")]
        writer.writerow(["scope", "name", *_COLUMNS, *(f"sdr_{r}" for r in radii), *ends])
        for scope, name, part in rows:
            limits = [part.intervals.mre_mm, *part.intervals.sdr.values()]
            values = [*(getattr(part, column) for column in _COLUMNS), *part.sdr.values()]
            values += [end for pair in limits for end in (pair or (None, None))]
            writer.writerow([scope, name, *("" if v is None else v for v in values)])


def write_measurements_csv(path: Path, measurements: dict[str, MeasurementFigures]) -> None:
    """One row a measurement, every number that the report shows."""
    keys = ("unit", "num", "mean_true", "bias", "mae", "sd", "lower", "upper", "within_2", "reader_mae", "interval_coverage")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["measurement", *keys])
        for name, row in measurements.items():
            values = [plain(getattr(row, key)) for key in keys]
            writer.writerow([name, *("" if value is None else value for value in values)])


def latex_table(figures: Figures) -> str:
    """A booktabs table: overall, groups, devices, landmarks; the protocol in its caption."""
    radii = list(figures.overall.sdr)
    lines = [
        "% needs \\usepackage{booktabs}",
        "\\begin{table}",
        "\\centering",
        f"\\caption{{{_tex(caption(figures))}}}",
        f"\\begin{{tabular}}{{l{'r' * (5 + len(radii))}}}",
        "\\toprule",
        "& \\multicolumn{1}{c}{MRE (95\\,\\% CI)} & SD & median & P95 & px & "
        + " & ".join(f"SDR {r:g}" for r in radii)
        + " \\\\",
        "\\midrule",
        _tex_row("all", figures.overall),
    ]
    for scope in _SCOPES:
        parts = getattr(figures, scope)
        if parts and not (scope == "devices" and len(parts) == 1):
            lines += ["\\midrule", *(_tex_row(name, part) for name, part in parts.items())]
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}", "\\end{table}"]) + "\n"


def caption(figures: Figures) -> str:
    """One sentence that a table or a figure needs to be understood alone."""
    protocol, scale = figures.protocol, figures.scale
    words = f"{protocol.format}, split {protocol.split}, {figures.overall.num_images} images, "
    words += f"{figures.overall.num_points} points of {len(figures.landmarks)} landmarks; ground truth: "
    words += f"{protocol.ground_truth}; errors in mm (source px times each image's pixel size), SDR in %"
    if scale.num_impossible + scale.num_doubtful:
        words += f". {scale.line}"
    return words


def _tex_row(name: str, part: ErrorFigures) -> str:
    pair = part.intervals.mre_mm
    between = f" ({pair[0]:.2f}--{pair[1]:.2f})" if pair else ""
    cells = [format_figure(part.mre_mm) + between, *(format_figure(v) for v in (part.sd_mm, part.median_mm, part.p95_mm))]
    cells += [format_figure(part.mre_px, 1), *(format_figure(share, 1) for share in part.sdr.values())]
    return " & ".join([_tex(name), *cells]) + " \\\\"


_TEX_SIGNS = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "`": "\\textasciigrave{}",
}  # fmt: skip


def _tex(words: str) -> str:
    return "".join(_TEX_SIGNS.get(sign, sign) for sign in words)


def evaluation_home(model: Path) -> Path:
    """Folder in which the evaluations of a model file lie: its run's, an ensemble's own, or one beside an ONNX file."""
    if model.suffix.lower() == ".json":
        return model.parent
    return model.with_suffix("") if model.suffix.lower() == ".onnx" else model.parent.parent
