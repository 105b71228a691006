"""The whole of one evaluation: predict a split with a checkpoint, judge it, write tables, pictures and the HTML report."""

import sys
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from landmarks import draw
from landmarks.config import Config
from landmarks.data.loading import BatchPlan, fingerprint, open_dataset
from landmarks.data.workers import make_loader
from landmarks.distributed import place
from landmarks.evaluation import sections, sections_clinical
from landmarks.evaluation.calibration import Calibration, doubt_px, mm_per_px, radii_px
from landmarks.evaluation.clinical import clinical_figures
from landmarks.evaluation.confidence import confidence_figures
from landmarks.evaluation.evaluate import (
    Evaluation,
    evaluate_prediction,
    figures_table,
    predict_batches,
    report_unreadable,
    unit_errors,
    validation_batch_size,
)
from landmarks.evaluation.figures import full_figures
from landmarks.evaluation.page import page
from landmarks.evaluation.tables import latex_table, write_figures_csv, write_measurements_csv, write_metrics, write_predictions
from landmarks.formats.records import DataError, RecordSet
from landmarks.inference.predictor import Predictor
from landmarks.metrics import format_figure, known_mean
from landmarks.radiograph import read_gray
from landmarks.schema import LandmarkSet

_PICTURES = 3  # best, median and worst cases, this many each


def evaluate_split(
    predictor: Predictor, config: Config, split: str, *, calibration: Calibration | None = None
) -> tuple[Evaluation, dict]:
    """Predicts a split and judges it over the landmarks that the model and the data both have.

    Returns: the evaluation, and its figures with the protocol that made them.
    Raises: DataError where the data cannot be used or shares no landmark with the model.
    """
    records, dataset = open_dataset(config.data, split, augment=None, seed=config.train.seed)
    columns, records = _common(predictor.landmarks, records)
    here = place()
    size = validation_batch_size(config.train, here.size)
    plan = BatchPlan(len(dataset), size, seed=0, shuffle=False, rank=here.rank, ranks=here.size)
    loader = make_loader(dataset, plan, config.data, pin_memory=predictor.device.type == "cuda")

    batches = tqdm(loader, desc=f"predict {split}", unit="batch", file=sys.stderr, disable=here.rank > 0)
    prediction = predict_batches(predictor, batches, len(dataset), fail=partial(report_unreadable, config.data))
    evaluation = evaluate_prediction(records, prediction.select(columns))
    protocol = _protocol(predictor, config, split, evaluation)
    return evaluation, judge(evaluation, protocol, calibration)


def judge(evaluation: Evaluation, protocol: dict, calibration: Calibration | None = None) -> dict:
    """All figures of an evaluation, with their protocol."""
    landmarks = evaluation.records.landmarks
    figures = full_figures(evaluation, {name: landmarks.members(name) for name in landmarks.groups})
    figures |= clinical_figures(evaluation, calibration)
    figures["confidence"] = confidence_figures(evaluation, calibration)
    figures["protocol"] = protocol | {"num_images": figures["num_images"], "num_points": figures["num_points"]}
    return figures


def _protocol(predictor: Predictor, config: Config, split: str, evaluation: Evaluation) -> dict:
    return {
        "format": config.data.format,
        "root": config.data.root,
        "split": split,
        "ground_truth": config.data.ground_truth,
        "exclude": config.data.exclude,
        "landmarks": list(evaluation.records.landmarks.symbols),
        "labels": fingerprint(evaluation.records),
        "image_size": list(predictor.input_size),
        "scale": "source pixels times each image's pixel size",
        "decoder": f"Gaussian fit, radius 2 sigma, sigma {predictor.sigma:g} heatmap px",
        "tta": predictor.tta,
        "precision": predictor.precision,
        "intervals": "95 %, bootstrap over images (BCa for means and shares, percentile for quantiles)",
        "num_unread": int(np.isnan(evaluation.prediction.peaks).all(axis=1).sum()),
    }


def _common(landmarks: LandmarkSet, records: RecordSet) -> tuple[list[int], RecordSet]:
    """The model's maps, and the records, for the landmarks that both have."""
    symbols = landmarks.common_with(records.landmarks)
    if not symbols:
        raise DataError(
            f"no common landmark: the checkpoint has {', '.join(landmarks.symbols)}; "
            f"the data has {', '.join(records.landmarks.symbols)}"
        )
    return [landmarks.index(symbol) for symbol in symbols], records.select(symbols)


