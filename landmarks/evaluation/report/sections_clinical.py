"""The sections of the HTML report that show what errors mean: measurements, classes, confidence."""

from html import escape

from landmarks.evaluation.curves import Curves
from landmarks.evaluation.figures import (
    ClassAgreement,
    ClassFigures,
    ClinicalFigures,
    ConfidenceFigures,
    Figures,
    MeasurementFigures,
)
from landmarks.evaluation.report import plots
from landmarks.evaluation.report.page import figure, interval, number, paragraph, section, table

_UNITS = {"deg": "°"}
# Drawn where the set has them, nine at most.
_DRAWN = ("ANB", "SNA", "SNB", "Wits", "SN-GoGn", "FMA", "U1-SN", "IMPA", "Interincisal", "Convexity", "Jarabak ratio",
          "Facial angle", "Y axis", "Gonial angle", "Ls to Sn-Pog`")  # fmt: skip
_MARK = 80.0  # percent within 2 degrees or mm; coloured under it


def measurements_section(figures: Figures, curves: Curves) -> str:
    clinical, calibrated = figures.clinical, figures.confidence.calibrated
    if not clinical.measurements:
        return section("measurements", "Measurements", paragraph("This landmark set supports no measurement of the table."))
    header = ["", "true mean", "bias", "MAE", "SD", "limits of agreement", "within 2, %", "readers: MAE", "within 2, %"]
    header += ["interval ±", "holds, %"] if calibrated else []
    rows = [_measurement_row(name, row, bool(calibrated)) for name, row in clinical.measurements.items()]
    words = "Bias and limits: found minus true (Bland and Altman 1986). <em>Readers</em>: the two readers against each other. "
    if calibrated:
        words += "<em>Interval</em>: mean half width from the landmarks' calibrated error radii, first order; the errors' "
        words += "correlations are those of the calibration images where there are at least 30, otherwise they are taken as "
        words += "independent and round; <em>holds</em>: how often it has the true value "
        words += f"({calibrated.coverage_wanted:g} % wanted). "
    if clinical.without_pixel_size:
        words += f"{clinical.without_pixel_size} images have no pixel size: they count for angles and ratios only."
    parts = [table(header, rows), paragraph(words, "note"), _bland_altman_part(clinical, curves)]
    parts += [_class_part(title, part, clinical.class_agreement[title]) for title, part in clinical.classes.items()]
    parts.append(_repeatability_part(clinical))
    return section("measurements", "Measurements", *parts, _definitions(clinical.measurements))


def _bland_altman_part(clinical: ClinicalFigures, curves: Curves) -> str:
    rows = clinical.measurements
    drawn = ""
    for name in [name for name in _DRAWN if name in rows and rows[name].num >= 2][:9]:
        title = f"{name}, {_UNITS.get(rows[name].unit, rows[name].unit)}"
        drawn += figure(plots.bland_altman(*curves.measured[name], title, rows[name]), "")
    words = "Found minus true against their mean. Line: bias; dashed: limits of agreement; green: 2 degrees or 2 mm."
    return f'<div class="small">{drawn}</div>{paragraph(words, "note")}' if drawn else ""


def _measurement_row(name: str, row: MeasurementFigures, with_intervals: bool) -> list[str]:
    within = number(row.within_2, 1)
    if row.within_2 is not None and row.within_2 < _MARK:
        within = f'<span class="bad">{within}</span>'
    cells = [f"{escape(name)}, {_UNITS.get(row.unit, row.unit)}", number(row.mean_true, 1)]
    cells += [f"{number(row.bias)} {interval(row.bias_interval)}", number(row.mae), number(row.sd)]
    cells += [f"{number(row.lower)} to {number(row.upper)}", within]
    cells += [number(row.reader_mae), number(row.reader_within_2, 1)]
    return [*cells, *((number(row.interval_half_width, 1), number(row.interval_coverage, 1)) if with_intervals else ())]


def _repeatability_part(clinical: ClinicalFigures) -> str:
    pairs = list(next(iter(clinical.repeatability.values()), {}))
    rows = []
    for name, by_pair in clinical.repeatability.items():
        cells = [
            cell
            for row in by_pair.values()
            for cell in (number(row.dahlberg), f"{number(row.icc)} {interval(row.icc_interval)}")
        ]
        rows.append([escape(name), *cells])
    header = ["", *(cell for pair in pairs for cell in (f"{escape(pair)}: Dahlberg", "ICC(2,1)"))]
    words = "Error of a single reading (Dahlberg, in the measurement's unit) and intraclass correlation for absolute agreement "
    words += (
        "with its 95 % interval (Shrout and Fleiss 1979; McGraw and Wong 1996). repeatability.csv has the limits of agreement "
    )
    words += "with their intervals (Bland and Altman 1999)."
    return "<h3>Repeatability</h3>" + paragraph(words, "note") + table(header, rows)


