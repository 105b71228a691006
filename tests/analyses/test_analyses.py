"""Analyses: values beside the right norms, classes with their borders, words that state their rule, one printable side."""

import json
import re

import numpy as np
import pytest

from landmarks.analyses import ANALYSES, PLANES, analyse
from landmarks.analyses.sheet import Sheet, plain_rows, scale_warning, sheet_html
from landmarks.commands.analyse import main
from landmarks.measurements import BY_NAME, OTHER_LANDMARKS
from landmarks.norms import Patient, standard
from landmarks.schema import AARIZ29, ISBI19
from landmarks.tracing import Tracing
from landmarks.uncertainty import ErrorModel
from tests.faces import SYMBOLS, atan, face

INDEPENDENT = ErrorModel(symbols=SYMBOLS, coverage=0.9)


def film(points_mm=None, **more) -> Tracing:
    points = face() if points_mm is None else points_mm
    options = {"name": "film", "symbols": SYMBOLS, "pixel_size": (0.1, 0.1), "origin": "calibrated"}
    return Tracing(points_px=points * 10 + 300, **(options | more))


def test_every_analysis_names_what_exists():
    landmarks = {symbol for line in PLANES.values() for point in line for symbol in point.split("+")}
    assert landmarks <= set(AARIZ29.symbols)
    for analysis in ANALYSES.values():
        assert {name for name, _ in analysis.items} <= BY_NAME.keys()
        assert set(analysis.samples) <= standard().samples.keys()
        assert set(analysis.needs) <= OTHER_LANDMARKS.keys()
        assert len(analysis.plane_lines) == len(analysis.planes)
    assert {name for analysis in ANALYSES.values() for name in analysis.needs} == OTHER_LANDMARKS.keys()


def test_steiner_by_hand():
    anb = atan(10, 85) - atan(5, 50)
    result = analyse(film(radius_px=np.full(29, 3.0)), ANALYSES["steiner"], errors=INDEPENDENT)
    by_label = {reading.label: reading for reading in result.readings}
    assert by_label["ANB"].value == pytest.approx(anb)
    assert by_label["ANB"].norm.words() == "2 (± 2)"
    assert by_label["ANB"].deviation is None  # Steiner gives no SD
    assert result.sentences[0].startswith(f"ANB {anb:.1f}, 0 to 4: Class I (Steiner's")
    assert not result.classes[0].open
    assert result.missing == {"SND": "D (centre of the symphysis)"}
    wide = analyse(film(radius_px=np.full(29, 20.0)), ANALYSES["steiner"], errors=INDEPENDENT)
    assert wide.classes[0].open
    assert "crosses a border" in wide.sentences[0]


def test_norms_of_lengths_follow_the_films_scale():
    def reading(patient, **scale):
        result = analyse(film(**scale), ANALYSES["mcnamara"], patient=patient)
        return {r.label: r for r in result.readings}["Effective mandible (Co-Gn)"]

    women = Patient(sex="women")
    assert reading(women).norm.mean == pytest.approx(120.2 / 1.08)
    assert reading(women, enlargement=1.08).norm.mean == pytest.approx(120.2)
    assert reading(women).deviation == pytest.approx((np.hypot(70, 83) - 120.2 / 1.08) / (5.3 / 1.08))
    detector = reading(women, origin="at the detector")
    assert detector.norm is None
    assert detector.value == pytest.approx(np.hypot(70, 83))
    assert reading(women, pixel_size=None).value is None
    assert reading(women, origin="unknown").note == "needs a pixel size"
    assert reading(Patient()).note == "norms by sex: say which"


def test_a_set_of_19_landmarks_names_what_it_lacks():
    columns = [SYMBOLS.index(symbol) for symbol in ISBI19.symbols]
    result = analyse(film(face()[columns], symbols=ISBI19.symbols), ANALYSES["steiner"])
    assert result.missing["U1-NA"] == "UIA"
    assert result.missing["Interincisal"] == "UIA LIA"
    points = face()
    points[SYMBOLS.index("Po")] = np.nan
    assert analyse(film(points), ANALYSES["tweed"]).missing == {"FMA": "Po", "FMIA": "Po", "Z angle": "Po"}