def headline(figures: dict) -> str:
    """The lines a person reads first: the figures, then what makes them doubtful."""
    sdr = ", ".join(f"{r} mm {format_figure(v, 1)} %" for r, v in figures["sdr"].items())
    limits = figures["intervals"]["mre_mm"]
    between = f" [{limits[0]:.3f}, {limits[1]:.3f}]" if limits else ""
    lines = [
        f"{figures['num_images']} images, {figures['num_points']} points: MRE {format_figure(figures['mre_mm'], 3)} mm"
        f"{between} ({format_figure(figures['mre_px'])} px); SDR {sdr}",
        f"scale: {figures['scale']['line']}",
    ]
    if figures.get("facing", {}).get("left"):
        lines.append(f"{len(figures['facing']['left'])} faces look left; their measurements are mirrored")
    return "\n".join(lines)


def write_report(output: Path, evaluation: Evaluation, figures: dict, calibration: Calibration | None = None) -> None:
    """report.html; metrics.json, .txt, .csv and .tex; measurements.csv; predictions.csv; overlays/ of chosen images."""
    output.mkdir(parents=True, exist_ok=True)
    write_metrics(output / "metrics.json", figures)
    (output / "metrics.txt").write_text(f"{headline(figures)}\n\n{figures_table(figures)}\n", encoding="utf-8")
    write_figures_csv(output / "metrics.csv", figures)
    (output / "metrics.tex").write_text(latex_table(figures), encoding="utf-8")
    write_measurements_csv(output / "measurements.csv", figures["measurements"])
    write_predictions(output / "predictions.csv", evaluation, _confidence_columns(evaluation, calibration))
    cases = chosen_cases(evaluation)
    _write_overlays(output / "overlays", evaluation, cases)
    (output / "report.html").write_text(html_report(evaluation, figures, calibration, cases), encoding="utf-8")


def html_report(evaluation: Evaluation, figures: dict, calibration: Calibration | None, cases: list[tuple[str, int]]) -> str:
    """One page that opens anywhere and prints well."""
    places = ("figures", "landmarks", "devices", "measurements", "confidence", "cases", "protocol")
    links = " ".join(f'<a href="#{name}">{name.capitalize()}</a>' for name in places)
    parts = [
        sections.first_page(figures),
        f"<nav>{links}</nav>",
        sections.figures_section(evaluation, figures),
        sections.landmarks_section(evaluation, figures),
        sections.devices_section(evaluation, figures),
        sections_clinical.measurements_section(evaluation, figures),
        sections_clinical.confidence_section(evaluation, figures, calibration),
        sections.cases_section(evaluation, cases),
        sections.protocol_section(figures),
    ]
    return page(f"Evaluation of {figures['protocol']['split']}", "\n".join(parts))


def _confidence_columns(evaluation: Evaluation, calibration: Calibration | None) -> dict[str, np.ndarray]:
    prediction = evaluation.prediction
    found = {"spread_px": prediction.spread_px, "outside": prediction.outside, "doubt_px": doubt_px(prediction)}
    if calibration is not None:
        radius = radii_px(calibration, evaluation)
        found |= {"radius_px": radius, "radius_mm": radius * mm_per_px(evaluation)[:, None]}
    return found


def _write_overlays(folder: Path, evaluation: Evaluation, cases: list[tuple[str, int]]) -> None:
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.png"):  # another evaluation of this split chose other images
        old.unlink()
    errors, unit = unit_errors(evaluation)
    for name, index in cases:
        record = evaluation.records.records[index]
        picture = draw.overlay(
            read_gray(record.image_path),
            evaluation.prediction.points_px[index],
            record.points_px,
            symbols=evaluation.records.landmarks.symbols,
            title=f"{name}  {record.image_id}  MRE {np.nanmean(errors[index]):.2f} {unit}",
        )
        draw.write_picture(folder / f"{name}_{record.image_id}.png", picture)


def chosen_cases(evaluation: Evaluation) -> list[tuple[str, int]]:
    """(name, index) of the best, median and worst images by their own MRE."""
    errors, _ = unit_errors(evaluation)
    mean = known_mean(errors, axis=1)
    order = [int(i) for i in np.argsort(mean) if np.isfinite(mean[i])]
    middle = max(0, len(order) // 2 - _PICTURES // 2)
    cases = {}
    for name, indices in (
        ("best", order[:_PICTURES]),
        ("worst", order[::-1][:_PICTURES]),
        ("median", order[middle : middle + _PICTURES]),
    ):
        for number, index in enumerate(indices, 1):
            cases.setdefault(index, f"{name}{number}")
    return [(name, index) for index, name in cases.items()]
