"""The queue of predictions: kept in the store, worked off one after the other in the worker, cancelled at any time."""

import contextlib
import logging
import threading
from pathlib import Path

from landmarks.review.child import Child, FilmError
from landmarks.review.fields import by_hand
from landmarks.review.folder import film_path
from landmarks.review.library import Library
from landmarks.review.store import Store, UnsavedError, now

log = logging.getLogger(__name__)

PREDICT_SECONDS = 120.0


class Queue:
    """Predicts waiting cases in a thread of its own. A page that was closed goes through the rest when it starts again."""

    def __init__(self, store: Store, library: Library, predictor: Child, model: Path | None) -> None:
        self._store, self._library, self._predictor, self.model = store, library, predictor, model
        self._wake, self._ended = threading.Event(), False
        self._running: int | None = None
        self._done = 0  # since the queue was last empty
        store.write([("UPDATE jobs SET state = 'waiting' WHERE state = 'running' AND kind = 'predict'", ())])
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def add(self, cases: list[int]) -> int:
        """Put cases into the queue that are not in it; returns how many. Raises: ValueError where there is no model."""
        if self.model is None:
            raise ValueError("no model: start the page with --checkpoint FILE")
        there = {row["case_id"] for row in self._store.rows("SELECT case_id FROM jobs WHERE state IN ('waiting', 'running')")}
        if not there:
            self._done = 0
        new = [case for case in dict.fromkeys(cases) if case not in there]
        insert = "INSERT INTO jobs (kind, case_id, state, at) VALUES ('predict', ?, 'waiting', ?)"
        if new:
            self._store.write([(insert, (case, now())) for case in new])
        self._wake.set()
        self._tell()
        return len(new)

    def cancel(self) -> None:
        """Everything that waits or runs ends; what was predicted stays."""
        self._store.write([("UPDATE jobs SET state = 'cancelled' WHERE state IN ('waiting', 'running')", ())])
        if self._running is not None:
            self._predictor.stop()
        self._tell()

    def progress(self) -> dict:
        counts = {row[0]: row[1] for row in self._store.rows("SELECT state, count(*) FROM jobs GROUP BY state")}
        waiting, running = counts.get("waiting", 0), counts.get("running", 0)
        failed = self._store.rows(
            "SELECT case_id, detail FROM jobs WHERE state = 'failed' ORDER BY id DESC LIMIT 20",
        )
        return {"waiting": waiting, "running": running, "done": self._done, "case": self._running,
                "failed": [dict(row) for row in failed]}  # fmt: skip

    def close(self) -> None:
        self._ended = True
        self._wake.set()
        self._predictor.stop()
        self._thread.join(timeout=10)

    def _work(self) -> None:
        while not self._ended:
            self._wake.clear()
            waiting = self._store.rows("SELECT id, case_id FROM jobs WHERE state = 'waiting' ORDER BY id LIMIT 1")
            if waiting:
                with contextlib.suppress(UnsavedError):
                    self._predict(waiting[0]["id"], waiting[0]["case_id"])
                    continue
            self._wake.wait(timeout=5)
            self._predictor.stop_if_idle()

    def _predict(self, job: int, case: int) -> None:
        self._store.write([("UPDATE jobs SET state = 'running' WHERE id = ?", (job,))])
        self._running = case
        self._tell()
        state, detail = "done", ""
        try:
            self._library.open(case)
            request = {"do": "predict", "path": str(film_path(self._store, case)), "model": str(self.model)}
            found = self._predictor.ask(request, timeout=PREDICT_SECONDS)
            if self._state(job) == "running":
                keep_prediction(self._store, case, found)
        except (FilmError, KeyError, FileNotFoundError) as error:
            state, detail = "failed", str(error)
            if self._state(job) == "running":
                self._store.tell({"event": "failed", "case": case, "detail": detail})
        finally:
            self._running = None
            self._done += 1
        if not self._ended and self._state(job) == "running":
            self._store.write([("UPDATE jobs SET state = ?, detail = ? WHERE id = ?", (state, detail, job))])
        self._tell()

    def _state(self, job: int) -> str:
        return self._store.rows("SELECT state FROM jobs WHERE id = ?", (job,))[0]["state"]

    def _tell(self) -> None:
        self._store.tell({"event": "queue", **self.progress()})


def model_name(file: Path) -> str:
    """As it is kept with each prediction: a checkpoint has the name of its run."""
    return f"{file.parent.parent.name} {file.stem}" if file.suffix == ".pt" else file.stem


def keep_prediction(store: Store, case: int, found: dict) -> None:
    """A prediction into the history: every automatic point, and the shown one where no hand has placed it.

    A signed case keeps its points.
    """
    values = store.values(case)
    changes: dict[str, object] = {"model": found["model"]}
    for symbol, point in found["points"].items():
        changes[f"auto/{symbol}"] = point
        if not values.get("signed") and not by_hand(values.get(f"point/{symbol}")):
            changes[f"point/{symbol}"] = {"x": point["x"], "y": point["y"], "visible": True, "by": "model"}
    if found.get("view"):
        changes["view"] = found["view"]
    store.record(case, who=found["model"], source="model", kind="predict", changes=changes)
