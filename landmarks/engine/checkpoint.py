"""A run's state to and from a checkpoint, and which files a run keeps."""

import random
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch

from landmarks.checkpointfile import CheckpointError, read_checkpoint, write_checkpoint
from landmarks.config import Config
from landmarks.configfile import config_from_dict
from landmarks.engine.backup import BACKED_UP, Backup
from landmarks.wholefile import remove_if_free


@dataclass(kw_only=True, slots=True)
class Progress:
    """Where a run is; with weights, optimizer and generators it is all that a resumed run needs."""

    epoch: int = 0
    """Epochs finished."""
    stage: int = 0
    """Stage under way, from 1; 0 where the recipe has none."""
    windows: int = 0
    """Accumulation windows finished in the epoch under way."""
    step: int = 0
    """Optimizer steps taken."""
    skipped: int = 0
    """Windows without a step because the loss or gradient was not finite."""
    skipped_in_a_row: int = 0
    loss_sum: float = 0.0
    """Weighted loss of the epoch under way, and its weight."""
    weight_sum: float = 0.0
    images: int = 0
    """Images seen."""
    best: float | None = None
    """Best validation score of the task, e.g. the lowest MRE."""
    best_epoch: int = 0
    unit: str = ""
    """Unit of the score."""
    micro_batch: int = 0
    """Images of a forward pass after the run ran out of memory; 0: whole batches."""
    recompute: str = ""
    """Recompute level after the run ran out of memory; empty: train.recompute."""
    reference: float | None = None
    """Early stopping: the score that the next one must improve on by min_delta, and validations since."""
    stale: int = 0
    finished: bool = False
    seconds: float = 0.0
    """Training time so far, validation included."""


def capture_generators() -> dict:
    """All generators that a run may draw from, as plain values."""
    kind, keys, position, has_gauss, cached = np.random.get_state()
    state = {
        "torch": torch.get_rng_state(),
        "python": list(random.getstate()[1]),
        "numpy": [kind, torch.from_numpy(keys.astype(np.int64)), position, has_gauss, cached],
    }
    if torch.cuda.is_initialized():  # asking would initialise it, in runs on the CPU too
        state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def seed_generators(seed: int) -> None:
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)


def restore_generators(state: dict) -> None:
    torch.set_rng_state(state["torch"])
    random.setstate((3, tuple(state["python"]), None))
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), *rest))
    if "cuda" in state and torch.cuda.is_initialized() and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])


class CheckpointFolder:
    """checkpoints/ of a run: latest.pt, best.pt and the newest few epoch_NNN.pt."""

    def __init__(self, output: Path, *, keep: int, backup: Backup | None = None) -> None:
        self.folder = output / "checkpoints"
        self._keep, self._backup = keep, backup

    def save(self, name: str, content: dict) -> None:
        """Raises: OSError; the file of that name is then still the previous one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_checkpoint(self.folder / name, content)
        if self._backup and name in BACKED_UP:
            self._backup.copy(self.folder / name)
        numbered = sorted(self.folder.glob("epoch_*.pt"), key=_by_epoch)
        for old in numbered[: max(0, len(numbered) - self._keep)]:
            remove_if_free(old)

    def newest_sound(self) -> tuple[Path, dict, list[str]]:
        """The newest checkpoint that can be believed, and a line about each newer one that cannot.

        Raises: CheckpointError where there is none.
        """
        numbered = sorted(self.folder.glob("epoch_*.pt"), key=_by_epoch, reverse=True)
        candidates = [self.folder / "latest.pt", *numbered, self.folder / "best.pt"]
        refused = []
        for path in candidates:
            if path.is_file():
                try:
                    return path, read_checkpoint(path), refused
                except CheckpointError as error:
                    refused.append(str(error))
        raise CheckpointError(f"{self.folder}: no sound checkpoint to resume from{'; ' if refused else ''}{'; '.join(refused)}")


def _by_epoch(path: Path) -> tuple[int, str]:
    """epoch_1000.pt comes after epoch_999.pt."""
    return len(path.name), path.name


def epoch_name(epoch: int) -> str:
    return f"epoch_{epoch:03d}.pt"


def progress_from_dict(plain: dict) -> Progress:
    known = {f.name for f in fields(Progress)}
    return Progress(**{key: value for key, value in plain.items() if key in known})


def recipe_of(saved: dict) -> Config:
    """The settings of the whole run that wrote a checkpoint. Raises: SettingError."""
    return config_from_dict(saved.get("recipe", saved["config"]))
