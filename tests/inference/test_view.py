"""A film in any view is read as the upright film is, its points in its own pixels; what is no cephalogram is named."""

import itertools

import cv2
import numpy as np
import pytest

from landmarks.geometry import apply_map, turn_map
from landmarks.inference.card import ModelCard
from landmarks.inference.predictor import Predictor
from landmarks.inference.view import View, read_in_view
from landmarks.lateral_shape import lateral_shape
from landmarks.prediction import Prediction
from landmarks.schema import LandmarkSet

SHAPE = lateral_shape()
SIZE = (260, 200)
VIEWS = list(itertools.product(range(4), (False, True), (False, True)))


@pytest.fixture(scope="module")
def film() -> tuple[np.ndarray, np.ndarray]:
    """A picture that is unlike itself in every other view, and its points [K, 2]."""
    rng = np.random.default_rng(0)
    gray = cv2.resize(rng.integers(0, 256, (13, 10), dtype=np.uint8), SIZE[::-1], interpolation=cv2.INTER_CUBIC)
    middle = (SHAPE.mean.min(axis=0) + SHAPE.mean.max(axis=0)) / 2
    return gray, (SHAPE.mean - middle) * 1.1 + np.array(SIZE[::-1]) / 2


def network(gray: np.ndarray, points: np.ndarray, peak: float = 0.7):
    """A stand-in that finds the points where the picture is upright, at any size, and noise elsewhere."""

    def predict(seen: np.ndarray) -> Prediction:
        rng = np.random.default_rng(int(seen.sum()) % 1000)
        small = cv2.resize(seen, (20, 26), interpolation=cv2.INTER_AREA).astype(float)
        known = cv2.resize(gray, (20, 26), interpolation=cv2.INTER_AREA).astype(float)
        upright = np.ptp(small) > 0 and np.corrcoef(small.ravel(), known.ravel())[0, 1] > 0.9
        scale = np.array(seen.shape[::-1]) / np.array(gray.shape[::-1])
        found = (points + 0.5) * scale - 0.5 if upright else rng.uniform(0, 200, points.shape)
        count = len(points)
        return Prediction(
            points_px=found[None],
            peaks=np.full((1, count), peak if upright else 0.15),
            spread_px=np.ones((1, count)),
            outside=np.zeros((1, count)),
            target_px=np.ones(1),
            inferred_px=np.zeros((1, count)),
        )

    return predict


@pytest.mark.parametrize(("turns", "mirrored", "negative"), VIEWS)
def test_every_view_is_read_as_the_upright_film(film, turns, mirrored, negative):
    gray, points = film
    # how the film was laid: the view that undoes it is not always the same operation
    laid = View(turns=turns, mirrored=mirrored, negative=negative)
    seen = laid.apply(gray)
    there = np.linalg.inv(np.vstack([laid.to_source(gray.shape), [0, 0, 1]]))[:2]
    for symbols, shape in ((SHAPE.symbols, None), (tuple(f"own{k}" for k in range(27)), None)):
        reading = read_in_view(network(gray, points), seen, symbols, shape)
        assert reading.is_cephalogram
        np.testing.assert_allclose(reading.found.points_px[0], apply_map(there, points), atol=1e-6)
        assert reading.view.negative == negative
        assert bool(reading.remark) == ((turns, mirrored, negative) != (0, False, False))


@pytest.mark.parametrize("value", [0, 255])
def test_a_wide_border_costs_nothing(film, value):
    gray, points = film
    framed = np.full((600, 900), value, np.uint8)
    framed[100:360, 300:500] = gray
    found = read_in_view(network(gray, points), framed, SHAPE.symbols)
    np.testing.assert_allclose(found.found.points_px[0], points + np.array([300, 100]), atol=3)
    assert found.remark == ""


@pytest.mark.parametrize("size", [(130, 200), (260, 110), (260, 200)])
def test_a_squeezed_film_is_read_in_the_form_of_heads(film, size):
    gray, points = film
    seen = cv2.resize(gray, size[::-1], interpolation=cv2.INTER_AREA)
    scale = np.array(size[::-1]) / np.array(SIZE[::-1])
    reading = read_in_view(network(gray, points), seen, SHAPE.symbols)
    np.testing.assert_allclose(reading.found.points_px[0], (points + 0.5) * scale - 0.5, atol=1e-6)
    assert reading.view.aspect == pytest.approx(scale[0] / scale[1], rel=0.1)
    told = {(130, 200): "% of its height", (260, 110): "% of its width", SIZE: ""}[size]
    assert told in reading.remark
    assert bool(reading.remark) == (size != SIZE)


def test_an_overexposed_film_is_named(film):
    gray, points = film
    bright = np.clip(gray.astype(int) * 2, 0, 255).astype(np.uint8)
    bright[:120] = 255
    bright[0], bright[-1] = gray[0], gray[-1]
    reading = read_in_view(network(bright, points), bright, SHAPE.symbols)
    assert reading.is_cephalogram
    assert "overexposed" in reading.remark
    assert "overexposed" not in read_in_view(network(gray, points), gray, SHAPE.symbols).remark


def test_a_program_reads_films_in_their_view(film, monkeypatch, caplog):
    gray, points = film
    predictor = Predictor.__new__(Predictor)
    predictor.card = ModelCard(landmarks=LandmarkSet(name="x", symbols=SHAPE.symbols), image_size=SIZE, sigma=1.0, margin=1.0)
    predictor._as_it_is = network(gray, points)
    turned = np.ascontiguousarray(np.rot90(gray, 2))
    np.testing.assert_allclose(predictor(turned).points_px[0], np.array(SIZE[::-1]) - 1 - points, atol=1e-6)
    assert "upside down" in caplog.text
    noise = np.random.default_rng(1).integers(0, 256, SIZE, dtype=np.uint8)
    assert np.isnan(predictor(noise).points_px).all()
    assert np.isfinite(predictor(noise, as_it_is=True).points_px).all()


def test_what_is_no_cephalogram_is_named(film):
    gray, points = film
    rng = np.random.default_rng(1)
    for picture in (np.zeros(SIZE, np.uint8), np.full(SIZE, 200, np.uint8), rng.integers(0, 256, SIZE, dtype=np.uint8)):
        reading = read_in_view(network(gray, points), picture, SHAPE.symbols)
        assert not reading.is_cephalogram
        assert "no lateral cephalogram" in reading.remark


def test_a_sure_film_is_read_once(film):
    gray, points = film
    calls, predict = [], network(gray, points)
    read_in_view(lambda seen: calls.append(1) or predict(seen), gray, SHAPE.symbols)
    assert len(calls) == 1
    # heads that all look left are no less sure: a model that was trained on them finds them
    left = network(gray[:, ::-1], apply_map(turn_map(SIZE, 0, mirrored=True), points))
    reading = read_in_view(left, np.ascontiguousarray(gray[:, ::-1]), SHAPE.symbols)
    assert str(reading.view) == "as it is"


def test_the_map_of_a_turn_is_that_of_rot90():
    image = np.arange(35).reshape(5, 7)
    for turns, mirrored, _ in VIEWS:
        seen = np.rot90(image, turns)
        seen = seen[:, ::-1] if mirrored else seen
        for y, x in np.ndindex(seen.shape):
            source = apply_map(turn_map((5, 7), turns, mirrored=mirrored), np.array([x, y], float))
            assert image[int(source[1]), int(source[0])] == seen[y, x]
