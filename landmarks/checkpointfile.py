"""Checkpoint files: written whole or not at all, checked before they are believed, never executed."""

import contextlib
import hashlib
import os
import pickle
import struct
from pathlib import Path

import torch

from landmarks.wholefile import put_in_place

# torch writes a zip; the checksum is the zip's comment: "sha256:" and 64 hexadecimal digits.
_TAG = b"sha256:"
_COMMENT = len(_TAG) + 64
_NO_COMMENT = struct.pack("<H", 0)


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message names the file and says why."""


def write_checkpoint(path: Path, content: dict) -> None:
    """Plain tensors and dicts -> file. A crash at any moment leaves the previous file or the new one, never a part.

    Raises: OSError on a full disk or a folder that is not writable; the previous file is then untouched.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        torch.save(content, part)
        with part.open("r+b") as file:
            digest = _digest(file, part.stat().st_size - len(_NO_COMMENT))
            file.seek(-len(_NO_COMMENT), os.SEEK_END)
            file.write(struct.pack("<H", _COMMENT) + _TAG + digest.encode())
            file.flush()
            os.fsync(file.fileno())
        verify_checkpoint(part)
        put_in_place(part, path)
        _sync_folder(path.parent)
    except RuntimeError as error:
        # torch's writer reports a full disk in its own words
        raise OSError(f"{path}: could not be written ({str(error).splitlines()[0]}); the disk may be full") from error
    finally:
        part.unlink(missing_ok=True)


def verify_checkpoint(path: Path) -> None:
    """Raises: CheckpointError where the file is missing, truncated or altered."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            tail = 2 + _COMMENT
            if size <= tail:
                raise CheckpointError(f"{path}: truncated checkpoint ({size} bytes); use an earlier one")
            file.seek(-_COMMENT, os.SEEK_END)
            comment = file.read()
            if not comment.startswith(_TAG):
                raise CheckpointError(f"{path}: truncated, or no checkpoint of this project (no checksum); use another one")
            if _digest(file, size - tail) != comment[len(_TAG) :].decode(errors="replace"):
                raise CheckpointError(f"{path}: altered checkpoint (its checksum does not match); use an earlier one")
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from error


def read_checkpoint(path: Path) -> dict:
    """File -> plain tensors and dicts, on the CPU. No code of the file is run.

    Raises: CheckpointError where the file is missing, truncated, altered or no checkpoint.
    """
    verify_checkpoint(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise CheckpointError(f"{path}: not a checkpoint of plain tensors; refused") from error
    if not isinstance(content, dict) or "model" not in content or "config" not in content:
        raise CheckpointError(f"{path}: no checkpoint of this project (no model and settings inside)")
    if "task" not in content and "landmarks" in content:  # format 1 knew one task
        content["task"] = {"landmarks": content.pop("landmarks")}
    return content


def _digest(file, length: int) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    while length and (block := file.read(min(length, 1 << 20))):
        digest.update(block)
        length -= len(block)
    return digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    """The rename itself reaches the disk, where the file system can do that (some answer EINVAL); Windows needs no call."""
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):  # the file itself is written and verified
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
