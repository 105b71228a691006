"""Chromium by its own protocol over a pipe: nothing else computes beside the page that is measured."""

import fcntl
import json
import os
import subprocess
import tempfile
import time
from collections import deque

_FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
          "--disable-background-networking", "--disable-component-update", "--disable-extensions", "--hide-scrollbars",
          "--force-device-scale-factor=1", "--remote-debugging-pipe"]  # fmt: skip


class Chromium:
    """A browser with one window.

    Example:
        with Chromium("/usr/bin/chromium", 1280, 800) as browser:
            browser.open("http://127.0.0.1:8765/?token=...")
            title = browser.evaluate("document.title")
    """

    def __init__(self, program: str, width: int, height: int) -> None:
        """Raises: OSError where there is no such browser."""
        self._folder = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        theirs = []
        for pipe, end in ((os.pipe(), 0), (os.pipe(), 1)):
            theirs.append(fcntl.fcntl(pipe[end], fcntl.F_DUPFD, 10))
            os.close(pipe[end])
            theirs.append(pipe[1 - end])
        theirs_in, self._out, theirs_out, self._in = theirs
        words = [program, *_FLAGS, f"--window-size={width},{height}", f"--user-data-dir={self._folder.name}", "about:blank"]
        # the protocol wants its pipe as the file descriptors 3 and 4
        shell = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
        self.process = subprocess.Popen(
            ["bash", "-c", shell, "chromium", *words], pass_fds=(theirs_in, theirs_out), stderr=subprocess.DEVNULL
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._number, self._rest, self._events = 0, b"", deque()
        targets = self._ask("Target.getTargets", session=None)["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        found = self._ask("Target.attachToTarget", {"targetId": page, "flatten": True}, session=None)
        self._session = found["sessionId"]
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._ask("Emulation.setDeviceMetricsOverride", size)

    def __enter__(self) -> "Chromium":
        return self

    def __exit__(self, *_error) -> None:
        self.process.terminate()
        self.process.wait(20)
        os.close(self._in)
        os.close(self._out)
        self._folder.cleanup()

    def open(self, address: str) -> None:
        self._ask("Page.navigate", {"url": address})

    def evaluate(self, script: str):
        """The value of an expression, or what its promise brings. Raises: RuntimeError where the script fails."""
        sent = {"expression": script, "awaitPromise": True, "returnByValue": True}
        found = self._ask("Runtime.evaluate", sent)
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"].get("exception", {}).get("description", script))
        return found["result"].get("value")

    def until(self, condition: str, *, seconds: float = 60.0) -> None:
        """Waits for an expression to become true. Raises: TimeoutError."""
        end = time.monotonic() + seconds
        while True:
            try:
                if self.evaluate(f"Boolean({condition})"):
                    return
            except RuntimeError:
                pass  # the page is on its way to another document
            if time.monotonic() > end:
                raise TimeoutError(condition)
            time.sleep(0.02)

    def mouse(self, kind: str, x: float, y: float, *, pressed: bool = False, wait: bool = True) -> None:
        """`kind`: mouseMoved, mousePressed or mouseReleased. Without `wait` the next one may follow before it is handled."""
        held = pressed or kind != "mouseMoved"
        sent = {"type": kind, "x": x, "y": y, "button": "left" if held else "none", "buttons": int(pressed),
                "clickCount": int(kind != "mouseMoved")}  # fmt: skip
        if wait:
            self._ask("Input.dispatchMouseEvent", sent)
        else:
            self._send("Input.dispatchMouseEvent", sent, self._session)

    def start_trace(self, categories: str) -> None:
        self._ask("Tracing.start", {"categories": categories, "transferMode": "ReportEvents"}, session=None)

    def stop_trace(self) -> list[dict]:
        """Trace events since `start_trace`."""
        self._events.clear()
        self._ask("Tracing.end", session=None)
        found: list[dict] = []
        while True:
            event = self._events.popleft() if self._events else self._read()
            if event.get("method") == "Tracing.dataCollected":
                found += event["params"]["value"]
            if event.get("method") == "Tracing.tracingComplete":
                return found

    def _ask(self, method: str, params: dict | None = None, session: str | None = "") -> dict:
        number = self._send(method, params or {}, self._session if session == "" else session)
        while True:
            found = self._read()
            if found.get("id") == number:
                if "error" in found:
                    raise RuntimeError(f"{method}: {found['error']['message']}")
                return found["result"]
            if "method" in found:
                self._events.append(found)

    def _send(self, method: str, params: dict, session: str | None) -> int:
        self._number += 1
        message = {"id": self._number, "method": method, "params": params} | ({"sessionId": session} if session else {})
        os.write(self._out, json.dumps(message).encode() + b"\0")
        return self._number

    def _read(self) -> dict:
        while b"\0" not in self._rest:
            block = os.read(self._in, 1 << 20)
            if not block:
                raise OSError("the browser has ended")
            self._rest += block
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)
