"""Where the data set of a run lies; a synthetic one is made there before it is read."""

import logging
from pathlib import Path

from landmarks.config import DataConfig
from landmarks.data.resources import usable_cores
from landmarks.dataconfig import single_sets
from landmarks.filelock import exclusive
from landmarks.formats import GENERATED
from landmarks.formats.reading import format_named
from landmarks.formats.records import DataError
from landmarks.synthetic.dataset import GENERATOR_VERSION, write_synthetic_dataset

log = logging.getLogger(__name__)


def dataset_root(data: DataConfig) -> Path:
    """The folder of the data set. Raises: DataError where the format is unknown, or needs a folder and none is set."""
    format_named(data.format)
    if not data.root and data.format not in GENERATED:
        raise DataError("data.root: found ''; write the folder of the data set")
    if data.root:
        return Path(data.root).expanduser()
    return Path(f"data/synthetic_v{GENERATOR_VERSION}_{data.synthetic_num}_{data.synthetic_seed}")


def make_missing_set(data: DataConfig) -> None:
    """Draws the data sets of these settings that the program makes itself and that are not there yet."""
    for alone in single_sets(data).values():
        _make_missing(alone)


def _make_missing(data: DataConfig) -> None:
    root = dataset_root(data)
    if data.format not in GENERATED or root.exists():
        return
    root.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(root.with_name(f".{root.name}.lock"), lambda: None):
        if not root.exists():  # another process may have made it meanwhile
            log.info("making the synthetic data set in %s", root)
            write_synthetic_dataset(root, num=data.synthetic_num, seed=data.synthetic_seed, workers=usable_cores())
