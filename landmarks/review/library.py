"""Films for the browser: decoded on demand by the worker, kept in a cache of bounded size."""

import json
import logging
import threading
from contextlib import suppress
from pathlib import Path

from landmarks.review.child import Child, FilmError
from landmarks.review.folder import film_path
from landmarks.review.store import ConflictError, Store
from landmarks.wholefile import remove_if_free

log = logging.getLogger(__name__)

FILM_SECONDS = 20.0
CACHE_BYTES = 1 << 30
_WARM_UP_SECONDS = 1.0
_LARGE = (".raw", ".png")


class Library:
    """Decoded films of one store."""

    def __init__(self, store: Store, decoder: Child, *, cache_bytes: int = CACHE_BYTES) -> None:
        self._store, self._decoder, self._bytes = store, decoder, cache_bytes
        self.cache = store.home / "cache"
        self.cache.mkdir(exist_ok=True)
        self._lock = threading.Lock()

    def warm_up(self) -> None:
        """Start the worker before the first film is opened, but after the page is there; returns at once."""
        timer = threading.Timer(_WARM_UP_SECONDS, self._decoder.start)
        timer.daemon = True
        timer.start()

    def open(self, case_id: int) -> tuple[str, dict]:
        """Checksum and facts of a case's film, its pixels in the cache. Raises: FilmError, KeyError, FileNotFoundError."""
        path = film_path(self._store, case_id)
        checksum = self._checksum(case_id)
        if checksum and (self.cache / f"{checksum}.raw").is_file() and self._facts(checksum):
            return checksum, self._facts(checksum)
        try:
            found = self._decoder.ask({"do": "film", "path": str(path), "cache": str(self.cache)}, timeout=FILM_SECONDS)
        except FilmError as error:
            words = str(error).replace(str(path), "the film")
            self._store.write([("UPDATE cases SET problem = ? WHERE id = ?", (words, case_id))])
            self._store.tell({"event": "case", "summary": self._store.summary(case_id)})
            raise FilmError(words) from None
        self._remember(case_id, found["checksum"], found["facts"])
        self._trim()
        return found["checksum"], found["facts"]

    def pixels(self, case_id: int, *, local_contrast: bool) -> Path:
        """File of the film's gray values, row by row, little-endian."""
        checksum, _ = self.open(case_id)
        return self._made(case_id, f"{checksum}.local.raw", "contrast", checksum) if local_contrast else self._touched(checksum)

    def picture(self, case_id: int) -> Path:
        """JPEG file of the film for the report."""
        checksum, _ = self.open(case_id)
        return self._made(case_id, f"{checksum}.picture.jpg", "picture", checksum)

    def png(self, case_id: int) -> Path:
        """PNG file of the film's 8 bits for an export."""
        checksum, _ = self.open(case_id)
        return self._made(case_id, f"{checksum}.png", "png", checksum)

    def thumbnail(self, case_id: int) -> Path:
        checksum = self._checksum(case_id)
        if not checksum or not (self.cache / f"{checksum}.jpg").is_file():
            checksum, _ = self.open(case_id)
        return self.cache / f"{checksum}.jpg"

    def _made(self, case_id: int, name: str, job: str, checksum: str) -> Path:
        target = self.cache / name
        if not target.is_file():
            request = {"do": job, "path": str(film_path(self._store, case_id)), "cache": str(self.cache), "checksum": checksum}
            self._decoder.ask(request, timeout=FILM_SECONDS)
        return target

    def _touched(self, checksum: str) -> Path:
        file = self.cache / f"{checksum}.raw"
        file.touch()
        return file

    def _checksum(self, case_id: int) -> str | None:
        rows = self._store.rows("SELECT checksum FROM cases WHERE id = ?", (case_id,))
        return rows[0]["checksum"] if rows else None

    def _facts(self, checksum: str) -> dict | None:
        try:
            return json.loads((self.cache / f"{checksum}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def _remember(self, case_id: int, checksum: str, facts: dict) -> None:
        """The first reading puts what the file states into the history; later ones change nothing."""
        self._store.write([("UPDATE cases SET checksum = ?, problem = NULL WHERE id = ?", (checksum, case_id))])
        if "film" in self._store.facts(case_id):
            return
        film = {key: facts[key] for key in ("width", "height", "bits", "window", "device", "warnings")}
        changes = {key: facts[key] for key in ("scale", "age", "sex") if facts[key] is not None}
        changes = {"film": film, **changes}
        with suppress(ConflictError):  # read twice at once: the first one's values stay, and what a hand made of them
            self._store.record(case_id, who="", source="file", kind="read", changes=changes, seen=dict.fromkeys(changes, 0))

    def _trim(self) -> None:
        """Oldest decoded films leave the cache when it is full; they are decoded again when they are opened."""
        with self._lock:
            files = [
                (path.stat().st_mtime, path.stat().st_size, path) for path in self.cache.iterdir() if path.suffix in _LARGE
            ]
            total = sum(size for _, size, _ in files)
            for _, size, path in sorted(files):
                if total <= self._bytes:
                    return
                remove_if_free(path)
                total -= size
