"""One worker process seen from the page: asked in turn, ended when it is slow, started again when it is gone."""

import json
import logging
import os
import queue
import subprocess
import sys
import threading
import time

log = logging.getLogger(__name__)


class FilmError(ValueError):
    """A film that the worker could not read or predict; the message says why."""


class Child:
    """A worker process of one kind, started when it is first asked."""

    def __init__(self, kind: str, *, idle_seconds: float = 300.0) -> None:
        """`kind`: decode or predict. After `idle_seconds` without a request the process ends and frees its memory."""
        self._kind, self._idle = kind, idle_seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen | None = None
        self._answers: queue.Queue[str] = queue.Queue()
        self._last = 0.0

    def ask(self, request: dict, *, timeout: float) -> dict:
        """Raises: FilmError where the worker refuses, dies, or needs longer than `timeout` seconds."""
        with self._lock:
            process = self._running()
            try:
                process.stdin.write(json.dumps(request) + "\n")
                process.stdin.flush()
                line = self._answers.get(timeout=timeout)
            except queue.Empty:
                self.stop()
                raise FilmError(f"took longer than {timeout:g} s and was given up") from None
            except OSError:
                line = ""
            if not line:
                self.stop()
                raise FilmError("the process that reads films ended; the file may be broken or too large")
            self._last = time.monotonic()
            answer = json.loads(line)
        if "error" in answer:
            raise FilmError(answer["error"])
        return answer["ok"]

    def start(self) -> None:
        """Start the process, unless it runs or is busy."""
        if self._lock.acquire(blocking=False):
            try:
                self._running()
                self._last = time.monotonic()
            finally:
                self._lock.release()

    def stop(self) -> None:
        """End the process at once; a request that runs fails."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def stop_if_idle(self) -> None:
        if self._lock.acquire(blocking=False):
            try:
                if self._process is not None and time.monotonic() - self._last > self._idle:
                    self.stop()
            finally:
                self._lock.release()

    def _running(self) -> subprocess.Popen:
        if self._process is None or self._process.poll() is not None:
            self._answers = queue.Queue()
            environment = os.environ | {"OPENCV_IO_MAX_IMAGE_PIXELS": str(1 << 28)}
            self._process = subprocess.Popen(
                [sys.executable, "-m", "landmarks.review.worker", self._kind],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                env=environment,
            )
            threading.Thread(target=_listen, args=(self._process, self._answers), daemon=True).start()
        return self._process


def _listen(process: subprocess.Popen, answers: queue.Queue) -> None:
    with process.stdout:
        for line in process.stdout:
            answers.put(line)
    answers.put("")
    process.stdin.close()
