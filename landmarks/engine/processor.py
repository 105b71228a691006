"""Notices that other programs take the processor: threads of a step wait for each other, so one slow thread slows all."""

import time
from pathlib import Path

import torch

# Part of the time that threads asked for and did not get, from which on the line is worth reading: an undisturbed run waits a
# few per cent, one that shares a core waits about half.
_MOST_WAIT = 0.2
# Seconds after which a long epoch is not waited for: where threads wait for each other, it may take hours.
_LONG = 60.0


class ProcessorWatch:
    """Time that this process's threads ran, and waited for a core, since the last look (Linux; elsewhere silent)."""

    def __init__(self, device: torch.device) -> None:
        self._watches = device.type == "cpu"
        self._before, self._since, self._told = self._read(), time.monotonic(), False

    def look_after_window(self) -> str:
        """The line of `look` in the middle of a long epoch, once."""
        if self._told or time.monotonic() - self._since < _LONG:
            return ""
        line = self._compare()
        self._told = bool(line)
        return line

    def look(self) -> str:
        """At the end of an epoch: a line where the processor is shared and fewer threads would help, else ''."""
        line, told, self._told = self._compare(), self._told, False
        return "" if told else line

    def _compare(self) -> str:
        before, self._before, self._since = self._before, self._read(), time.monotonic()
        ran, waited = (now - then for now, then in zip(self._before, before, strict=True))
        threads = torch.get_num_threads()
        if threads == 1 or waited <= _MOST_WAIT * (ran + waited):
            return ""
        return (
            f"other programs use the processor: the run's threads waited {100 * waited / (ran + waited):.0f} % of their time "
            f"for a core; train.threads={max(1, threads // 2)} (now {threads}) is faster beside them, "
            "resume with it (results then differ in the last digits)"
        )

    def _read(self) -> tuple[int, int]:
        """Nanoseconds run and waited, over all threads that live."""
        ran = waited = 0
        for path in Path("/proc/self/task").glob("*/schedstat") if self._watches else ():
            try:
                words = path.read_text(encoding="utf-8").split()
            except OSError:  # the thread has ended
                continue
            ran, waited = ran + int(words[0]), waited + int(words[1])
        return ran, waited
