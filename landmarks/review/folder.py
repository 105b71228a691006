"""The folder of films: which files are cases, and where a moved file is now. Paths never come from a request."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from landmarks.radiograph.files import IMAGE_SUFFIXES, image_files
from landmarks.review.store import STORE_FOLDER, Store, now
from landmarks.wholefile import put_in_place


def find_films(folder: Path) -> Iterator[Path]:
    """Films in a folder and below it, the page's own store left out."""
    for path in image_files(folder, below=True):
        if STORE_FOLDER not in path.relative_to(folder).parts:
            yield path


def scan(store: Store) -> int:
    """Bring the list of cases in line with the folder and its imported films; returns how many are new."""
    known = {row["path"]: row for row in store.rows("SELECT id, path, size, checksum, missing FROM cases")}
    films = store.home / "films"
    found = {}
    for path in [*find_films(store.folder), *(image_files(films) if films.is_dir() else ())]:
        info = path.stat()
        found[path.relative_to(store.folder).as_posix()] = (path, info.st_size, info.st_mtime)
    gone = {row["checksum"]: row for path, row in known.items() if path not in found and row["checksum"]}
    statements, added = [], 0
    for name, (path, size, modified) in found.items():
        if name in known:
            if known[name]["missing"]:
                statements.append(("UPDATE cases SET missing = 0 WHERE id = ?", (known[name]["id"],)))
            continue
        moved = _moved(path, size, gone)
        if moved:
            statements.append(("UPDATE cases SET path = ?, missing = 0 WHERE id = ?", (name, moved["id"])))
        else:
            statements.append((_INSERT, (name, path.stem[:200], size, modified, now())))
            added += 1
    moved_ids = {values[-1] for text, values in statements if "SET path" in text}
    for name, row in known.items():
        if name not in found and row["id"] not in moved_ids and not row["missing"]:
            statements.append(("UPDATE cases SET missing = 1 WHERE id = ?", (row["id"],)))
    if statements:
        store.write(statements)
    return added


_INSERT = "INSERT INTO cases (path, title, size, modified, added) VALUES (?, ?, ?, ?, ?)"


def _moved(path: Path, size: int, gone: dict) -> dict | None:
    """The case whose film this is under another name; only files of a missing film's size are read."""
    if size not in {row["size"] for row in gone.values()}:
        return None
    return gone.pop(hashlib.sha256(path.read_bytes()).hexdigest(), None)


def film_path(store: Store, case_id: int) -> Path:
    """Raises: KeyError where there is no such case, FileNotFoundError where its film is gone."""
    rows = store.rows("SELECT path FROM cases WHERE id = ?", (case_id,))
    if not rows:
        raise KeyError(case_id)
    path = (store.folder / rows[0]["path"]).resolve()
    # the store may have been edited by others: a path that leaves the folder is none of ours
    if not path.is_relative_to(store.folder) or not path.is_file():
        raise FileNotFoundError(rows[0]["path"])
    return path


def keep_upload(store: Store, part: Path, title: str, checksum: str) -> tuple[int, bool]:
    """Turn a received file into a case; the same file twice is one case. Returns its id, and whether it is new."""
    there = store.rows("SELECT id FROM cases WHERE checksum = ?", (checksum,))
    if there:
        part.unlink()
        return there[0]["id"], False
    suffix = Path(title).suffix.lower()
    target = store.home / "films" / f"{checksum[:32]}{suffix if suffix in IMAGE_SUFFIXES else '.dcm'}"
    with part.open("r+b") as file:  # Windows flushes no file that is open for reading
        os.fsync(file.fileno())
    put_in_place(part, target)
    values = (target.relative_to(store.folder).as_posix(), Path(title).stem[:200] or "film", target.stat().st_size,
              target.stat().st_mtime, now(), checksum)  # fmt: skip
    question = "INSERT INTO cases (path, title, size, modified, added, checksum) VALUES (?, ?, ?, ?, ?, ?)"
    return store.write([(question, values)]), True
