"""A run's folder: its lock, and the files that say what made it."""

import contextlib
import logging
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import TextIO

import torch

import landmarks
from landmarks.config import Config
from landmarks.configfile import save_config
from landmarks.filelock import hold_for_life, remove_held

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.2


class RunFolder:
    """A run's folder, which rank 0 locks before it reads what lies there, so that no second run writes into it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: TextIO | None = None
        self._made: list[Path] = []

    def claim(self, patience: float = 0) -> None:
        """Locks the folder for as long as the process lives; a crash leaves no lock behind.

        Args:
            patience: seconds to wait for a run that is writing here: it may be saving its last state.
        Raises: ValueError where another run has it, or it cannot be written.
        """
        waiting = False
        try:
            self._made = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
            self.path.mkdir(parents=True, exist_ok=True)
            deadline = time.monotonic() + patience
            while (lock := hold_for_life(self.path / ".lock")) is None and time.monotonic() < deadline:
                if not waiting:
                    log.info(f"{self.path}: waiting up to {patience:.0f} s for the run that is writing here")
                waiting = True
                time.sleep(_POLL_SECONDS)
            self._lock = lock
        except OSError as error:
            raise ValueError(f"{self.path}: cannot be written ({error.strerror}); choose another --output") from error
        if self._lock is None:
            raise ValueError(f"{self.path}: another run is writing here; wait for it or choose another --output")

    def describe(self, config: Config, labels: dict[str, str]) -> None:
        """config.yaml: the resolved settings; environment.txt: versions, command, commit and data."""
        save_config(config, self.path / "config.yaml")
        about = [f"{name} {version}" for name, version in versions().items()]
        about += [f"command {' '.join(sys.argv)}", *_git_state(), f"data {' '.join(labels.values())}"]
        (self.path / "environment.txt").write_text("\n".join(about) + "\n", encoding="utf-8")

    def abandon(self) -> None:
        """Frees the folder of a run that could not be built, and removes what `claim` made."""
        if self._lock and self._made:
            remove_held(self.path / ".lock", self._lock)
        self.close()
        for folder in self._made:
            with contextlib.suppress(OSError):  # no longer empty
                folder.rmdir()

    def close(self) -> None:
        """Frees the folder."""
        if self._lock:
            self._lock.close()


def versions() -> dict[str, str]:
    return {
        "landmarks": landmarks.__version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "cuda": torch.version.cuda or "",
    }


def _git_state() -> list[str]:
    """Commit and changed files of the checkout that this code runs from, if it is one."""
    try:
        where = Path(landmarks.__file__).parent
        git = ["git", "-C", str(where)]
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10, check=True).stdout
        changed = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [f"commit {commit.strip()}{' with changes' if changed.strip() else ''}"]
