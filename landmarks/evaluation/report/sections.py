"""The sections of the HTML report that show errors: first page, figures, landmarks, devices, cases, protocol."""

from html import escape

from landmarks import draw
from landmarks.evaluation.curves import Case, Curves
from landmarks.evaluation.figures import ErrorFigures, Figures, Floor, ReaderFigures
from landmarks.evaluation.report import plots
from landmarks.evaluation.report.page import banner, card, figure, interval, number, paragraph, picture, section, table
from landmarks.jsonfile import plain
from landmarks.radiograph import read_gray
from landmarks.schema import HARD12_WEIGHTS

_TITLES = {"impossible": "These millimetres cannot be right", "doubtful": "Check the scale before quoting millimetres"}
_CROP_REACH = 0.045  # of the image's long side: about 11 mm


def first_page(figures: Figures) -> str:
    """Title, verdicts and the headline with its intervals."""
    protocol, overall = figures.protocol, figures.overall
    lead = (
        f"{overall.num_images} images, {overall.num_points} points of {len(figures.landmarks)} landmarks · "
        f"{escape(protocol.format)}, split {escape(protocol.split)} · ground truth: {escape(protocol.ground_truth)} "
        "· 95 % intervals by bootstrap over images"
    )
    top = f"<header><h1>Evaluation of {escape(protocol.split)}</h1>{paragraph(lead, 'lead')}</header>"
    return "\n".join([top, *_verdicts(figures), f'<div class="cards">{"".join(_cards(figures))}</div>'])


def _cards(figures: Figures) -> list[str]:
    overall, ends, readers = figures.overall, figures.overall.intervals, figures.readers
    if overall.mre_mm is not None:
        cards = [card(number(overall.mre_mm) + " mm", "mean radial error", interval(ends.mre_mm))]
        for r in (2.0, 4.0):
            cards.append(card(number(overall.sdr[r], 1) + " %", f"within {r:g} mm", interval(ends.sdr[r], 1)))
        cards.append(card(number(overall.median_mm) + " mm", "median", interval(ends.median_mm)))
        cards.append(card(number(overall.p95_mm) + " mm", "95th percentile", interval(ends.p95_mm)))
    else:
        cards = [card(number(overall.median_px, 1) + " px", "median", interval(ends.median_px, 1))]
    cards.append(card(number(overall.mre_px, 1) + " px", "mean radial error", interval(ends.mre_px, 1)))
    if overall.mre_sn_mm is not None:
        label = f"if every S-N were {figures.scale.norm_mm:g} mm"
        cards.append(card(number(overall.mre_sn_mm) + " mm", label, interval(ends.mre_sn_mm)))
    if readers and not readers.identical:
        between, unit = readers.overall.between.mre
        cards.append(card(f"{number(between)} {unit}", "reader to reader", "two people, same image"))
    return cards


def _verdicts(figures: Figures) -> list[str]:
    scale, facing, calibrated = figures.scale, figures.clinical.facing, figures.confidence.calibrated
    kind = "impossible" if scale.num_impossible else "doubtful" if scale.num_doubtful else "plausible"
    if kind == "plausible" and any(device.verdict == "unknown" for device in scale.devices.values()):
        kind = "doubtful"
    words = scale.line + "."
    if part := figures.plausible_scale:
        words += f" Over the {part.num_images} images with a plausible scale alone: MRE {number(part.mre_mm)} mm."
    found = [banner(kind, _TITLES.get(kind, "The scale agrees with anatomy"), words)]
    if facing.left or facing.disagree:
        words = f"{len(facing.left)} faces look left and were mirrored for the measurements: {_some(facing.left)}. "
        if facing.disagree:
            words += f"Prediction and truth disagree about the side in {_some(facing.disagree)}."
        found.append(banner("notice", "Faces that look left", words))
    if calibrated and calibrated.infinite:
        words = f"Too few calibration images for any finite radius at {calibrated.coverage_wanted:g} %: "
        found.append(banner("notice", "Infinite error radii", words + ", ".join(calibrated.infinite) + "."))
    if missing := figures.protocol.num_unread:
        found.append(banner("notice", "Images left out", f"{missing} images could not be read and count nowhere."))
    return found


