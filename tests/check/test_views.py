"""Films of a set that are mirrored, turned or negative are named, and no others."""

from pathlib import Path

import numpy as np
import pytest

from landmarks.check.views import check_negatives, check_views
from landmarks.formats.survey import Film, Survey
from landmarks.lateral_shape import lateral_shape
from landmarks.schema import GROUPS, LandmarkSet

SHAPE = lateral_shape()


def heads(num: int, *, left: bool = False) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    drawn = rng.multivariate_normal(SHAPE.mean.ravel(), SHAPE.covariance, num).reshape(num, -1, 2)
    turned = []
    for points, angle in zip(drawn, np.radians(rng.uniform(-15, 15, num)), strict=True):
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        turned.append((points * [-1 if left else 1, 1]) @ turn.T * rng.uniform(5, 10) + 900)
    return turned


def survey_of(points: list[np.ndarray]) -> Survey:
    landmarks = LandmarkSet(name="own", symbols=tuple(f"p{k}" for k in range(len(SHAPE.symbols))), groups=GROUPS)
    films = [Film(image_id=f"{n:02d}", path=Path(f"{n}.png"), readers={"truth": p}) for n, p in enumerate(points)]
    return Survey(root=Path(), landmarks=landmarks, films=films)


@pytest.mark.parametrize("left", [False, True])
def test_mirrored_and_turned_annotations(left):
    points = heads(30, left=left)
    sound = survey_of(points)
    check_views(sound)
    assert not sound.findings
    points[3] = points[3] * [-1, 1]
    points[5] = points[5] * [-1, -1]
    points[7] = points[7][:, ::-1] * [1, -1]
    points[9][10:] = np.nan
    found = survey_of(points)
    check_views(found)
    words = {finding.images[0]: finding.text for finding in found.findings}
    assert words.keys() == {"03", "05", "07"}
    assert "mirrored" in words["03"]
    assert "turned by about" in words["05"]
    assert "mirrored" not in words["07"]


def test_negatives():
    rng = np.random.default_rng(0)
    common, own = rng.normal(size=400), rng.normal(size=(20, 400))
    thumbnails = common + own
    thumbnails[[2, 11]] *= -1
    thumbnails /= np.linalg.norm(thumbnails, axis=1, keepdims=True)
    found = survey_of(heads(5))
    check_negatives(found, [str(n) for n in range(20)], thumbnails)
    assert [finding.images for finding in found.findings] == [("2",), ("11",)]
    unlike = survey_of(heads(5))
    check_negatives(unlike, [str(n) for n in range(20)], own / np.linalg.norm(own, axis=1, keepdims=True))
    assert not unlike.findings
