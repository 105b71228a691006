"""Measurements against values worked out by hand, and what must leave them unchanged."""

import numpy as np
import pytest

from landmarks.measurements import MEASUREMENTS, OTHER_LANDMARKS, available, facing, measure
from landmarks.measurements.classes import CLASSES
from landmarks.schema import ISBI19
from tests.faces import SYMBOLS, atan, face

SQUARE = np.array([[0.1, 0.1]])


def values(points_mm: np.ndarray, size: float = 0.1) -> dict[str, float]:
    found = measure(points_mm[None] / size, SYMBOLS, np.array([[size, size]]))[0]
    return dict(zip((row.name for row in available(SYMBOLS)), found, strict=True))


_LENGTHS = ("S-N", "S-Ar", "Ar-Go", "Go-Me", "Co-A", "Co-Gn", "ANS-Me", "N-Me", "S-Go")

# Each configuration moves a few landmarks to where school geometry gives the value.
BY_HAND = [
    ({}, {"SNA": 90 - atan(5, 50), "SNB": 90 - atan(10, 85), "ANB": atan(10, 85) - atan(5, 50), "SN-PP": 0, "S-N": 70,
          "A to N-perp": -5, "Pog to N-perp": -10, "Facial angle": 90 - atan(10, 100), "FMA": atan(28, 57),
          "Y axis": atan(105, 58), "SN-GoGn": atan(25, 63), "PP-MP": atan(28, 57), "Convexity": atan(5, 50) * -1 + atan(5, 50),
          "Co-A": np.hypot(77, 28), "Co-Gn": np.hypot(70, 83), "ANS-Me": np.hypot(18, 63), "N-Me": np.hypot(18, 108),
          "Jarabak ratio": 100 * np.hypot(5, 80) / np.hypot(18, 108), "U1-SN": 90 + atan(8, 20), "U1-PP": 90 + atan(8, 20),
          "U1-NA": atan(8, 20) + atan(5, 50), "Interincisal": 180 - atan(9, 22) - atan(8, 20), "Ar-Go": np.hypot(10, 50),
          "FMIA": 90 - atan(9, 22), "IMPA": 90 + atan(9, 22) - atan(28, 57), "L1-NB": atan(9, 22) - atan(10, 85),
          "Saddle angle": 90 + atan(15, 30), "Gonial angle": 180 - atan(50, 10) + atan(28, 57),
          "ANS-Me / N-Me": 100 * np.hypot(18, 63) / np.hypot(18, 108), "Occlusal plane": atan(2, 33.5), "A-B plane":
          atan(10, 100) - atan(5, 35), "OP-SN": atan(2, 15), "PP-FH": 0, "APDI": 90 - atan(5, 35), "L1-OP": atan(9,
          22) - atan(2, 33.5),
          "U1-OP": 90 - atan(8, 20) - atan(2, 33.5), "U1 to A-perp": 5, "Pog-NB": 15 * 10 / np.hypot(10, 85),
          "ODI": 90 + atan(5, 35) - atan(28, 57), "N-ANS / N-Me": 100 * 45 / np.hypot(18, 108), "L1-APog": atan(9,
          22) - atan(5, 50),
          "ANB corrected": atan(10, 85) - atan(5, 50) - (90 - atan(5, 50) - 81) / 2, "Z angle": 90 - atan(7, 22),
          "Beta angle": 90 - (180 - atan(35, 5) - atan(63, 72)), "Upper gonial angle": 180 - atan(50, 10) - atan(80, 75),
          "Lower gonial angle": atan(80, 75) + atan(28, 57)}),
    # everything upright and level
    ({"A": (70, 50), "B": (70, 85), "Pog": (70, 100), "Me": (70, 110), "Go": (0, 110), "Gn": (70, 110), "UIA": (73, 50),
      "UIT": (73, 70), "LIA": (72, 90), "LIT": (72, 68), "UMT": (35, 68), "LMT": (35, 70), "UPM": (50, 68), "LPM": (50, 70),
      "Ar": (0, 30), "Pn": (90, 40), "Pog_soft": (90, 100), "Ls": (88, 62), "Li": (91, 78), "Sn": (80, 40), "N_soft": (90, 0)},
     {"SNA": 90, "SNB": 90, "ANB": 0, "Wits": 0, "Facial angle": 90, "Convexity": 0, "A to N-Pog": 0, "A to N-perp": 0,
      "Pog to N-perp": 0, "FMA": 0, "SN-GoGn": 0, "PP-MP": 0, "IMPA": 90, "FMIA": 90, "U1-SN": 90, "U1-PP": 90, "U1-NA": 0,
      "L1-NB": 0, "U1-NA distance": 3, "L1-NB distance": 2, "U1 to A-Pog": 3, "L1 to A-Pog": 2, "Interincisal": 180,
      "Overjet": 1, "Overbite": 2, "Ls to E-line": -2, "Li to E-line": 1, "Jarabak ratio": 100, "Co-Gn minus Co-A":
      np.hypot(82, 88) - np.hypot(82, 28), "S-Ar": 30, "Ar-Go": 80, "Go-Me": 70, "Gonial angle": 90, "Articular angle": 180,
      "SN-PP": 0, "Saddle angle": 90, "Bjork sum": 360, "Occlusal plane": 0, "H angle": -atan(2, 38), "S-Go": 110,
      "N-Me": 110, "A-B plane": 0, "OP-SN": 0, "PP-FH": 0, "APDI": 90, "ODI": 90, "L1-OP": 0, "U1-OP": 90, "U1 to A-perp": 3,
      "Pog-NB": 0,
      "N-ANS / N-Me": 100 * 45 / 110, "ANS-Me / N-Me": 100 * 65 / 110, "L1-APog": 0, "ANB corrected": -4.5, "Li to H line":
      (3 - 2 * 16 / 38) * 38 / np.hypot(2, 38), "Z angle": 90 - atan(1, 22), "Beta angle": 90 - atan(82, 63),
      "Upper gonial angle": atan(70, 110), "Lower gonial angle": 90 - atan(70, 110), "Sn to H line": (2 * 22 / 38 - 8) * 38 /
      np.hypot(2, 38)}),
    # right angles and 45 degrees
    ({"A": (70, 40), "B": (50, 80), "Pog": (30, 80), "Me": (60, 140), "Go": (0, 80), "Gn": (60, 140), "UIA": (60, 50),
      "UIT": (80, 70), "LIA": (60, 90), "LIT": (80, 70), "UMT": (30, 70), "LMT": (30, 72), "UPM": (50, 70), "LPM": (50, 72),
      "PNS": (20, 20), "ANS": (60, 60), "Sn": (80, 50), "Pn": (100, 50), "Ls": (80, 70), "N_soft": (60, 30), "Ar": (0, 40),
      "Pog_soft": (80, 110), "Li": (75, 80)},
     {"SNA": 90, "SNB": atan(80, 20), "ANB": 90 - atan(80, 20), "Wits": 20, "Convexity": 45, "FMA": 45, "SN-GoGn": 45,
      "IMPA": 90, "FMIA": 45, "Interincisal": 90, "U1-SN": 135, "U1-NA": 45, "SN-PP": 45, "PP-MP": 0, "U1-PP": 180,
      "Facial angle": 180 - atan(80, -40), "U1-NA distance": 10, "A to N-perp": 0, "Pog to N-perp": -40,
      "L1-NB": 45 - atan(20, 80), "Overjet": 0, "Overbite": 0, "Nasolabial angle": 90, "Ls to Sn-Pog`": 0, "Li to Sn-Pog`": -5,
      "H angle": atan(20, 80), "Soft-tissue convexity": 180 - atan(20, 20), "Saddle angle": 90, "Articular angle": 180,
      "Gonial angle": 135, "Bjork sum": 405, "Y axis": atan(140, 60), "Occlusal plane": -atan(1, 50), "OP-SN": 0, "PP-FH": 45,
      "APDI": 45 + atan(40, 20), "ODI": 180 - 45 - atan(40, 20) + 45, "L1-OP": 45 + atan(1, 50), "U1-OP": 45 + atan(1, 50),
      "U1 to A-perp": 10, "A-B plane": 0, "Pog-NB": -20 * 80 / np.hypot(80, 20),
      "ANB corrected": 90 - atan(80, 20) - 4.5, "Li to H line": -5, "Sn to H line": 0, "Z angle": 90, "L1-APog": 0,
      "N-ANS / N-Me": 100 * np.hypot(10, 60) / np.hypot(10, 140), "Upper gonial angle": atan(70, 80), "Lower gonial angle":
      atan(80, 70) + 45, "Beta angle": atan(58, 62) + atan(40, 20) - 90}),
]  # fmt: skip


