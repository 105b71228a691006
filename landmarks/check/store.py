"""The stored result of a check: written by tools/check_data.py, repeated at the start of a training run."""

import contextlib
import hashlib
import json
import os
import shlex
from pathlib import Path

from landmarks.config import DataConfig
from landmarks.data.sizes import kept_outside
from landmarks.dataconfig import single_sets
from landmarks.formats import GENERATED
from landmarks.formats.exclusions import read_exclusions
from landmarks.formats.records import DataError
from landmarks.wholefile import put_in_place

CHECK_VERSION = 1
CHECKS_FOLDER = "checks"
# A run's start is no place for hundreds of lines.
_MOST_LINES = 20


def store_check(result: dict, root: Path, data_format: str, cache_dir: Path) -> None:
    """Keeps the result where training runs look for it."""
    path = _stored_path(root, data_format, cache_dir)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}.unfinished")
    unfinished.write_text(
        json.dumps(result | {"version": CHECK_VERSION, "state": state_of_files(root, leave_out=cache_dir)}), encoding="utf-8"
    )
    put_in_place(unfinished, path)


def stored_findings(data: DataConfig) -> list[str]:
    """Lines about the data sets from the stored results of tools/check_data.py: findings, or that there is no result.

    A finding is settled, and not repeated, once one of its images is left out of the run: a pair that is one exposure is
    no pair any more. Nothing is checked here: it takes milliseconds.
    """
    return [line for alone in single_sets(data).values() for line in _findings_of(alone)]


def _findings_of(data: DataConfig) -> list[str]:
    if data.format in GENERATED:
        return []
    root, cache_dir = Path(data.root).expanduser(), Path(data.cache_dir).expanduser()
    command = f"landmarks check_data --root {shlex.quote(data.root)} --format {data.format}"
    path = _stored_path(root, data.format, cache_dir)
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        known = stored["version"] == CHECK_VERSION
        findings = [(finding["text"], set(finding["images"])) for finding in stored["findings"]]
        state = stored["state"]
    except (OSError, ValueError, KeyError, TypeError):
        return [f"data: never checked; {command}"]
    if not known or state != state_of_files(root, leave_out=cache_dir):
        return [f"data: changed since it was checked; {command}"]
    out = read_exclusions(Path(data.exclude).expanduser()).keys() if data.exclude else set()
    lines = [text for text, images in findings if not images & out]
    kept = [f"data: {line}" for line in lines[:_MOST_LINES]]
    if len(lines) > _MOST_LINES:
        kept.append(f"data: {len(lines) - _MOST_LINES} more findings; {command}")
    return kept


def state_of_files(root: Path, leave_out: Path | None = None) -> str:
    """Hash of all names, sizes and times below a folder, without reading a file; `leave_out` is our own cache folder.

    What cannot be looked at (a link to nothing, a locked folder) is left out, and links are not followed: they may lead back.
    """
    digest, folders = hashlib.sha256(), [str(root.resolve())]
    own = str(leave_out.resolve()) if leave_out else ""
    while folders:
        with contextlib.suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                with contextlib.suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        folders += [entry.path] if entry.path != own else []
                    else:
                        stat = entry.stat()
                        digest.update(os.fsencode(f"{entry.path}|{stat.st_size}|{stat.st_mtime_ns}\n"))
    return digest.hexdigest()[:24]


def _stored_path(root: Path, data_format: str, cache_dir: Path) -> Path:
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; set data.root to the folder of the data set")
    name = hashlib.sha256(f"{root.resolve()}|{data_format}".encode("utf-8", "surrogateescape")).hexdigest()[:24]
    return kept_outside(root, cache_dir) / CHECKS_FOLDER / f"{name}.json"
