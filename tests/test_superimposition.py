"""Two films: known growth is found again, whatever the reference, the pose and the scale; intervals cover."""

import json

import numpy as np
import pytest

from landmarks.commands.superimpose import main
from landmarks.measurements import BY_NAME
from landmarks.superimposition import REFERENCES, SuperimpositionError, superimpose
from landmarks.synthetic.anatomy import sample_head
from landmarks.tracing import Tracing
from landmarks.uncertainty import ErrorModel
from tests.faces import SYMBOLS, face


def film(points_mm: np.ndarray, size: float = 0.1, **more) -> Tracing:
    options = {"name": "f", "symbols": SYMBOLS, "pixel_size": (size, size), "origin": "calibrated"} | more
    return Tracing(points_px=points_mm / size + 700, **options)


def posed(points_mm: np.ndarray, degrees: float, side: int) -> np.ndarray:
    angle = np.radians(degrees)
    return points_mm @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) * (side, 1) + (12, -7)


@pytest.mark.parametrize("name", REFERENCES)
def test_known_growth_is_found_from_true_points(name):
    """Heads grown by known amounts: all landmarks but the reference's move forward and down along Frankfort."""
    rng = np.random.default_rng(4)
    for trial in range(3):
        before = sample_head(rng).points_mm
        grown = {s: rng.uniform(-4, 6, 2) for s in SYMBOLS if s not in REFERENCES[name].landmarks}
        frankfort = before[SYMBOLS.index("Or")] - before[SYMBOLS.index("Po")]
        forward = frankfort / np.hypot(*frankfort)
        down = np.array([-forward[1], forward[0]])
        after = before + np.array([grown[s] @ (forward, down) if s in grown else (0, 0) for s in SYMBOLS])
        second = film(posed(after, 17 * trial - 20, -1 if trial == 1 else 1), 0.08)
        found = superimpose(film(before), second, REFERENCES[name])
        assert found.axis == "Po-Or"
        for movement in found.movements:
            wanted = grown.get(movement.symbol, np.zeros(2))
            assert (movement.forward, movement.down) == pytest.approx(tuple(wanted), abs=0.1)
            assert movement.distance == pytest.approx(np.hypot(*wanted), abs=0.1)
        drawn = found.second_in_first_px
        np.testing.assert_allclose((drawn.points_px - 700) * 0.1, after, atol=1e-6)


def test_changes_of_measurements_and_words():
    after = face(Pog=(64, 100), B=(63, 85))
    radius = np.full(29, 5.0)
    films = [film(points, radius_px=radius) for points in (face(), after)]
    found = superimpose(*films, errors=ErrorModel(symbols=SYMBOLS, coverage=0.9))
    pog = {movement.symbol: movement for movement in found.movements}["Pog"]
    assert (pog.forward, pog.down) == pytest.approx((4, 0), abs=1e-9)
    assert pog.words(0.9).startswith("Pog 4.0 mm forward, 90 % ")
    snb = next(change for change in found.changes if change.measurement is BY_NAME["SNB"])
    assert snb.change == pytest.approx(np.degrees(np.arctan2(10, 85) - np.arctan2(7, 85)))
    assert snb.half_width > 0
    # a point without a reference's error: two films, each 0.5 mm / 2.146 along an axis, and the reference's share on top
    assert pog.forward_half > np.sqrt(2) * 0.5 * 1.645 / 2.146


@pytest.mark.parametrize("learned", [True, False])
def test_intervals_of_movements_cover(learned):
    rng = np.random.default_rng(3)
    sigma = 0.6  # mm
    scaled = rng.normal(size=(100, 29, 2)) / 2.146 if learned else None
    model = ErrorModel(symbols=SYMBOLS, coverage=0.9, scaled=scaled)
    radius, covered = np.full(29, 2.146 * sigma / 0.1), []
    exact = {m.symbol: m for m in superimpose(film(face()), film(face(Pog=(66, 102)))).movements}
    for _ in range(70):
        films = [film(points + rng.normal(0, sigma, (29, 2)), radius_px=radius) for points in (face(), face(Pog=(66, 102)))]
        found = {m.symbol: m for m in superimpose(*films, errors=model).movements}
        covered += [abs(found[s].forward - exact[s].forward) <= found[s].forward_half for s in ("Pog", "A", "Me", "UIT")]
    assert 0.83 < np.mean(covered) < 0.96


def test_what_cannot_be_laid_over_each_other_is_said(tmp_path):
    with pytest.raises(SuperimpositionError, match="needs a pixel size"):
        superimpose(film(face()), film(face(), pixel_size=None))
    points = face()
    points[SYMBOLS.index("Go")] = np.nan
    with pytest.raises(SuperimpositionError, match="Go not known in both films"):
        superimpose(film(face()), film(points), REFERENCES["mandible"])


def test_the_command_writes_page_and_tables(tmp_path, capsys):
    films = []
    for name, points, age in (("a", face(), 10), ("b", face(Pog=(63, 103)), 12)):
        pixels = dict(zip(SYMBOLS, (points * 10 + 300).tolist(), strict=True))
        films.append({"image": f"{name}.png", "points": pixels, "pixel_size": [0.1, 0.1], "age": age})
    source = tmp_path / "predictions.json"
    source.write_text(json.dumps({"films": films}))
    assert main([str(source), "--output", str(tmp_path / "out"), "--no-pdf"]) == 0
    assert "Pog 3.0 mm forward; 3.0 mm down" in capsys.readouterr().out
    html = (tmp_path / "out" / "superimposition.html").read_text()
    assert "+0.7" in html  # Ricketts's facial depth: 0.33 a year over 2 years
    assert (tmp_path / "out" / "movements.csv").read_text().startswith("symbol,forward_mm,down_mm,distance_mm")
    with pytest.raises(ValueError, match="exists already"):
        main([str(source), "--output", str(tmp_path / "out"), "--no-pdf"])
