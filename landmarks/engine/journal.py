"""What a run records: metrics.jsonl, TensorBoard, and the newest pictures."""

import json
import logging
import os
from pathlib import Path

import cv2
import numpy as np
from torch.utils.tensorboard import SummaryWriter

from landmarks.wholefile import put_in_place

log = logging.getLogger(__name__)


def clock(seconds: float) -> str:
    """Seconds as h:mm:ss."""
    return f"{int(seconds) // 3600}:{int(seconds) // 60 % 60:02d}:{int(seconds) % 60:02d}"


class Journal:
    """The same numbers to metrics.jsonl and TensorBoard. `step` counts optimizer steps."""

    def __init__(self, output: Path | None, *, resumed_step: int | None = None, resumed_epoch: int = 0) -> None:
        """Without an output folder (every rank but 0) nothing is written. Lines after the resumed step are dropped."""
        self._silent = output is None
        if self._silent:
            return
        self._path, self._pictures = output / "metrics.jsonl", output / "pictures"
        if resumed_step is not None:
            self._forget_after(resumed_step, resumed_epoch)
        self._file = self._path.open("a", encoding="utf-8")
        purge = None if resumed_step is None else resumed_step + 1
        self._board = SummaryWriter(output / "tensorboard", purge_step=purge, flush_secs=30)

    def _forget_after(self, step: int, epoch: int) -> None:
        """A resumed run repeats the steps after its checkpoint, and the ends of epochs that it had not finished."""
        if not self._path.is_file():
            return
        kept = []
        for line in self._path.read_text(encoding="utf-8").splitlines():
            try:
                found = json.loads(line)
                if found["step"] <= step and (found["kind"] in ("step", "memory") or found["epoch"] <= epoch):
                    kept.append(line + "\n")
            except (json.JSONDecodeError, KeyError):
                continue  # the last line of a run that was killed while writing it
        part = self._path.with_suffix(".part")
        part.write_text("".join(kept), encoding="utf-8")
        put_in_place(part, self._path)

    def scalars(
        self, kind: str, step: int, values: dict[str, float | None], *, epoch: int, times: dict[str, float] | None = None
    ) -> None:
        """One line in metrics.jsonl, one point a value in TensorBoard under `kind/`.

        `times` holds what differs from machine to machine; a repeated run gives the same line but for it.
        """
        if self._silent:
            return
        known = {key: value for key, value in values.items() if value is not None}
        line = {"kind": kind, "epoch": epoch, "step": step, **known}
        self._file.write(json.dumps(line | ({"times": times} if times else {})) + "\n")
        self._file.flush()
        for key, value in known.items():
            self._board.add_scalar(f"{kind}/{key}", value, step)
        for key, value in (times or {}).items():
            self._board.add_scalar(f"times/{key}", value, step)

    def parts(self, score: str, step: int, values: dict[str, float | None]) -> None:
        """The score by landmark or class, in TensorBoard alone."""
        for name, value in values.items():
            if value is not None and not self._silent:
                self._board.add_scalar(f"{score}/{name.replace('`', '_soft')}", value, step)

    def picture(self, name: str, step: int, picture: np.ndarray) -> None:
        """RGB array [H, W, 3]: into TensorBoard, and the newest of each name into pictures/ as well."""
        if self._silent:
            return
        self._board.add_image(name, picture, step, dataformats="HWC")
        file = self._pictures / f"{name.replace('/', '_')}.jpg"
        try:
            self._pictures.mkdir(exist_ok=True)
            file.write_bytes(cv2.imencode(".jpg", picture[..., ::-1])[1].tobytes())
        except OSError as error:
            log.warning(f"{file}: not written ({error.strerror or error})")

    def text(self, name: str, words: str) -> None:
        if self._silent:
            return
        self._board.add_text(name, f"```\n{words}\n```", 0)

    def flush(self) -> None:
        """Before a checkpoint: what it continues from must be on the disk first."""
        if self._silent:
            return
        self._file.flush()
        os.fsync(self._file.fileno())
        self._board.flush()

    def close(self) -> None:
        if self._silent:
            return
        self.flush()
        self._file.close()
        self._board.close()
        self._silent = True