@pytest.mark.parametrize(("moved", "wanted"), BY_HAND, ids=["schematic", "upright", "slanted"])
def test_values_worked_out_by_hand(moved, wanted):
    found = values(face(**moved))
    np.testing.assert_allclose([found[name] for name in wanted], list(wanted.values()), atol=1e-9)


def test_the_rows_without_a_third_hand_value_follow_their_definition():
    """Rows that the drawings above do not reach three times, checked on three more by another way of reckoning."""
    for jaw in (0.0, 7.0, -4.0):
        points = face(A=(65 + jaw, 50), Gn=(58 - jaw, 105 + jaw), Ls=(84 + jaw, 62), Pog=(60 - jaw, 101), UIT=(70 + jaw, 70))
        p = {symbol: points[k] for k, symbol in enumerate(SYMBOLS)}
        found = values(points)

        def ahead(point, a, b, p=p):
            """By the foot of the perpendicular, solved as a linear system."""
            line = p[b] - p[a]
            _, off = np.linalg.solve(np.array([line, [-line[1], line[0]]]).T, p[point] - p[a])
            return -off * np.hypot(*line)

        def law_of_cosines(a, vertex, b, p=p):
            x, y, z = (np.hypot(*(p[i] - p[j])) for i, j in ((a, vertex), (b, vertex), (a, b)))
            return np.degrees(np.arccos((x * x + y * y - z * z) / (2 * x * y)))

        lines = {"A to N-Pog": ("A", "N", "Pog"), "U1-NA distance": ("UIT", "N", "A"), "L1-NB distance": ("LIT", "N", "B"),
                 "U1 to A-Pog": ("UIT", "A", "Pog"), "L1 to A-Pog": ("LIT", "A", "Pog"), "Ls to E-line": ("Ls", "Pn", "Pog`"),
                 "Li to E-line": ("Li", "Pn", "Pog`"), "Ls to Sn-Pog`": ("Ls", "Sn", "Pog`"),
                 "Li to Sn-Pog`": ("Li", "Sn", "Pog`"), "Pog-NB": ("Pog", "N", "B"), "Li to H line": ("Li", "Ls", "Pog`"),
                 "Sn to H line": ("Sn", "Ls", "Pog`")}  # fmt: skip
        for name, (point, a, b) in lines.items():
            assert found[name] == pytest.approx(ahead(point, a, b), abs=1e-9), name
        corners = {"SNA": ("S", "N", "A"), "SNB": ("S", "N", "B"), "Saddle angle": ("N", "S", "Ar"),
                   "Articular angle": ("S", "Ar", "Go"), "Gonial angle": ("Ar", "Go", "Me"),
                   "Nasolabial angle": ("Pn", "Sn", "Ls"), "Soft-tissue convexity": ("N`", "Sn", "Pog`"),
                   "Upper gonial angle": ("Ar", "Go", "N"), "Lower gonial angle": ("N", "Go", "Me")}  # fmt: skip
        for name, three in corners.items():
            assert found[name] == pytest.approx(law_of_cosines(*three), abs=1e-6), name
        turned = [corners[name] for name in ("Saddle angle", "Articular angle", "Gonial angle")]
        assert found["Bjork sum"] == pytest.approx(sum(law_of_cosines(*three) for three in turned))
        assert found["H angle"] == pytest.approx(law_of_cosines("N`", "Pog`", "Ls"))
        frankfort, growth = p["Or"] - p["Po"], p["Gn"] - p["S"]
        cosine = frankfort @ growth / np.hypot(*frankfort) / np.hypot(*growth)
        assert found["Y axis"] == pytest.approx(np.degrees(np.arccos(cosine)))
        lengths = {name: np.sqrt(np.sum((p[a] - p[b]) ** 2)) for name in _LENGTHS for a, b in [name.split("-")]}
        for name, length in lengths.items():
            assert found[name] == pytest.approx(length), name
        assert found["Co-Gn minus Co-A"] == pytest.approx(lengths["Co-Gn"] - lengths["Co-A"])
        assert found["Jarabak ratio"] == pytest.approx(100 * lengths["S-Go"] / lengths["N-Me"])
        assert found["ANS-Me / N-Me"] == pytest.approx(100 * lengths["ANS-Me"] / lengths["N-Me"])
        assert found["FMA"] + found["IMPA"] + found["FMIA"] == pytest.approx(180)  # Tweed's triangle
        plane = (p["UPM"] + p["LPM"] - p["UMT"] - p["LMT"]) / 2
        along = plane / np.hypot(*plane)
        assert found["Wits"] == pytest.approx((p["A"] - p["B"]) @ along)
        assert found["Overjet"] == pytest.approx((p["UIT"] - p["LIT"]) @ along)
        assert found["Overbite"] ** 2 + found["Overjet"] ** 2 == pytest.approx(np.sum((p["UIT"] - p["LIT"]) ** 2))