def test_left_oblong_and_turned_films_say_the_same():
    angle = np.radians(31)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    plain = analyse(film(), ANALYSES["downs"], patient=Patient(sex="men"))
    turned = film(face() @ turn * (-1, 1) / (1, 2) + 500, pixel_size=(0.1, 0.2))
    other = analyse(turned, ANALYSES["downs"], patient=Patient(sex="men"))
    for one, two in zip(plain.readings, other.readings, strict=True):
        assert one.value == pytest.approx(two.value, abs=1e-9)
    assert plain.sentences == other.sentences


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"pixel_size": None}, "unknown: angles and ratios only"),
        ({"origin": "unknown"}, "unknown: angles and ratios only"),
        ({"pixel_size": (0.031, 0.031)}, "S-N measures 21.7 mm"),
        ({"origin": "at the detector"}, "at the detector"),
        ({}, ""),
    ],
)
def test_the_scale_stands_at_the_top_where_it_is_doubtful(change, words):
    warning = scale_warning(film(**change))
    assert words in warning if words else warning == ""


def test_the_page_holds_everything_and_reaches_no_other_host():
    gray = np.zeros((1600, 1500), np.uint8)
    names = ("steiner", "wits")
    tracing = film(radius_px=np.full(29, 9.0), corrected=frozenset(["S"]), name="<film>")
    results = tuple(analyse(tracing, ANALYSES[name], errors=INDEPENDENT) for name in names)
    html = sheet_html(Sheet(film=tracing, results=results, patient=Patient(), gray=gray, coverage=0.9))
    assert "<film>" not in html
    assert "placed or moved by hand (squares): S." in html
    assert "Not a medical device" in html
    assert "data:image/jpeg;base64," in html
    assert not re.search(r"<script|https?://(?!www\.w3\.org/2000/svg)", html)
    for result in results:
        for reading in result.readings:
            assert f">{reading.label}<" in html.replace("&#x27;", "'")
    too_many = tuple(analyse(tracing, made) for made in ANALYSES.values())
    with pytest.raises(ValueError, match="do not fit on one side"):
        sheet_html(Sheet(film=tracing, results=too_many, patient=Patient()))
    assert {row["kind"] for result in results for row in plain_rows(result, "film")} >= {"target", "mean_sd"}


def predictions(path, **more):
    points = dict(zip(SYMBOLS, (face() * 10 + 300).tolist(), strict=True))
    path.write_text(
        json.dumps({"version": 1, "films": [{"image": "a.png", "points": points, "pixel_size": [0.1, 0.1]} | more]})
    )
    return path


def test_the_command_writes_page_table_and_json(tmp_path, capsys):
    source, output = predictions(tmp_path / "predictions.json", sex="f", age=12), tmp_path / "out"
    assert main([str(source), "--output", str(output), "--analysis", "steiner,wits", "--no-pdf"]) == 0
    assert "SNB" in (output / "analyses.csv").read_text()
    content = json.loads((output / "analyses.json").read_text())
    assert content["films"][0]["patient"] == "girl or woman, age 12"
    assert (output / "a.html").is_file()
    assert (output / "a.svg").is_file()
    assert "Class I" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "options", "line"),
    [
        ({"points": {"S": [1]}}, [], "write two numbers"),
        ({"points": {}}, [], "no points"),
        ({"pixel_size": [0.1, 0]}, [], "write \\[sx, sy\\] in mm"),
        ({"pixel_size_origin": "guess"}, [], "pixel_size_origin: found 'guess'"),
        ({"radius_px": {"S": -1}}, [], "radius of S"),
        ({"corrected": ["X"]}, [], "corrected"),
        ({}, ["--analysis", "stainer"], "--analysis: found 'stainer'"),
        ({}, ["--analysis", "steiner,downs,ricketts,mcnamara"], "do not fit on one side"),
        ({}, ["--norms", "nobody"], "--norms: found 'nobody'"),
        ({}, ["--pixel-size", "0"], "--pixel-size"),
    ],
)
def test_what_the_command_refuses_leaves_nothing_behind(tmp_path, change, options, line):
    source, output = predictions(tmp_path / "predictions.json", **change), tmp_path / "out"
    with pytest.raises(ValueError, match=line) as error:
        main([str(source), "--output", str(output), *options])
    assert "\n" not in str(error.value)
    assert not output.exists()
