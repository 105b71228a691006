"""The stress test: a fixed set of corruptions, whose geometry is undone exactly."""

import json

import numpy as np
import pytest

from landmarks.config import Config, DataConfig
from landmarks.evaluation.report.stress_section import stress_section, stress_table, write_stress_csv
from landmarks.evaluation.stress import CHANGES, MAPS, STRENGTHS, corrupted, stress_split
from landmarks.geometry import apply_map, invert
from landmarks.inference.card import ModelCard
from landmarks.inference.predictor import Predictor
from landmarks.jsonfile import plain
from landmarks.prediction import Decoded
from landmarks.schema import AARIZ29

SIZE = (128, 96)


@pytest.fixture(scope="module")
def blob() -> np.ndarray:
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    return (40 + 200 * np.exp(-((x - 60) ** 2 + (y - 50) ** 2) / 18)).astype(np.uint8)


def centroid(image: np.ndarray) -> np.ndarray:
    weight = np.clip(image.astype(float) - 80, 0, None)
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    return np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()


@pytest.mark.parametrize("name", MAPS)
def test_the_point_follows_the_film(name, blob):
    for strength in STRENGTHS:
        film, back = corrupted(blob, name, strength, "a")
        assert np.linalg.norm(apply_map(back, centroid(film)) - (60, 50)) < 0.1
        assert np.linalg.norm(apply_map(invert(back), np.array([60.0, 50.0])) - (60, 50)) > 1


@pytest.mark.parametrize("name", CHANGES)
def test_the_same_films_for_everyone(name, blob):
    first, back = corrupted(blob, name, 1.0, "a")
    np.testing.assert_array_equal(first, corrupted(blob, name, 1.0, "a")[0])
    np.testing.assert_array_equal(back, np.eye(2, 3))
    assert any((corrupted(blob, name, 1.0, image_id)[0] != blob).any() for image_id in "abcde")


class Centre:
    """A network that finds every landmark in the middle of a film, but on dark films in the corner."""

    device = "cpu"
    card = ModelCard(landmarks=AARIZ29, image_size=(64, 64), sigma=2.0, margin=1.25)

    def decode(self, images: np.ndarray, sigma: float) -> Decoded:
        points = np.full((len(images), 29, 2), 7.5)
        points[images.mean(axis=(1, 2, 3)) < 60] = 0
        ones = np.ones(points.shape[:2])
        return Decoded(points_hm=points, peaks=ones, variance=ones, outside=0 * ones)


def test_a_split_gives_one_figure_of_all_corruptions(synthetic_root, tmp_path):
    data = DataConfig(format="synthetic", root=str(synthetic_root), image_size=(64, 64), workers=0, cache="none")
    stress = stress_split(Predictor(Centre()), Config(data=data), "test", most=2)
    assert stress.num_images == 2
    assert len(stress.rows) == len(STRENGTHS) * (len(CHANGES) + len(MAPS))
    assert stress.mean.mre == pytest.approx(np.mean([row.mre for row in stress.rows]))
    assert stress.clean.coverage is None, "this model has no radii"
    again = stress_split(Predictor(Centre()), Config(data=data), "test", most=2)
    assert plain(again) == plain(stress)
    write_stress_csv(tmp_path / "stress.csv", stress)
    assert len((tmp_path / "stress.csv").read_text().splitlines()) == len(stress.rows) + 3
    assert json.dumps(plain(stress))
    assert "<svg" in stress_section(stress)
    assert "brackets and crowns" in stress_table(stress)
