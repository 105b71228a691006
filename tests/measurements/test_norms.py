"""Norms say what they are, fit the patient and the film, and a user's file obeys the same checks."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from landmarks.aariz_shape import aariz_shape
from landmarks.measurements import available, measure
from landmarks.norms import EVIDENCE, KINDS, NormsError, Patient, choose, read_definitions, standard

OWN = """
measurements:
  - {name: My angle, unit: deg, corner: [S, N, A], source: me, larger: forward}
samples:
  mine: {title: Mine, who: my patients, num: 40, age: [10, 14], sex: women, origin: here, enlargement: 1.1}
norms:
  - {measurement: My angle, sample: mine, kind: mean_sd, mean: 81, sd: 3, evidence: unverified, source: my table}
  - {measurement: Overjet, sample: mine, kind: range, low: 1, high: 4, evidence: unverified, source: my table}
"""


def choice(measurement: str, norms=None, **patient):
    values, prefer = patient.pop("values", {}), patient.pop("prefer", ())
    return choose(norms or standard().norms, measurement, Patient(**patient), values=values, prefer=prefer)


def test_every_row_says_kind_sample_evidence_and_source():
    assert len(standard().norms) > 60
    for norm in standard().norms:
        assert norm.kind in KINDS
        assert norm.evidence in EVIDENCE
        assert norm.source
        assert norm.sample.title
        assert norm.sample.who
        assert (norm.sd is not None) == (norm.kind == "mean_sd")  # deviations come of mean_sd alone
    assert choice("Nasolabial angle").norm is None  # published norms belong to the columella
    assert choice("Beta angle").reason == "no published norm"


def test_the_patient_chooses_the_norm():
    assert choice("Wits").reason == "norms by sex: say which"
    assert choice("Wits", sex="women").norm.mean == 0
    assert choice("Wits", sex="men").norm.mean == -1
    assert choice("A to N-Pog", age=9).norm.mean == 2
    assert choice("A to N-Pog", age=14).norm.mean == pytest.approx(1)
    assert choice("A to N-Pog", age=40).norm.mean == choice("A to N-Pog").norm.mean == pytest.approx(0.2)
    assert choice("FMA", age=14).norm.sample.name == "downs"  # the one sample of that age that comes first
    assert choice("FMA").norm.sample.name == "tweed"
    assert choice("FMA", prefer=("ricketts",), age=12).norm.mean == pytest.approx(25, abs=0.01)
    assert choice("FMA", prefer=("downs",), age=30).reason == "sample of age 12 to 17"


def test_tweeds_rule_follows_fma():
    means = [choice("FMIA", values={"FMA": fma}).norm.mean for fma in (25, 30, 34)]
    assert means == [68, 65, 65]
    assert choice("FMIA", values={"FMA": 18}).reason == "depends on FMA"
    assert choice("IMPA", values={"FMA": 18}).norm.limits() == (-float("inf"), 92)
    assert choice("IMPA", values={"FMA": 25}).norm.words() == "85 to 95"


def test_deviation_and_standing_by_kind():
    wits, ratio, sna, opsn = (choice(name, sex="men").norm for name in ("Wits", "Jarabak ratio", "SNA", "OP-SN"))
    assert wits.deviation(0.9) == pytest.approx(1)
    assert [ratio.standing(v) for v in (61, 62, 65, 65.1, float("nan"))] == ["below", "inside", "inside", "above", ""]
    assert (ratio.deviation(70), sna.deviation(90), opsn.standing(30)) == (None, None, "")
    assert sna.standing(84.1) == "above"
    women = choice("Co-Gn", sex="women").norm
    assert women.scaled(1 / women.sample.enlargement).mean == pytest.approx(111.3, abs=0.05)
    assert dataclasses.replace(ratio, low=None).words("°") == "at most 65°"


def test_a_users_file_comes_first_and_is_checked(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text(OWN)
    own = read_definitions(path)
    assert own.measurements["My angle"].landmarks == ("N", "S", "A")
    assert choice("Overjet", own.norms, sex="women", age=12).norm.sample.name == "mine"
    assert choice("Overjet", own.norms).norm.sample.name == "common"  # a sample of women is for women
    assert "40 people" in own.samples["mine"].words()


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("sd: 3", "sd: 0", "needs an sd above 0"),
        ("sd: 3,", "", "needs an sd above 0"),
        ("kind: range", "kind: rang", "kind: found 'rang'"),
        ("low: 1", "low: 9", "low 9 is not below high 4"),
        ("low: 1", "low: many", "write a number"),
        ("sample: mine, kind: range", "sample: ours, kind: range", "sample: found 'ours'"),
        ("measurement: Overjet", "measurement: Overjt", "measurement: found 'Overjt'"),
        ("evidence: unverified, source: my table}\n  - {m", "evidence: sure, source: my table}\n  - {m", "evidence: found"),
        ("source: me,", "", "source: found None"),
        ("corner: [S, N, A]", "corner: [S, N]", "write \\[point, point, point\\]"),
        ("corner: [S, N, A]", "angle: [S, N, A]", "unknown key 'angle'"),
        ("unit: deg", "unit: mm", "a corner has deg"),
        ("name: My angle", "name: SNA", "'SNA' exists already"),
        ("sex: women", "sex: female", "sex: found 'female'"),
        ("age: [10, 14]", "age: 12", "age: found 12"),
        ("norms:", "norm:", "unknown key 'norm'"),
        ("samples:", "samples: [", "cannot be read as YAML"),
    ],
)
def test_what_a_users_file_may_not_say(tmp_path, old, new, line):
    path = tmp_path / "own.yaml"
    assert old in OWN
    path.write_text(OWN.replace(old, new, 1))
    with pytest.raises(NormsError, match=line) as error:
        read_definitions(path)
    assert "\n" not in str(error.value)


def test_the_document_lists_every_norm_as_it_is():
    text = (Path(__file__).parents[2] / "docs" / "norms.md").read_text(encoding="utf-8")
    units = {"deg": "°", "mm": " mm", "%": " %"}
    for norm in standard().norms:
        unit = units[standard().measurements[norm.measurement].unit]
        assert f"| {norm.measurement} | {norm.words(unit)}" in text, norm
        assert norm.source in text
    for sample in standard().samples.values():
        assert f"| {sample.title} | {sample.name} | {sample.words()} |" in text


def test_mean_shapes_lie_inside_most_norms():
    """Means of real faces; docs/norms.md gives a reason for each of the others."""
    shape = aariz_shape()
    rows = available(shape.symbols)
    found = measure(shape.mean[None], shape.symbols, np.ones((1, 2)), rows=rows)[0]
    values = {row.name: value for row, value in zip(rows, found, strict=True)}
    outside = set()
    for name, value in values.items():
        norm = choice(name, values=values).norm
        if norm is None or norm.limits() is None:
            continue
        off = norm.deviation(value)
        inside = abs(off) <= 2 if off is not None else norm.standing(value) == "inside"
        outside |= set() if inside else {name}
    assert outside == {"SNB", "ANB", "IMPA", "L1-OP", "U1 to A-Pog", "Overjet"}
