"""The sections of the HTML report that show errors: first page, figures, landmarks, devices, cases, protocol."""

from html import escape

import numpy as np

from landmarks import draw
from landmarks.evaluation import plots
from landmarks.evaluation.evaluate import Evaluation, unit_errors
from landmarks.evaluation.figures import reader_points
from landmarks.evaluation.page import banner, card, figure, interval, number, paragraph, picture, section, table
from landmarks.evaluation.scale import sn_lengths
from landmarks.evaluation.tracing import error_ellipses
from landmarks.metrics import radial_errors
from landmarks.radiograph import read_gray
from landmarks.schema import HARD12_WEIGHTS

_TITLES = {"impossible": "These millimetres cannot be right", "doubtful": "Check the scale before quoting millimetres"}
_CROPS = 3
_CROP_REACH = 0.045  # of the image's long side: about 11 mm


def first_page(figures: dict) -> str:
    """Title, verdicts and the headline with its intervals."""
    protocol, intervals = figures["protocol"], figures["intervals"]
    lead = (
        f"{figures['num_images']} images, {figures['num_points']} points of {len(figures['landmarks'])} landmarks · "
        f"{escape(protocol['format'])}, split {escape(protocol['split'])} · ground truth: {escape(protocol['ground_truth'])} "
        "· 95 % intervals by bootstrap over images"
    )
    if figures["mre_mm"] is not None:
        cards = [card(number(figures["mre_mm"]) + " mm", "mean radial error", interval(intervals["mre_mm"]))]
        cards += [
            card(number(figures["sdr"][r], 1) + " %", f"within {float(r):g} mm", interval(intervals["sdr"][r], 1))
            for r in ("2.0", "4.0")
        ]
        cards.append(card(number(figures["median_mm"]) + " mm", "median", interval(intervals["median_mm"])))
        cards.append(card(number(figures["p95_mm"]) + " mm", "95th percentile", interval(intervals["p95_mm"])))
    else:
        cards = [card(number(figures["median_px"], 1) + " px", "median", interval(intervals["median_px"], 1))]
    cards.append(card(number(figures["mre_px"], 1) + " px", "mean radial error", interval(intervals["mre_px"], 1)))
    if figures["mre_sn_mm"] is not None:
        norm = f"{figures['scale']['norm_mm']:g}"
        cards.append(
            card(number(figures["mre_sn_mm"]) + " mm", f"if every S-N were {norm} mm", interval(intervals["mre_sn_mm"]))
        )
    if figures["readers"] and not figures["readers"]["identical"]:
        between, unit = figures["readers"]["between"], figures["readers"]["unit"]
        cards.append(card(f"{number(between[f'mre_{unit}'])} {unit}", "reader to reader", "two people, same image"))
    top = f"<header><h1>Evaluation of {escape(protocol['split'])}</h1>{paragraph(lead, 'lead')}</header>"
    return "\n".join([top, *_verdicts(figures), f'<div class="cards">{"".join(cards)}</div>'])


def _verdicts(figures: dict) -> list[str]:
    scale, found = figures["scale"], []
    kind = "impossible" if scale["num_impossible"] else "doubtful" if scale["num_doubtful"] else "plausible"
    if kind == "plausible" and any(d["verdict"] == "unknown" for d in scale["devices"].values()):
        kind = "doubtful"
    words = scale["line"] + "."
    if "plausible_scale" in figures:
        part = figures["plausible_scale"]
        words += f" Over the {part['num_images']} images with a plausible scale alone: MRE {number(part['mre_mm'])} mm."
    found.append(banner(kind, _TITLES.get(kind, "The scale agrees with anatomy"), words))
    facing = figures["facing"]
    if facing["left"] or facing["disagree"]:
        words = f"{len(facing['left'])} faces look left and were mirrored for the measurements: {_some(facing['left'])}. "
        if facing["disagree"]:
            words += f"Prediction and truth disagree about the side in {_some(facing['disagree'])}."
        found.append(banner("notice", "Faces that look left", words))
    calibrated = (figures["confidence"] or {}).get("calibrated")
    if calibrated and calibrated["infinite"]:
        words = f"Too few calibration images for any finite radius at {calibrated['coverage_wanted']:g} %: "
        found.append(banner("notice", "Infinite error radii", words + ", ".join(calibrated["infinite"]) + "."))
    missing = figures["protocol"].get("num_unread", 0)
    if missing:
        found.append(banner("notice", "Images left out", f"{missing} images could not be read and count nowhere."))
    return found


