"""Loader processes: one that dies names its file; their number follows cores and memory."""

import os
import signal
import sys

import pytest

from landmarks.config import DataConfig
from landmarks.data import workers
from landmarks.data.batches import BatchPlan
from landmarks.data.loading import CephalogramDataset, open_dataset
from landmarks.data.workers import make_loader
from landmarks.formats.records import DataError


class Deadly(CephalogramDataset):
    """Kills the worker that loads image 7, or breaks in image 5."""

    def __getitem__(self, key):
        if key[1] == 7 and self._seed == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        if key[1] == 5 and self._seed == 1:
            raise ZeroDivisionError("a mistake of ours")
        return super().__getitem__(key)


def deadly_loader(root, seed):
    data = DataConfig(format="aariz", root=str(root), image_size=(64, 64), workers=2)
    records, dataset = open_dataset(data, "train", augment=None, seed=seed)
    dataset.__class__ = Deadly
    return records.records, make_loader(dataset, BatchPlan(len(dataset), 1, seed=0, shuffle=False), data, pin_memory=False)


@pytest.mark.skipif(sys.platform != "linux", reason="kills a forked worker")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_worker_that_dies_names_its_file(synthetic_root, monkeypatch):
    monkeypatch.setattr("torch.utils.data._utils.MP_STATUS_CHECK_INTERVAL", 0.3)
    monkeypatch.setattr("torch.utils.data.dataloader._utils.MP_STATUS_CHECK_INTERVAL", 0.3)
    handler = signal.getsignal(signal.SIGCHLD)
    records, loader = deadly_loader(synthetic_root, seed=0)
    with pytest.raises(DataError, match=r"loader worker 1 died here \(SIGKILL; most often no memory left") as caught:
        list(loader)
    assert str(records[7].image_path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert signal.getsignal(signal.SIGCHLD) == handler, "torch's handler would raise in the middle of a training step"


@pytest.mark.skipif(sys.platform != "linux", reason="forks workers")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_mistake_in_a_worker_names_its_file(synthetic_root):
    records, loader = deadly_loader(synthetic_root, seed=1)
    with pytest.raises(RuntimeError, match="ZeroDivisionError: a mistake of ours") as caught:
        list(loader)
    assert str(records[5].image_path) in str(caught.value)


@pytest.mark.parametrize(
    ("cores", "memory", "ranks", "cuda", "expected"),
    [
        (16, 64 << 30, 1, True, (8, 4)),
        (16, 64 << 30, 4, True, (4, 4)),
        (16, 2 << 30, 1, True, (1, 4)),
        (2, 64 << 30, 1, True, (2, 4)),
        (2, 64 << 30, 4, True, (1, 4)),
        (16, 64 << 30, 1, False, (1, 4)),
        (2, 10 << 20, 1, True, (1, 1)),
    ],
)
def test_automatic_workers(monkeypatch, cores, memory, ranks, cuda, expected):
    monkeypatch.setattr(workers, "usable_cores", lambda: cores)
    monkeypatch.setattr(workers, "available_memory", lambda: memory)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(ranks))
    data = DataConfig(format="synthetic", image_size=(1024, 1024), workers=-1)
    assert workers.loader_settings(data, batch_size=2, cuda=cuda) == expected
    by_hand = DataConfig(format="synthetic", workers=3, prefetch=5)
    assert workers.loader_settings(by_hand, batch_size=2, cuda=cuda) == (3, 5)
