"""How a run ends early: by a signal that asks for it, or by a failure that its checkpoint survives."""

import contextlib
import logging
import signal

log = logging.getLogger(__name__)


class TrainingError(RuntimeError):
    """A run that cannot go on; its last checkpoint stays."""


class Stopped(Exception):
    """A signal asked the run to stop; its state is saved."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextlib.contextmanager
def collect_signals():
    """Collects SIGINT, SIGTERM and SIGHUP; a second Ctrl-C stops at once."""
    received: list[int] = []

    def note(number, frame):
        if received and number == signal.SIGINT:
            raise KeyboardInterrupt
        received.append(number)
        log.warning(f"{signal.Signals(number).name}: saving after this step")

    numbers = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    before = {number: signal.signal(number, note) for number in numbers}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
