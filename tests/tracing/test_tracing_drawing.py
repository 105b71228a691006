"""Outlines pass through the landmarks that pin them, wherever the face looks and whatever its scale."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from landmarks.radiograph import ORIGINS
from landmarks.schema import ISBI19
from landmarks.tracing import SCALE_ORIGINS, Tracing, outlines, tracing_svg
from landmarks.tracing.reading import StoredFilm, read_tracings, write_tracings
from tests.faces import SYMBOLS, face

# curve of the template -> landmarks that lie on it
ON_CURVE = {
    "mandible": ("Ar", "Go", "Me", "Gn", "Pog", "B"),
    "profile": ("Sn", "Ls", "Li", "Pog`"),
    "maxilla": ("ANS", "A", "PNS"),
}


@pytest.mark.parametrize(("side", "size"), [(1, (0.1, 0.1)), (-1, (0.1, 0.2)), (-1, None)])
@pytest.mark.parametrize("symbols", [SYMBOLS, ISBI19.symbols], ids=["29", "19"])
def test_outlines_pass_through_their_landmarks(side, size, symbols):
    points = face()[[SYMBOLS.index(s) for s in symbols]] * (side, 1) / (size or (0.1, 0.1)) + 900
    film = Tracing(name="f", symbols=symbols, points_px=points, pixel_size=size)
    curves, per_mm = outlines(film)
    assert 0.5 < per_mm * (1 if size else 0.1) < 1.5
    for name, landmarks in ON_CURVE.items():
        curve = np.vstack([part.points_px for part in curves if part.name == name])
        for symbol in landmarks:
            gap = np.hypot(*((curve - film[symbol]) * (size or (0.1, 0.1))).T).min()
            assert gap < 0.5, f"{symbol} lies {gap:.2f} mm off the {name}"  # half of the curve's spacing
    names = {part.name for part in curves}
    assert ("U1" in names) == ("UIA" in symbols)


def test_too_few_landmarks_draw_points_alone():
    points = np.full((29, 2), np.nan)
    points[:3] = face()[:3] * 10
    film = Tracing(name="f", symbols=SYMBOLS, points_px=points)
    assert outlines(film) == ((), 0.0)
    assert tracing_svg(film).count("<circle") == 3
    with pytest.raises(ValueError, match="nothing to draw"):
        tracing_svg(Tracing(name="f", symbols=SYMBOLS, points_px=np.full((29, 2), np.nan)))


def test_the_svg_is_well_formed_and_in_millimetres():
    film = Tracing(name="f", symbols=SYMBOLS, points_px=face() * 10, pixel_size=(0.1, 0.1), corrected=frozenset(["S"]))
    root = ElementTree.fromstring(tracing_svg(film, [("S", "N"), ("UMT+LMT", "UPM+LPM")]))
    box = [float(v) for v in root.get("viewBox").split()]
    assert root.get("width") == f"{box[2]:.2f}mm"
    marks = {e.get("data-symbol"): e for e in root.iter() if e.get("data-symbol")}
    assert set(marks) == set(SYMBOLS)
    assert marks["S"].tag.endswith("rect")  # corrected by hand
    nasion = marks["N"]
    assert (float(nasion.get("cx")), float(nasion.get("cy"))) == pytest.approx((70, 0), abs=0.06)
    assert sum(bool(e.get("data-plane")) for e in root.iter()) == 2


def test_every_origin_of_a_pixel_size_has_its_words():
    assert set(SCALE_ORIGINS) == set(ORIGINS)


def test_what_is_written_is_read_back(tmp_path):
    points, radius = face() * 10, np.full(29, 7.25)
    points[3], radius[3], radius[4] = np.nan, np.nan, np.inf
    film = Tracing(
        name="a", symbols=SYMBOLS, points_px=points, radius_px=radius, pixel_size=(0.1, 0.2), corrected=frozenset("S")
    )
    stored = StoredFilm(tracing=film, image=tmp_path / "below" / "a.png", age=12.5, sex="women")
    write_tracings(tmp_path / "predictions.json", [stored])
    (back,) = read_tracings(tmp_path / "predictions.json")
    assert back.image == stored.image
    assert (back.age, back.sex) == (12.5, "women")
    assert (back.tracing.pixel_size, back.tracing.origin, back.tracing.corrected) == ((0.1, 0.2), film.origin, film.corrected)
    np.testing.assert_allclose(back.tracing.points_px, points, atol=0.005)
    np.testing.assert_array_equal(back.tracing.radius_px, radius)
