"""Files and folders that appear whole under their name, also on systems that refuse to rename what is open elsewhere."""

import contextlib
import os
import time
from pathlib import Path

# Windows refuses to replace or remove a file that a virus scanner, an indexer or a viewer has open; most let go in a second.
_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6) if os.name == "nt" else ()


def put_in_place(part: Path, target: Path) -> None:
    """Renames a finished file over its target, or a finished folder to a name that is free.

    Raises: OSError, on Windows one that names the target where another program keeps it open; the target is then untouched.

    Example:
        part.write_text(text, encoding="utf-8")
        put_in_place(part, Path("results.json"))
    """
    for pause in _PAUSES:
        try:
            os.replace(part, target)
            return
        except PermissionError:
            time.sleep(pause)
    try:
        os.replace(part, target)
    except PermissionError as error:
        if not _PAUSES:
            raise
        raise PermissionError(error.errno, "open in another program, or not writable; close it there", str(target)) from error


def remove_if_free(path: Path) -> None:
    """Removes a file that nobody needs any more; one that another program keeps open on Windows stays."""
    with contextlib.suppress(OSError):
        path.unlink()
