"""What the network sees of a film is the same in training and in prediction; and what may be given as a film."""

import cv2
import numpy as np
import pytest

from landmarks.inference.prepare import gray_film, prepare
from landmarks.radiograph import ImageError


@pytest.mark.parametrize("size", [(300, 220), (61, 203), (64, 64)])
def test_a_blob_stays_where_the_map_says(size):
    image = np.zeros(size, np.uint8)
    x, y = size[1] * 0.6, size[0] * 0.4
    rows, columns = np.mgrid[: size[0], : size[1]]
    image[:] = 250 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * (size[0] / 20) ** 2))
    pixels, to_source = prepare(image, (64, 96), 1.25)
    assert pixels.shape == (64, 96)
    weights = pixels.astype(float)
    rows, columns = np.mgrid[:64, :96]
    centre = np.array([(weights * columns).sum(), (weights * rows).sum()]) / weights.sum()
    np.testing.assert_allclose(to_source[:, :2] @ centre + to_source[:, 2], [x, y], atol=0.05 * max(size) / 64 + 0.05)


class FakePil:
    """What of a PIL image is used."""

    size = (4, 3)

    def __init__(self, array):
        self.array = array

    def convert(self, mode):
        assert mode == "L"
        return self.array


def test_a_film_is_a_path_an_array_or_a_pil_image(tmp_path):
    gray = np.arange(12, dtype=np.uint8).reshape(3, 4)
    cv2.imwrite(str(tmp_path / "film.png"), gray)
    for film in (gray, tmp_path / "film.png", str(tmp_path / "film.png"), FakePil(gray)):
        np.testing.assert_array_equal(gray_film(film), gray)


@pytest.mark.parametrize(
    ("film", "words"),
    [
        (None, "found NoneType; give a path"),
        (np.zeros((0, 4), np.uint8), r"found uint8 \[0, 4\]; give a gray"),
        (np.zeros((3, 4, 3), np.uint8), r"found uint8 \[3, 4, 3\]"),
        (np.zeros((3, 4)), r"found float64 \[3, 4\]"),
    ],
)
def test_anything_else_is_named(film, words):
    with pytest.raises(ValueError, match=words):
        gray_film(film)


def test_a_missing_file_is_named():
    with pytest.raises(ImageError, match=r"not_there\.png.*check the path"):
        gray_film("not_there.png")


def test_training_and_prediction_give_the_network_the_same_pixels(tiny_config):
    from dataclasses import replace

    from landmarks.data.loading import open_dataset, read_split

    data = replace(tiny_config.data, cache="none", image_size=(64, 96))
    records, dataset = open_dataset(data, "test", augment=None, seed=0)
    assert [r.image_id for r in read_split(data, "test", seed=0).records] == [r.image_id for r in records.records]
    sample = dataset[(0, 0)]
    pixels, to_source = prepare(gray_film(records.records[0].image_path), data.image_size, data.cache_scale)
    np.testing.assert_array_equal(sample.image[0].numpy(), pixels)
    np.testing.assert_allclose(sample.to_source.numpy(), to_source, atol=1e-9)
