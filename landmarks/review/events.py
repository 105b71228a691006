"""What changed, told to every open window as server-sent events."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

_MOST_WINDOWS = 32
_WAITING_EVENTS = 2000
_HEARTBEAT_SECONDS = 15.0


class Hub:
    """Passes events from any thread to the windows that listen."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._windows: set[asyncio.Queue] = set()

    def tell(self, event: dict) -> None:
        """From any thread."""
        if self._loop is not None and self._windows:
            with contextlib.suppress(RuntimeError):  # the server has just ended
                self._loop.call_soon_threadsafe(self._spread, event)

    def _spread(self, event: dict) -> None:
        text = json.dumps(event)
        for window in list(self._windows):
            if window.full():
                # a window that no longer reads reloads everything when it comes back
                self._windows.discard(window)
            else:
                window.put_nowait(text)

    def full(self) -> bool:
        return len(self._windows) >= _MOST_WINDOWS

    async def listen(self) -> AsyncIterator[str]:
        """The text of an event stream."""
        self._loop = asyncio.get_running_loop()
        window: asyncio.Queue = asyncio.Queue(maxsize=_WAITING_EVENTS)
        self._windows.add(window)
        try:
            yield 'retry: 1000\ndata: {"event": "hello"}\n\n'
            while window in self._windows:
                try:
                    yield f"data: {await asyncio.wait_for(window.get(), _HEARTBEAT_SECONDS)}\n\n"
                except (TimeoutError, asyncio.TimeoutError):
                    yield ": quiet\n\n"
        finally:
            self._windows.discard(window)

    def end(self) -> None:
        """Every stream ends, so that the server can."""
        for window in list(self._windows):
            self._windows.discard(window)
            if not window.full():
                window.put_nowait('{"event": "end"}')