def _some(names: list[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "") if names else "none"


def figures_section(evaluation: Evaluation, figures: dict) -> str:
    radii = list(figures["sdr"])
    scopes = [("all", figures)]
    if "plausible_scale" in figures:
        scopes.append(("plausible scale only", figures["plausible_scale"]))
    scopes += figures["groups"].items()
    if len(figures["devices"]) > 1:
        scopes += figures["devices"].items()
    means = [_mean_row(name, part, figures["num_images"]) for name, part in scopes]
    spread = [_spread_row(name, part) for name, part in scopes]
    norm = f"{figures['scale']['norm_mm']:g} mm"
    between, curve = None, ""
    if figures["readers"] and figures["readers"]["unit"] == "mm" and not figures["readers"]["identical"]:
        between = radial_errors(*reader_points(evaluation.records).values(), evaluation.pixel_size)[1]
    if figures["mre_mm"] is not None:
        curve = figure(plots.cumulative_curve(evaluation.error_mm, between),
                       "Share of points within each radius; the dots are the success detection rates.")  # fmt: skip
    words = f"In brackets 95 % intervals. <em>S-N mm</em>: each image scaled so that its true Sella-Nasion is {norm} long; "
    words += "a sanity scale that needs no pixel size, no clinical length."
    return section(
        "figures",
        "Figures",
        table(
            ["", "images", "points", "MRE, mm", "MRE, px", "MRE, S-N mm", "median, mm", "median, S-N mm"],
            means,
            bold_first=True,
        ),
        paragraph(words, "note"),
        table(["", "SD, mm", "P95, mm", "max, mm", *(f"within {float(r):g} mm, %" for r in radii)], spread, bold_first=True),
        curve,
    )


def _mean_row(name: str, part: dict, num_images: int) -> list[str]:
    intervals = part["intervals"]
    row = [escape(name), str(part.get("num_images", num_images)), str(part["num_points"])]
    for key, digits in (("mre_mm", 2), ("mre_px", 1), ("mre_sn_mm", 2), ("median_mm", 2), ("median_sn_mm", 2)):
        row.append(f"{number(part[key], digits)} {interval(intervals[key], digits)}")
    return row


def _spread_row(name: str, part: dict) -> list[str]:
    row = [escape(name), number(part["sd_mm"]), f"{number(part['p95_mm'])} {interval(part['intervals']['p95_mm'])}"]
    shares = [f"{number(share, 1)} {interval(part['intervals']['sdr'][r], 1)}" for r, share in part["sdr"].items()]
    return [*row, number(part["max_mm"]), *shares]


def landmarks_section(evaluation: Evaluation, figures: dict) -> str:
    errors, unit = unit_errors(evaluation)
    readers = figures["readers"] if figures["readers"] and not figures["readers"]["identical"] else None
    symbols = evaluation.records.landmarks.symbols
    floor = [readers["landmarks"][s]["between"][f"mre_{unit}"] or np.nan for s in symbols] if readers else None
    caption = "Box: half of the errors; line: median; dot: mean; whiskers: 5 to 95 %. Red: the twelve hard landmarks. "
    caption += "Open diamond: mean distance between the two readers." if readers else ""
    boxes = figure(plots.landmark_boxes(errors, symbols, floor, unit), caption)
    normalised = bool(figures["scale"]["num_impossible"])  # a face of twice the size has no place in a mean
    words = ", each face scaled to the same Sella-Nasion" if normalised else ""
    words = (
        f"Mean tracing of the truth{words}. Ellipse: 95 % of a Gaussian fitted to the errors; red line: the mean error (bias)."
    )
    ellipses = figure(error_ellipses(evaluation, normalised), words)
    header = ["", f"MRE, {unit}", "SD", "median", "P95", "max", "≤ 2 mm, %", "≤ 2.5", "≤ 3", "≤ 4", "MRE, px", "S-N mm"]
    rows = [_landmark_row(s, part, unit) for s, part in figures["landmarks"].items()]
    drawn = f'<div class="pair">{boxes}{ellipses}</div>'
    return section("landmarks", "Landmarks", drawn, table(header, rows), _readers_part(readers) if readers else "")


def _landmark_row(symbol: str, part: dict, unit: str) -> list[str]:
    row = [_name(symbol), f"{number(part[f'mre_{unit}'])} {interval(part['intervals'][f'mre_{unit}'])}"]
    row += [number(part[f"{key}_{unit}"]) for key in ("sd", "median", "p95", "max")]
    return [*row, *(number(share, 1) for share in part["sdr"].values()), number(part["mre_px"], 1), number(part["mre_sn_mm"])]


def _name(symbol: str) -> str:
    return f'<span class="hard">{escape(symbol)}</span>' if symbol in HARD12_WEIGHTS else escape(symbol)


def _readers_part(readers: dict) -> str:
    """The readers' distance to each other as the floor, beside the model's distance to each of them and their mean."""
    unit, names = readers["unit"], [*readers["names"], "mean"]
    header = [
        "",
        f"reader to reader, {unit}",
        *(f"model to {escape(name)}" for name in names),
        "excess over the floor",
        "floor",
    ]
    rows = []
    for symbol, part in (("all", readers), *readers["landmarks"].items()):
        kind = {"below": "good", "above": "bad"}.get(part["floor"], "")
        row = [symbol if symbol == "all" else _name(symbol), number(part["between"][f"mre_{unit}"])]
        row += [number(part["model_to"][name][f"mre_{unit}"]) for name in names]
        row += [f"{number(part['excess'])} {interval(part['excess_interval'])}"]
        rows.append([*row, f'<span class="{kind}">{part["floor"] or "–"}</span>'])
    words = "<em>Excess</em>: the model's distance to a reader (mean of both) less the readers' distance to each other; at "
    words += "the floor where its 95 % interval holds zero. A model trained on the readers' mean can lie below the floor, "
    words += "because it does not share either reader's habits."
    return "<h3>The readers as the floor</h3>" + table(header, rows, bold_first=True) + paragraph(words, "note")


def devices_section(evaluation: Evaluation, figures: dict) -> str:
    scale = figures["scale"]
    devices = np.array([record.device for record in evaluation.records.records])
    drawn = ""
    if any(device["sn_mm_median"] for device in scale["devices"].values()):
        words = "Each dot an image; dark green: the norm of 71 to 73 mm, light green: 10 % around it. "
        words += "A device far off has a wrong pixel size."
        drawn = figure(plots.device_scales(sn_lengths(evaluation)[1], devices, scale), words)
    header = ["", "images", "S-N median, mm", "quartiles", "scale", "factor to norm", "MRE mm", "MRE px", "S-N mm"]
    rows = []
    for name, device in scale["devices"].items():
        part = figures["devices"][name]
        kind = {"plausible": "good", "doubtful": "warn", "impossible": "bad"}.get(device["verdict"], "")
        verdict = f'<span class="{kind}">{device["verdict"]}{", mixed sizes" if device["mixed"] else ""}</span>'
        low, high = device["sn_mm_quartiles"]
        row = [
            escape(name),
            str(device["num_images"]),
            number(device["sn_mm_median"], 1),
            f"{number(low, 1)} to {number(high, 1)}",
        ]
        row += [verdict, number(device["factor_to_norm"]), f"{number(part['mre_mm'])} {interval(part['intervals']['mre_mm'])}"]
        rows.append(
            [*row, f"{number(part['mre_px'], 1)} {interval(part['intervals']['mre_px'], 1)}", number(part["mre_sn_mm"])]
        )
    words = "Plausible: median within 10 % of 72 mm, or further off by no more than so few images leave uncertain (9 mm over "
    words += "the root of their number). Doubtful: within 25 %. Impossible: beyond. Pixel sizes are never changed silently: "
    words += "mm are those of the data set."
    return section("devices", "Devices and scale", drawn, table(header, rows), paragraph(words, "note"))


def cases_section(evaluation: Evaluation, cases: list[tuple[str, int]]) -> str:
    order = {"best": 0, "median": 1, "worst": 2}
    parts = [_case(evaluation, name, index) for name, index in sorted(cases, key=lambda case: (order[case[0][:-1]], case[0]))]
    words = "Red: found. Green: ground truth. Beside each image its three worst landmarks, enlarged, contrast stretched."
    shown = f'<div class="pair cases">{"".join(parts)}</div>'
    return section("cases", "Best, median and worst images", paragraph(words, "note"), shown)


def _case(evaluation: Evaluation, name: str, index: int) -> str:
    record, symbols = evaluation.records.records[index], evaluation.records.landmarks.symbols
    errors, unit = unit_errors(evaluation)
    found, true, image = evaluation.prediction.points_px[index], record.points_px, read_gray(record.image_path)
    title = f"{name[:-1]} {name[-1]}: {record.image_id}, MRE {np.nanmean(errors[index]):.2f} {unit}"
    whole = picture(draw.jpeg(draw.overlay(*draw.face_part(image, found, true), long_side=800, radius=5)), title)
    worst = [int(k) for k in np.argsort(-np.nan_to_num(errors[index], nan=-1)) if np.isfinite(errors[index, k])][:_CROPS]
    crops = ""
    for k in worst:
        words = f"{symbols[k]} {errors[index, k]:.2f} {unit}"
        cut = draw.jpeg(draw.zoom(image, found[k], true[k], reach=_CROP_REACH * max(image.shape)))
        crops += f'<div class="crop">{picture(cut, words)}{escape(words)}</div>'
    return f'<div class="case"><h3>{escape(title)}</h3>{whole}<div class="crops">{crops}</div></div>'


def protocol_section(figures: dict) -> str:
    shown = {**figures["protocol"], "checkpoint": figures.get("checkpoint", "")}
    rows = ""
    for key, value in shown.items():
        words = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        rows += f"<dt>{escape(key.replace('_', ' '))}</dt><dd>{escape(words) or '–'}</dd>"
    return section("protocol", "Protocol", f"<dl>{rows}</dl>")
