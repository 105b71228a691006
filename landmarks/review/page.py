"""The page's parts, put together once: store, films, queue, events."""

import logging
from pathlib import Path

import landmarks
from landmarks.filelock import hold_for_life
from landmarks.review import analysis
from landmarks.review.child import Child
from landmarks.review.events import Hub
from landmarks.review.folder import scan
from landmarks.review.jobs import Queue
from landmarks.review.library import Library
from landmarks.review.store import Store

log = logging.getLogger(__name__)


class Page:
    """One folder of films, open."""

    def __init__(self, folder: Path, model: Path | None) -> None:
        """Raises: ValueError where another page has the folder open, or its store cannot be used; OSError."""
        self.store = Store(folder)
        self._held = hold_for_life(self.store.home / ".lock")
        if self._held is None:
            self.store.close()
            raise ValueError(f"{folder}: open in another page already; use that one, or end it")
        # the tables of norms are read before the first window asks for them
        self.analyses = analysis.catalogue()
        self.version = landmarks.__version__
        self.model_name = "" if model is None else model.stem
        self.hub = Hub()
        self.store.listen(self.hub.tell)
        self._children = (Child("decode"), Child("predict"))
        self.library = Library(self.store, self._children[0])
        self.queue = Queue(self.store, self.library, self._children[1], model)

    def scan(self) -> int:
        return scan(self.store)

    def close(self) -> None:
        self.queue.close()
        for child in self._children:
            child.stop()
        self.store.close()
        self._held.close()
