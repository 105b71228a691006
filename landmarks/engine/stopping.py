"""How a run ends early: by a signal that asks for it, or by a failure that its checkpoint survives."""

import contextlib
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field

# Ctrl+C, a scheduler's or the system's end, a closed terminal, a scheduler's early warning of the end, Ctrl+Break on Windows
_STOP = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR2", "SIGBREAK")
# a scheduler's early warning of a pause: what is saved is safe, the run continues
_SAVE = ("SIGUSR1",)


class TrainingError(RuntimeError):
    """A run that cannot continue; its last checkpoint is kept."""


class Stopped(Exception):
    """A signal asked the run to stop; its state is saved."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@dataclass(slots=True)
class Signals:
    """What signals ask of this process. Handlers only note: they may come in the middle of a write."""

    stop: list[int] = field(default_factory=list)
    """Signals that ask to save and stop."""
    save: bool = False
    """Whether one asks to save and continue."""

    def take(self) -> tuple[float, float]:
        """Whether to stop and whether to save, as numbers to add over ranks; the wish to save is then granted."""
        save, self.save = self.save, False
        return float(bool(self.stop)), float(save)

    @contextlib.contextmanager
    def collect(self) -> Iterator[None]:
        """Notes signals from here on; a second Ctrl+C stops at once."""

        def note_stop(number, frame):
            if self.stop and number == signal.SIGINT:
                raise KeyboardInterrupt
            self.stop.append(number)

        def note_save(number, frame):
            self.save = True

        handlers = {name: note_stop for name in _STOP} | {name: note_save for name in _SAVE}
        numbers = {getattr(signal, name): handler for name, handler in handlers.items() if hasattr(signal, name)}
        before = {number: signal.signal(number, handler) for number, handler in numbers.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
