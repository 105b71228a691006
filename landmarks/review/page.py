"""The page's parts, put together once: store, films, queue, events."""

import logging
from pathlib import Path

import landmarks
from landmarks.filelock import hold_for_life
from landmarks.review import analysis
from landmarks.review.adapting import Adapting
from landmarks.review.child import Child
from landmarks.review.events import Hub
from landmarks.review.folder import scan
from landmarks.review.jobs import Queue, model_name
from landmarks.review.library import Library
from landmarks.review.runfolders import PAGE_TASK, find_runs, run_task
from landmarks.review.store import Store
from landmarks.review.training import Trainings

log = logging.getLogger(__name__)


class Page:
    """One folder of films, open."""

    def __init__(self, folder: Path, model: Path | None, trainings: Trainings) -> None:
        """Raises: ValueError where another page has the folder open, or its store cannot be used; OSError."""
        self.store = Store(folder)
        self._held = hold_for_life(self.store.home / ".lock")
        if self._held is None:
            self.store.close()
            raise ValueError(f"{folder}: open in another page already; use that one, or end it")
        # the tables of norms are read before the first window asks for them
        self.analyses = analysis.catalogue()
        self.version = landmarks.__version__
        self.hub = Hub()
        self.store.listen(self.hub.tell)
        self._children = (Child("decode"), Child("predict"))
        self.library = Library(self.store, self._children[0])
        self.queue = Queue(self.store, self.library, self._children[1], model)
        self.trainings = trainings
        self.adapting = Adapting(self.store, self.library)
        self._first_model = model

    @property
    def model_name(self) -> str:
        """Of the model that predicts now; empty where there is none."""
        return "" if self.queue.model is None else model_name(self.queue.model)

    def models(self, task: str = PAGE_TASK) -> dict[str, Path]:
        """Models of one task by name: of the page's own the first one and adapted ones, of any the best of each run."""
        found = {}
        if task == PAGE_TASK:
            found = {} if self._first_model is None else {model_name(self._first_model): self._first_model}
            found |= self.adapting.models()
        runs = {name: path for name, path in find_runs(self.trainings.folder).items() if run_task(path) == task}
        others = {f"run {name}": path / "checkpoints" / "best.pt" for name, path in runs.items()}
        return found | {name: path for name, path in others.items() if path.is_file() and path not in found.values()}

    def use_model(self, name: str) -> None:
        """Raises: KeyError."""
        self.queue.model = self.models()[name]
        self.store.tell({"event": "model", "model": self.model_name})

    def scan(self) -> int:
        return scan(self.store)

    def close(self) -> None:
        self.adapting.close()
        self.queue.close()
        for child in self._children:
            child.stop()
        self.store.close()
        self._held.close()