def test_every_formula_uses_exactly_its_landmarks():
    generator = np.random.default_rng(0)
    place = {symbol: generator.normal(size=4) + 1j * generator.normal(size=4) for symbol in SYMBOLS}
    for row in MEASUREMENTS:
        base = row.construct.value({symbol: place[symbol] for symbol in row.landmarks})
        assert base.shape == (4,)
        for symbol in row.landmarks:
            moved = {s: place[s] + (0.1 * (s == symbol)) * (1 + 2j) for s in row.landmarks}
            assert (row.construct.value(moved) != base).any(), f"{row.name} lists {symbol} and does not use it"
    assert not OTHER_LANDMARKS.keys() & {row.name for row in MEASUREMENTS}
    assert len({row.name for row in MEASUREMENTS}) == len(MEASUREMENTS)


def test_rotation_shift_scale_and_mirror_change_nothing():
    points, angle = face(), np.radians(23)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    base = values(points)
    lengths = [row.name for row in available(SYMBOLS) if row.unit == "mm"]
    for changed in (points @ turn + (30, -8), points * (-1, 1) + 200, (points @ turn) * (-1, 1)):
        np.testing.assert_allclose(list(values(changed).values()), list(base.values()), atol=1e-9)
    twice = values(2 * points)
    for name, value in base.items():
        assert twice[name] == pytest.approx(2 * value if name in lengths else value, abs=1e-9)


