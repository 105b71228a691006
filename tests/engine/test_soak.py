"""A short soak: killed at random and in the middle of a write, a run ends like the one that was never stopped."""

import signal

from landmarks.engine.soak import Soak, train_command


def test_a_killed_run_ends_like_the_undisturbed_one(synthetic_root, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    settings = [f"data.root={synthetic_root}", "model.head_channels=16", "train.epochs=4", "train.save_every_steps=1"]
    soak = Soak(train_command("configs/soak.yaml", settings), tmp_path, seed=0)
    soak.make_reference()
    for outcome in (
        soak.interrupt("kill", 1, soak.at_a_random_moment(signal.SIGKILL)),
        soak.interrupt("write", 1, soak.during_a_write),
        soak.damage(),
    ):
        assert outcome.done >= 1
        assert outcome.failures == [], outcome.name
