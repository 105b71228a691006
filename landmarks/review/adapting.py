"""Adapting a model to the corrections of this page, as a job: a table of the corrected cases, then `landmarks adapt`."""

import contextlib
import datetime
import re
import shutil
import subprocess
import threading
from pathlib import Path

from landmarks.review.background import start_command
from landmarks.review.exports import corrected_cases, fill_set
from landmarks.review.library import Library
from landmarks.review.runfolders import CONSOLE, console_lines
from landmarks.review.store import Store

LEAST_FILMS = 3
_LOOK_SECONDS = 0.4
_NOTHING = {"state": "none", "done": 0, "all": 0, "line": "", "model": ""}


class Adapting:
    """At most one job at a time; it ends with the page, what it has finished stays."""

    def __init__(self, store: Store, library: Library) -> None:
        self._store, self._library = store, library
        self.folder = store.home / "models"
        self._lock = threading.Lock()
        self._process: subprocess.Popen | None = None
        self._cancelled = False
        self._thread: threading.Thread | None = None
        self.progress = dict(_NOTHING)

    def models(self) -> dict[str, Path]:
        """Adapted models by name, the newest first."""
        files = [*self.folder.glob("*/checkpoints/best.pt"), *self.folder.glob("*/*.onnx")]
        return {path.relative_to(self.folder).parts[0]: path for path in sorted(files, reverse=True)}

    def cases(self) -> list[int]:
        """Corrected cases that a model may learn from: those of the test part are kept apart."""
        parts = corrected_cases(self._store)
        return sorted(parts["train"] + parts["valid"])

    def start(self, base: Path) -> None:
        """Raises: ValueError where a job is under way or there are too few corrected films."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                raise ValueError("a model is being adapted; wait for its end, or cancel it")
            cases = self.cases()
            if len(cases) < LEAST_FILMS:
                raise ValueError(
                    f"{len(cases)} corrected films outside the test part; adapting needs {LEAST_FILMS} or more: "
                    "correct and sign some first"
                )
            self._cancelled = False
            name = f"adapted-{datetime.datetime.now():%Y%m%d-%H%M%S}"
            self._say(state="running", done=0, all=len(cases), line="", model="")
            self._thread = threading.Thread(target=self._work, args=(base, cases, name), daemon=True)
            self._thread.start()

    def cancel(self) -> None:
        self._cancelled = True
        process = self._process
        if process is not None:
            with contextlib.suppress(OSError):
                process.terminate()

    def close(self) -> None:
        self.cancel()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def _work(self, base: Path, cases: list[int], name: str) -> None:
        folder = self.folder / name
        try:
            folder.mkdir(parents=True)
            fill_set(self._store, cases, "table", folder / "films", self._draw)
            words = ["adapt", "--checkpoint", str(base), "--data-format", "table", "--data-root", str(folder / "films"),
                     "--output", str(folder)]  # fmt: skip
            self._process = start_command(words, folder / CONSOLE)
            if self._cancelled:
                self._process.terminate()
            code = self._follow(self._process, folder, len(cases))
            outcome = self._outcome(folder, name, code)
        except (OSError, ValueError, KeyError) as error:
            outcome = {
                "state": "cancelled" if self._cancelled else "failed",
                "line": str(error).splitlines()[0][:300],
                "model": "",
            }
        self._process = None
        # the model alone stays
        shutil.rmtree(folder / "films" if outcome["model"] else folder, ignore_errors=True)
        self._say(**outcome)

    def _draw(self, case: int) -> bytes:
        if self._cancelled:
            raise ValueError("cancelled")
        return self._library.png(case).read_bytes()

    def _follow(self, process: subprocess.Popen, folder: Path, num: int) -> int:
        while True:
            try:
                return process.wait(_LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                counts = re.findall(rf"(\d+)/{num}\b", " ".join(console_lines(folder) or ()))
                if counts and int(counts[-1]) != self.progress["done"]:
                    self._say(done=int(counts[-1]))

    def _outcome(self, folder: Path, name: str, code: int) -> dict:
        lines = console_lines(folder) or []
        if self._cancelled:
            return {"state": "cancelled", "line": "", "model": ""}
        if code != 0:
            return {"state": "failed", "line": lines[-1] if lines else f"ended with {code}", "model": ""}
        told = next((line for line in reversed(lines) if "mean error" in line), "")
        made = name in self.models()
        return {"state": "done" if made else "no gain", "line": told, "model": name if made else ""}

    def _say(self, **changes: object) -> None:
        self.progress = {**self.progress, **changes}
        self._store.tell({"event": "adapt", **self.progress})
