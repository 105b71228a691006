"""What a part of the benchmark works with: the device, recipes, the time left, and the file of its figures.

torch is imported where it is used: the process that starts the parts has no need of it.
"""

import gc
import logging
import shutil
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import landmarks
from landmarks.config import Config
from landmarks.configfile import load_config
from landmarks.jsonfile import write_json

log = logging.getLogger(__name__)

RECIPES = Path(landmarks.__file__).parents[1] / "configs"
# The smallest network on the smallest images: a dry run shows that every line works, not how fast.
_DRY = (
    "data.image_size=[64,64]",
    "data.workers=0",
    "model.backbone=hrnet_w18_small",
    "model.head_channels=16",
    "train.precision=bf16",
    "train.ema_epochs=0",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What all parts are told."""

    dry: bool
    """Tiny sizes on the processor."""
    data_format: str
    data_root: str
    folder: Path
    """Scratch folder, and the parts' files."""


@dataclass(kw_only=True, slots=True)
class Bench:
    """One part under way."""

    job: Job
    part: str
    deadline: float
    """time.time() at which the process of the part is ended."""
    items: dict[str, dict] = field(default_factory=dict)

    @property
    def dry(self) -> bool:
        return self.job.dry

    @property
    def device(self):
        import torch

        return torch.device("cpu") if self.dry else torch.device("cuda", 0)

    def num(self, number: int) -> int:
        """Of steps or repetitions; one in a dry run."""
        return 1 if self.dry else number

    def left(self) -> float:
        """Seconds."""
        return self.deadline - time.time()

    def item(self, name: str, work: Callable[[], dict], *, need: float = 0.0) -> dict | None:
        """Does one measurement and records its figures, or the line of its failure; None where there are no figures.

        Args:
            need: seconds that it takes at least; with less time left it is not begun.
        """
        if self.left() < need:
            self._record(name, {"state": "not reached", "line": f"{need:.0f} s needed, {max(0, self.left()):.0f} s left"})
            return None
        self._record(name, {"state": "begun"})  # what the file says where the process is ended in the middle
        start, figures = time.time(), None
        try:
            figures = work()
            found = {"state": "ok", "figures": figures}
        except Exception as error:
            found = {"state": "failed", "line": failure_line(error)}
        # outside the handler, where no traceback keeps tensors alive
        gc.collect()
        if found["state"] == "failed" and not self.dry:
            _free_cache()
        self._record(name, found | {"seconds": time.time() - start})
        return figures

    def recipe(self, name: str, *words: str) -> Config:
        """A recipe of configs/ on this benchmark's data, tiny in a dry run."""
        data = [f"data.format={self.job.data_format}", f"data.root={self.job.data_root}"]
        return load_config(RECIPES / f"{name}.yaml", [*data, *words, *(_DRY if self.dry else ())])

    def run_recipe(self, name: str, *words: str) -> Config:
        """A recipe for a whole run: on this benchmark's device, without pictures."""
        dry = ("train.device=cpu", "train.precision=fp32", "train.epochs=1") if self.dry else ()
        return self.recipe(name, "train.log_images=0", "train.keep_every=0", "train.patience=0", *words, *dry)

    def scratch(self, name: str) -> Path:
        """An empty folder."""
        folder = self.job.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def _record(self, name: str, found: dict) -> None:
        self.items[name] = found
        write_json(part_file(self.job.folder, self.part), self.items)


def part_file(folder: Path, part: str) -> Path:
    return folder / f"{part}.json"


def failure_line(error: BaseException) -> str:
    """Class and first line of an error, and the line of this package that it comes from."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if _is_measured(Path(frame.filename))] or frames
    where = f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
    words = (str(error).strip().splitlines() or [""])[0][:300]
    return f"{type(error).__name__}: {words}{where}"


def _is_measured(path: Path) -> bool:
    """Whether a file is of this package, and not of what starts a measurement."""
    return "landmarks" in path.parts and path.name not in ("bench.py", "parts.py")


def _free_cache() -> None:
    import torch

    try:
        torch.cuda.empty_cache()
    except RuntimeError as error:  # a fault in a kernel ends the device's use for this process
        log.warning(f"the card's cache cannot be freed: {failure_line(error)}")
