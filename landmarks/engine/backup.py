"""A verified copy of a run's best and latest checkpoint on another disk, whose loss never ends the run."""

import logging
import os
import shutil
from pathlib import Path

from landmarks.checkpointfile import CheckpointError, verify_checkpoint
from landmarks.wholefile import put_in_place

log = logging.getLogger(__name__)

BACKED_UP = ("latest.pt", "best.pt")


class Backup:
    """`train.backup`/<name of the run>/checkpoints, from which `--resume` continues as from the run's own folder."""

    def __init__(self, folder: Path, output: Path) -> None:
        self.path = folder / output.resolve().name
        self._is_lost = False

    def prepare(self, *, resumed: bool) -> None:
        """Makes the folder. Raises: ValueError where a new run would overwrite an older one's copies, or cannot write."""
        if not resumed and any(self.path.glob("checkpoints/*.pt")):
            raise ValueError(f"train.backup: {self.path} holds the backup of an earlier run; move it or choose another folder")
        try:
            (self.path / "checkpoints").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            if not resumed:
                raise ValueError(f"train.backup: {self.path}: cannot be written ({error.strerror or error})") from error
            self._lose(error)

    def copy(self, source: Path) -> None:
        """Copies a checkpoint and reads the copy back; what fails is a warning, and is tried again at the next one."""
        target = self.path / "checkpoints" / source.name
        part = target.with_name(f".{target.name}.part")
        try:
            with source.open("rb") as old, part.open("wb") as new:  # a folder that went with its disk is not made again
                shutil.copyfileobj(old, new, 1 << 20)
                new.flush()
                os.fsync(new.fileno())
            verify_checkpoint(part)
            put_in_place(part, target)
        except (OSError, CheckpointError) as error:
            self._lose(error)
            return
        if self._is_lost:
            log.info(f"train.backup: {target}: written again")
        self._is_lost = False

    def _lose(self, error: Exception) -> None:
        if not self._is_lost:
            log.warning(f"train.backup: no copy in {self.path} ({error}); the run continues with its own checkpoints")
        self._is_lost = True