def test_a_face_that_looks_left_is_told_by_any_landmark_set():
    points = face()[None]
    for symbols in (SYMBOLS, ISBI19.symbols, ("S", "N", "Me")):
        columns = [SYMBOLS.index(symbol) for symbol in symbols]
        both = np.concatenate([points[:, columns], points[:, columns] * (-1, 1), np.full_like(points[:, columns], np.nan)])
        assert facing(both, symbols).tolist() == [1, -1, 0]


def test_lengths_need_a_pixel_size_and_angles_know_oblong_pixels():
    unknown = measure(face()[None] * 10, SYMBOLS, np.full((1, 2), np.nan))[0]
    oblong = measure(face()[None] / (0.1, 0.2), SYMBOLS, np.array([[0.1, 0.2]]))[0]
    square = measure(face()[None] * 10, SYMBOLS, SQUARE)[0]
    np.testing.assert_allclose(oblong, square, atol=1e-9)
    for row, without, value in zip(available(SYMBOLS), unknown, square, strict=True):
        assert np.isnan(without) if row.unit == "mm" else without == pytest.approx(value)


def test_a_set_gets_only_what_its_landmarks_support():
    names = {row.name for row in available(ISBI19.symbols)}
    assert {"SNA", "ANB", "SN-GoGn", "Jarabak ratio"} <= names
    assert not {"Wits", "IMPA", "U1-SN", "Ls to E-line", "Co-Gn"} & names
    assert len(available(SYMBOLS)) == len(MEASUREMENTS)


def test_classes_take_their_borders_with_the_middle():
    skeletal = CLASSES[0]
    names = [skeletal.names[i] if i >= 0 else "-" for i in skeletal.assign(np.array([-0.1, 0, 2, 4, 4.1, np.nan]))]
    assert names == ["Class III", "Class I", "Class I", "Class I", "Class II", "-"]
