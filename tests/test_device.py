"""The device: a card that torch cannot use is named, with what to install."""

import subprocess

import pytest
import torch

from landmarks import device
from landmarks.device import choose_device, unusable_card


@pytest.fixture
def card(monkeypatch):
    """A machine with an NVIDIA card beside a torch that cannot use it."""
    answer = subprocess.CompletedProcess([], 0, "NVIDIA GeForce RTX 3070 Ti, 560.94\n", "")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(device.shutil, "which", lambda name: "nvidia-smi")
    monkeypatch.setattr(device.subprocess, "run", lambda *words, **settings: answer)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    unusable_card.cache_clear()
    yield answer
    unusable_card.cache_clear()


def test_a_torch_without_cuda_beside_a_card(card, monkeypatch, caplog):
    monkeypatch.setattr(torch.version, "cuda", None)
    assert choose_device("auto").type == "cpu"
    line = "has an NVIDIA card (NVIDIA GeForce RTX 3070 Ti, driver 560.94), but torch"
    assert line in caplog.text
    with pytest.raises(ValueError, match=r"RTX 3070 Ti.*built without CUDA; install one with CUDA, as https://pytorch\.org"):
        choose_device("cuda")


def test_a_driver_that_is_too_old(card, monkeypatch):
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    with pytest.raises(ValueError, match=r"for CUDA 12\.8 cannot use; install a newer driver"):
        choose_device("cuda")


def test_no_word_where_there_is_no_card_or_it_is_hidden(card, monkeypatch, caplog):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert unusable_card() == ""
    unusable_card.cache_clear()
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr(device.shutil, "which", lambda name: None)
    assert choose_device("auto").type == "cpu"
    assert caplog.text == ""
    with pytest.raises(ValueError, match="torch sees no CUDA device; write auto or cpu"):
        choose_device("cuda")