def _class_part(title: str, part: ClassFigures, pairs: dict[str, ClassAgreement]) -> str:
    low, high = part.borders
    rows = [
        [f"true {escape(name)}", *(str(v) for v in counts), str(sum(counts))]
        for name, counts in zip(part.names, part.table, strict=True)
    ]
    words = f"{escape(part.measurement)} below {low:g}, {low:g} to {high:g}, above {high:g} degrees ({escape(part.source)}). "
    words += f"Agreement {number(part.agreement, 1)} % of {part.num}, Cohen's kappa {number(part.kappa)}"
    if part.reader_agreement is not None:
        words += f"; the two readers agree in {number(part.reader_agreement, 1)} %"
    if part.uncertain:
        unsure = part.uncertain
        words += f". {unsure.num} of {unsure.num_tested} are uncertain, their interval crosses a border: agreement "
        words += f"{number(unsure.agreement_uncertain, 1)} % there, {number(unsure.agreement_certain, 1)} % among the others"
    words += "".join(f". {escape(pair)}: {number(row.agreement, 1)} %, weighted kappa {number(row.weighted_kappa)}"
                     for pair, row in pairs.items())  # fmt: skip
    header = ["", *(f"found {escape(name)}" for name in part.names), "sum"]
    return f"<h3>{escape(title)}</h3>" + paragraph(words + ".") + table(header, rows)


def _definitions(measurements: dict[str, MeasurementFigures]) -> str:
    rows = []
    for name, row in measurements.items():
        norm = escape(row.norm) if row.norm else "–"
        rows.append([escape(name), norm, *(escape(words) for words in (" ".join(row.landmarks), row.sign, row.source))])
    header = ["", "norm", "landmarks", "larger means", "source"]
    return "<h3>Definitions</h3>" + table(header, rows, words=(2, 3, 4))


def confidence_section(confidence: ConfidenceFigures, curves: Curves) -> str:
    gross, check = confidence.gross, ""
    curve = figure(plots.review_curve(gross), "A review of the least confident points first.") if gross and gross.num else ""
    if curves.radius_tenths:
        words = "Tenths of the points by their radius: the wanted share of the errors should lie on the line."
        check = figure(plots.radius_check(curves.radius_tenths, curves.unit), words)
    parts = [paragraph(_review_words(confidence)), _coverage_part(confidence), f'<div class="pair">{curve}{check}</div>']
    return section("confidence", "Confidence", *parts, _correlation_table(confidence), _radius_table(confidence))


def _review_words(confidence: ConfidenceFigures) -> str:
    gross = confidence.gross
    if not gross:
        return "Without pixel sizes no error is gross: the mark is in millimetres."
    if not gross.num:
        return f"No error is over {gross.threshold_mm:g} mm."
    caught = " and ".join(f"{number(v, 0)} % with the least confident {k} %" for k, v in gross.caught_percent.items())
    return (
        f"{gross.num} of {gross.num_points} points ({100 * gross.num / gross.num_points:.1f} %) are off by more "
        f"than {gross.threshold_mm:g} mm. A review of the doubtful points would find {caught}."
    )


def _coverage_part(confidence: ConfidenceFigures) -> str:
    found, unit = confidence.calibrated, confidence.unit
    if found is None:
        return paragraph(
            "Not calibrated: run the evaluation of the validation part with --calibrate to get error radii.", "note"
        )
    if not confidence.num_images:
        return paragraph("All of these images made the calibration, so they cannot test it.")
    words = f"Error radii for {found.coverage_wanted:g} % coverage, calibrated per landmark on "
    words += f"{found.num_calibration_images} images (split conformal) and tested on the other {confidence.num_images}: "
    words += f"{number(found.by_map.coverage, 1)} % {interval(found.by_map.interval, 1)} of the points lie within, "
    words += f"mean radius {number(found.by_map.mean_radius)} {unit}. A fixed radius per landmark that ignores the map: "
    words += f"{number(found.fixed.coverage, 1)} %, {number(found.fixed.mean_radius)} mm."
    return paragraph(words)


def _correlation_table(confidence: ConfidenceFigures) -> str:
    rows = [
        [escape(name), number(part.all), number(part.within_landmarks)] for name, part in confidence.rank_correlation.items()
    ]
    return "<h3>Rank correlation with the error</h3>" + table(["", "all points", "within a landmark, mean"], rows)


def _radius_table(confidence: ConfidenceFigures) -> str:
    found = confidence.calibrated
    if found is None or not confidence.num_images:
        return ""
    rows = []
    for symbol, part in found.landmarks.items():
        row = [escape(symbol), str(part.num_calibration), str(part.num_points)]
        row += [f"{number(part.coverage, 1)} {interval(part.interval, 1)}", number(part.mean_radius)]
        rows.append([*row, number(part.fixed_radius)])
    header = ["", "calibration images", "tested points", "covered, %", f"mean radius, {confidence.unit}", "fixed radius, mm"]
    return "<h3>Error radius per landmark</h3>" + table(header, rows)
