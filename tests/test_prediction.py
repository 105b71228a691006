"""Predictions: rows that ranks fill meet again, and columns are taken alike from every field."""

from dataclasses import fields

import numpy as np

from landmarks.prediction import Prediction


def random_prediction(num: int) -> Prediction:
    rng = np.random.default_rng(0)
    size = (num, 4)
    return Prediction(
        points_px=rng.uniform(0, 99, (*size, 2)),
        peaks=rng.random(size),
        spread_px=rng.random(size),
        outside=rng.random(size),
        target_px=rng.random(num),
        inferred_px=rng.random(size),
    )


def test_rows_of_two_ranks_merge_and_a_film_that_was_not_read_stays_unknown():
    films = random_prediction(5)
    ranks = [Prediction.unknown(6, 4) for _ in range(2)]
    for rank, whole in enumerate(ranks):
        index = np.arange(5)[rank::2]
        part = Prediction(**{f.name: getattr(films, f.name)[index] for f in fields(films)})
        whole.put(index, part, np.ones(len(index), bool))
    ranks[0].put(np.array([5, 5, 5, 5, 5]), films, np.zeros(5, bool))
    others = {id(getattr(ranks[0], f.name)): getattr(ranks[1], f.name) for f in fields(films)}
    merged = ranks[0].merge(lambda rows: np.where(np.isnan(rows), others[id(rows)], rows))
    for field in fields(films):
        np.testing.assert_array_equal(getattr(merged, field.name)[:5], getattr(films, field.name))
        assert np.isnan(getattr(merged, field.name)[5]).all()


def test_selected_columns_keep_their_order_in_every_field():
    films = random_prediction(3)
    chosen = films.select([2, 0])
    assert len(chosen) == 3
    for field in fields(films):
        values = getattr(films, field.name)
        wanted = values if field.name == "target_px" else np.stack([values[:, 2], values[:, 0]], axis=1)
        np.testing.assert_array_equal(getattr(chosen, field.name), wanted)
