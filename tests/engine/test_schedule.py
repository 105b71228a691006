"""The learning rate: every schedule against its formula."""

import math

import pytest

from landmarks.engine.schedule import learning_rate
from landmarks.settings import SettingError
from landmarks.trainconfig import TrainConfig


def rates(steps_per_epoch=10, **settings):
    train = TrainConfig(**{"epochs": 10, "lr": 0.2, "warmup_epochs": 1, "final_lr": 0.01, **settings})
    return [learning_rate(train, step, steps_per_epoch=steps_per_epoch) for step in range(10 * steps_per_epoch + 1)]


def test_cosine_rises_falls_and_ends_low():
    found = rates()
    assert found[0] == pytest.approx(0.02)
    assert max(found) == found[10] == 0.2
    assert found[10:] == sorted(found[10:], reverse=True)
    assert found[-1] == pytest.approx(0.002)
    # to the last bit: a run of an earlier version resumes as it would have gone on
    for step in range(10, 100):
        assert found[step] == 0.2 * (0.01 + (1 - 0.01) * (0.5 * (1 + math.cos(math.pi * min(1.0, (step - 10) / 90)))))


def test_restarts_return_to_the_peak_and_fall_to_the_end_of_their_cycle():
    found = rates(schedule="restarts", restarts=(4, 7))
    assert [step for step, rate in enumerate(found) if rate == 0.2] == [9, 10, 40, 70]
    for first, last in ((10, 40), (40, 70), (70, 100)):
        wanted = 0.2 * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (last - 1 - first) / (last - first))))
        assert found[last - 1] == pytest.approx(wanted)
    assert found[-1] == pytest.approx(0.002)


def test_one_cycle_rises_and_falls_by_cosines():
    found = rates(schedule="one_cycle", warmup_epochs=3)
    assert found[:31] == sorted(found[:31])
    assert found[29] == found[30] == pytest.approx(0.2)
    assert found[14] == pytest.approx(0.2 * (1 / 25 + 24 / 25 * 0.5))
    assert found[0] < 0.01
    assert found[-1] == pytest.approx(0.002)


def test_constant_decays_over_its_last_epochs_alone():
    found = rates(schedule="constant", decay_epochs=2)
    assert set(found[10:81]) == {0.2}
    assert found[90] == pytest.approx(0.2 * (0.01 + 0.99 * 0.5))
    assert found[-1] == pytest.approx(0.002)
    assert set(rates(schedule="constant")[10:]) == {0.2}


@pytest.mark.parametrize("settings", [{}, {"schedule": "restarts", "restarts": (4,)}, {"schedule": "one_cycle"}])
def test_a_stage_of_another_batch_continues_the_same_curve(settings):
    few, many = rates(10, **settings), rates(40, **settings)
    for step in range(15, 100):
        assert many[4 * step] == pytest.approx(few[step], rel=1e-12)


def test_restarts_are_rising_epochs_of_their_schedule():
    for settings in ({"restarts": (4,)}, {"schedule": "restarts"}, {"schedule": "restarts", "restarts": (7, 4)}):
        with pytest.raises(SettingError, match=r"train\.restarts: found .*rising epochs"):
            TrainConfig(**settings)