def _some(names: list[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "") if names else "none"


def figures_section(figures: Figures, curves: Curves) -> str:
    overall = figures.overall
    scopes = [("all", overall)]
    if figures.plausible_scale:
        scopes.append(("plausible scale only", figures.plausible_scale))
    scopes += figures.groups.items()
    if len(figures.devices) > 1:
        scopes += figures.devices.items()
    means = [_mean_row(name, part, overall.num_images) for name, part in scopes]
    spread = [_spread_row(name, part) for name, part in scopes]
    curve = ""
    if overall.mre_mm is not None:
        curve = figure(plots.cumulative_curve(curves.error_mm, curves.between_mm, overall.sdr),
                       "Share of points within each radius; the dots are the success detection rates.")  # fmt: skip
    words = "In brackets 95 % intervals. <em>S-N mm</em>: each image scaled so that its true Sella-Nasion is "
    words += f"{figures.scale.norm_mm:g} mm long; a sanity scale that needs no pixel size, no clinical length."
    return section(
        "figures",
        "Figures",
        table(
            ["", "images", "points", "MRE, mm", "MRE, px", "MRE, S-N mm", "median, mm", "median, S-N mm"],
            means,
            bold_first=True,
        ),
        paragraph(words, "note"),
        table(["", "SD, mm", "P95, mm", "max, mm", *(f"within {r:g} mm, %" for r in overall.sdr)], spread, bold_first=True),
        curve,
    )


def _mean_row(name: str, part: ErrorFigures, num_images: int) -> list[str]:
    row = [escape(name), str(num_images if part.num_images is None else part.num_images), str(part.num_points)]
    for value, limits, digits in (
        (part.mre_mm, part.intervals.mre_mm, 2),
        (part.mre_px, part.intervals.mre_px, 1),
        (part.mre_sn_mm, part.intervals.mre_sn_mm, 2),
        (part.median_mm, part.intervals.median_mm, 2),
        (part.median_sn_mm, part.intervals.median_sn_mm, 2),
    ):
        row.append(f"{number(value, digits)} {interval(limits, digits)}")
    return row


def _spread_row(name: str, part: ErrorFigures) -> list[str]:
    row = [escape(name), number(part.sd_mm), f"{number(part.p95_mm)} {interval(part.intervals.p95_mm)}"]
    shares = [f"{number(share, 1)} {interval(part.intervals.sdr[r], 1)}" for r, share in part.sdr.items()]
    return [*row, number(part.max_mm), *shares]


def landmarks_section(figures: Figures, curves: Curves) -> str:
    unit = curves.unit
    readers = figures.readers if figures.readers and not figures.readers.identical else None
    floor = {symbol: in_unit(part.between, "mre", unit) for symbol, part in readers.landmarks.items()} if readers else {}
    caption = "Box: half of the errors; line: median; dot: mean; whiskers: 5 to 95 %. Red: the twelve hard landmarks. "
    caption += "Open diamond: mean distance between the two readers." if readers else ""
    boxes = figure(plots.landmark_boxes(curves.boxes, floor, unit), caption)
    scaled = ", each face scaled to the same Sella-Nasion" if curves.tracing.normalised else ""
    words = (
        f"Mean tracing of the truth{scaled}. Ellipse: 95 % of a Gaussian fitted to the errors; red line: the mean error (bias)."
    )
    ellipses = figure(plots.error_ellipses(curves.tracing), words)
    header = ["", f"MRE, {unit}", "SD", "median", "P95", "max", "≤ 2 mm, %", "≤ 2.5", "≤ 3", "≤ 4", "MRE, px", "S-N mm"]
    rows = [_landmark_row(s, part, unit) for s, part in figures.landmarks.items()]
    drawn = f'<div class="pair">{boxes}{ellipses}</div>'
    return section("landmarks", "Landmarks", drawn, table(header, rows), _readers_part(readers) if readers else "")


def in_unit(part: object, name: str, unit: str) -> float | None:
    """A figure in mm or in px: `mre` of a part is its `mre_mm` or `mre_px`."""
    return getattr(part, f"{name}_{unit}")


def _landmark_row(symbol: str, part: ErrorFigures, unit: str) -> list[str]:
    row = [_name(symbol), f"{number(in_unit(part, 'mre', unit))} {interval(in_unit(part.intervals, 'mre', unit))}"]
    row += [number(in_unit(part, name, unit)) for name in ("sd", "median", "p95", "max")]
    return [*row, *(number(share, 1) for share in part.sdr.values()), number(part.mre_px, 1), number(part.mre_sn_mm)]


def _name(symbol: str) -> str:
    return f'<span class="hard">{escape(symbol)}</span>' if symbol in HARD12_WEIGHTS else escape(symbol)


def _readers_part(readers: ReaderFigures) -> str:
    """The readers' distance to each other as the floor, beside the model's distance to each of them and their mean."""
    header = [
        "",
        f"reader to reader, {readers.unit}",
        *(f"model to {escape(name)}" for name in (*readers.names, "mean")),
        "excess over the floor",
        "floor",
    ]
    rows = [_floor_row("all", readers.overall, readers)]
    rows += [_floor_row(_name(symbol), part, readers) for symbol, part in readers.landmarks.items()]
    words = "<em>Excess</em>: the model's distance to a reader (mean of both) less the readers' distance to each other; at "
    words += "the floor where its 95 % interval holds zero. A model trained on the readers' mean can lie below the floor, "
    words += "because it does not share either reader's habits."
    return "<h3>The readers as the floor</h3>" + table(header, rows, bold_first=True) + paragraph(words, "note")


def _floor_row(name: str, part: Floor, readers: ReaderFigures) -> list[str]:
    kind = {"below": "good", "above": "bad"}.get(part.floor, "")
    row = [name, number(in_unit(part.between, "mre", readers.unit))]
    row += [number(in_unit(part.model_to[reader], "mre", readers.unit)) for reader in (*readers.names, "mean")]
    row += [f"{number(part.excess)} {interval(part.excess_interval)}"]
    return [*row, f'<span class="{kind}">{part.floor or "–"}</span>']


def devices_section(figures: Figures, curves: Curves) -> str:
    drawn = ""
    if curves.device_sn_mm:
        words = "Each dot an image; dark green: the norm of 71 to 73 mm, light green: 10 % around it. "
        words += "A device far off has a wrong pixel size."
        drawn = figure(plots.device_scales(curves.device_sn_mm, figures.scale), words)
    header = ["", "images", "S-N median, mm", "quartiles", "scale", "factor to norm", "MRE mm", "MRE px", "S-N mm"]
    rows = []
    for name, device in figures.scale.devices.items():
        part = figures.devices[name]
        kind = {"plausible": "good", "doubtful": "warn", "impossible": "bad"}.get(device.verdict, "")
        verdict = f'<span class="{kind}">{device.verdict}{", mixed sizes" if device.mixed else ""}</span>'
        low, high = device.sn_mm_quartiles
        row = [escape(name), str(device.num_images), number(device.sn_mm_median, 1), f"{number(low, 1)} to {number(high, 1)}"]
        row += [verdict, number(device.factor_to_norm), f"{number(part.mre_mm)} {interval(part.intervals.mre_mm)}"]
        rows.append([*row, f"{number(part.mre_px, 1)} {interval(part.intervals.mre_px, 1)}", number(part.mre_sn_mm)])
    words = "Plausible: median within 10 % of 72 mm, or further off by no more than so few images leave uncertain (9 mm over "
    words += "the root of their number). Doubtful: within 25 %. Impossible: beyond. Pixel sizes are never changed silently: "
    words += "mm are those of the data set."
    return section("devices", "Devices and scale", drawn, table(header, rows), paragraph(words, "note"))


def cases_section(figures: Figures, curves: Curves) -> str:
    order = {"best": 0, "median": 1, "worst": 2}
    cases = sorted(curves.cases, key=lambda case: (order[case.name[:-1]], case.name))
    parts = [_case(case, tuple(figures.landmarks), curves.unit) for case in cases]
    words = "Red: found. Green: ground truth. Beside each image its three worst landmarks, enlarged, contrast stretched."
    shown = f'<div class="pair cases">{"".join(parts)}</div>'
    return section("cases", "Best, median and worst images", paragraph(words, "note"), shown)


def _case(case: Case, symbols: tuple[str, ...], unit: str) -> str:
    image, found, true = read_gray(case.image_path), case.found_px, case.true_px
    title = f"{case.name[:-1]} {case.name[-1]}: {case.image_id}, MRE {case.mre:.2f} {unit}"
    whole = picture(draw.jpeg(draw.overlay(*draw.face_part(image, found, true), long_side=800, radius=5)), title)
    crops = ""
    for k, error in case.worst:
        words = f"{symbols[k]} {error:.2f} {unit}"
        cut = draw.jpeg(draw.zoom(image, found[k], true[k], reach=_CROP_REACH * max(image.shape)))
        crops += f'<div class="crop">{picture(cut, words)}{escape(words)}</div>'
    return f'<div class="case"><h3>{escape(title)}</h3>{whole}<div class="crops">{crops}</div></div>'


def protocol_section(figures: Figures) -> str:
    rows = ""
    for key, value in (plain(figures.protocol) | {"checkpoint": figures.checkpoint}).items():
        words = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        rows += f"<dt>{escape(key.replace('_', ' '))}</dt><dd>{escape(words) or '–'}</dd>"
    return section("protocol", "Protocol", f"<dl>{rows}</dl>")
