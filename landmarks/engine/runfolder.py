"""A run's folder: its lock, and the files that say what made it."""

import platform
import subprocess
import sys
from pathlib import Path
from typing import TextIO

import torch

import landmarks
from landmarks.config import Config
from landmarks.configfile import save_config
from landmarks.filelock import hold_for_life


def lock_folder(output: Path) -> TextIO:
    """Held as long as the process lives, so that no second run writes into the folder; a crash leaves no lock behind."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        file = hold_for_life(output / ".lock")
    except OSError as error:
        raise ValueError(f"{output}: cannot be written ({error.strerror}); choose another --output") from error
    if file is None:
        raise ValueError(f"{output}: another run is writing here; wait for it or choose another --output")
    return file


def describe_run(output: Path, config: Config, fingerprints: list[str]) -> None:
    """config.yaml: the resolved settings; environment.txt: versions, command, commit and data."""
    save_config(config, output / "config.yaml")
    about = [f"{name} {version}" for name, version in versions().items()]
    about += [f"command {' '.join(sys.argv)}", *_git_state(), f"data {' '.join(fingerprints)}"]
    (output / "environment.txt").write_text("\n".join(about) + "\n", encoding="utf-8")


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
