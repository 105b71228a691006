"""Out of memory in the middle of a window: taken back, halved, repeated, as if the run had always been smaller."""

from dataclasses import replace
from itertools import islice

import pytest
import torch

from landmarks.engine import step
from landmarks.engine.build import prepare_run
from landmarks.engine.run import Run
from landmarks.engine.saving import save
from landmarks.engine.step import train_window
from landmarks.engine.stopping import TrainingError
from landmarks.models.forward import forward_in_parts
from landmarks.settings import SettingError
from landmarks.trainconfig import parse_size

_NO_MEMORY = torch.OutOfMemoryError("injected")


@pytest.fixture
def start(tiny_config, tmp_path):
    """Makes a run of two batches of 4 a window, and its first window."""
    runs = []

    def begin(name: str, **train) -> tuple[Run, list]:
        settings = {"accumulate": 2, "log_images": 0, **train}
        run = prepare_run(replace(tiny_config, train=replace(tiny_config.train, **settings)), tmp_path / name, resume=None)
        run.learner.model.train()
        runs.append(run)
        return run, list(islice(iter(run.train.loader), 2))

    yield begin
    for run in runs:
        run.close()


def fail_at(monkeypatch, *calls: int, phase: str = "forward", error: Exception = _NO_MEMORY) -> None:
    """Makes the n-th micro-batches of a run, counted from 0, run out of memory after the network has seen them."""
    whole, count = step.batch_loss, iter(range(1000))

    def injected(learner, batch, clock):
        number, loss = next(count), whole(learner, batch, clock)
        torch.rand(3)  # a network may draw random numbers
        if number in calls and phase == "forward":
            raise error
        if number in calls:
            loss.register_hook(lambda gradient: (_ for _ in ()).throw(error))
        return loss

    monkeypatch.setattr(step, "batch_loss", injected)


def state(run: Run) -> list[torch.Tensor]:
    learner = run.learner
    return [*learner.model.state_dict().values(), *learner.ema.model.state_dict().values(), torch.get_rng_state()]


def test_a_repeated_window_is_that_of_a_smaller_micro_batch(start, monkeypatch):
    run, window = start("small")
    run.progress.micro_batch = 2
    fail_at(monkeypatch)  # draws its random numbers here too
    train_window(run.learner, window)
    expected = state(run)
    for call, phase in ((0, "forward"), (1, "forward"), (0, "backward"), (1, "backward")):
        monkeypatch.undo()
        run, window = start(f"{phase}{call}")
        fail_at(monkeypatch, call, phase=phase)
        result = train_window(run.learner, window)
        assert result.stepped
        assert run.progress.micro_batch == 2
        for found, wanted in zip(state(run)[:-1], expected[:-1], strict=True):
            torch.testing.assert_close(found, wanted, atol=1e-6, rtol=0)
        assert torch.equal(state(run)[-1], expected[-1]), "generators were not restored"
        ((line, sizes),) = result.recoveries
        assert line.startswith("out of memory at step 1: micro-batch 4 -> 2 images")
        assert sizes == {"micro_batch": 2, "recompute_level": 0}


def test_recompute_is_raised_at_one_image_and_a_resumed_run_keeps_both(start, monkeypatch):
    run, window = start("run")
    fail_at(monkeypatch, 0, 1, 2, 3)
    train_window(run.learner, window[:1])
    assert (run.progress.micro_batch, run.learner.model.recompute) == (1, "stride4")
    save(run, "latest.pt")
    run.close()
    again = prepare_run(run.config, run.output, resume=run.output)
    assert (again.progress.micro_batch, again.learner.model.recompute) == (1, "stride4")
    again.close()


def test_a_run_with_nothing_left_to_give_up_says_so(start, monkeypatch):
    run, window = start("run", recompute="all")
    fail_at(monkeypatch, *range(100))
    with pytest.raises(TrainingError, match=r"with one image a pass and train\.recompute=all; lower data\.image_size"):
        train_window(run.learner, window)


def test_a_batch_too_large_is_predicted_in_halves(start, monkeypatch):
    run, window = start("halves")
    images, network, cpu = window[0].image, run.learner.shown, torch.device("cpu")
    whole, sizes, forward = forward_in_parts(network, images, cpu, "fp32"), [], network.forward

    def predict_with_room_for(room: int) -> torch.Tensor:
        def forward_of_a_small_device(images):
            sizes.append(len(images))
            if len(images) > room:
                raise _NO_MEMORY
            return forward(images)

        monkeypatch.setattr(network, "forward", forward_of_a_small_device)
        return forward_in_parts(network, images, cpu, "fp32")

    torch.testing.assert_close(predict_with_room_for(1), whole, atol=1e-6, rtol=0)
    assert sizes == [4, 2, 1, 1, 2, 1, 1]
    with pytest.raises(ValueError, match=r"not even one image of \(64, 64\) px fits cpu"):
        predict_with_room_for(0)


def test_only_out_of_memory_is_recovered(start, monkeypatch):
    for number, words in enumerate(("CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`",
                                    "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
                                    "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED",
                                    "GET was unable to find an engine to execute this computation")):  # fmt: skip
        run, window = start(f"words{number}")
        fail_at(monkeypatch, 0, error=RuntimeError(words))
        assert train_window(run.learner, window).stepped
        assert run.progress.micro_batch == 2
        monkeypatch.undo()
    run, window = start("other")
    fail_at(monkeypatch, 0, error=RuntimeError("a mistake of ours"))
    with pytest.raises(RuntimeError, match="a mistake of ours"):
        train_window(run.learner, window)


def test_memory_limits_in_words(tiny_config):
    assert parse_size("8GB") == 8 * 2**30
    assert parse_size("7600 MiB") == 7600 * 2**20
    for words in ("8", "0GB"):
        with pytest.raises(SettingError, match=rf"train\.memory_limit: found .{words}.; write a size"):
            replace(tiny_config.train, memory_limit=words)
