"""Heatmap models that find anatomical landmarks on lateral cephalograms.

The names below are imported when they are first used, so that `import landmarks` costs nothing.

Example:
    >>> from landmarks import Predictor, read_dataset  # doctest: +SKIP
    >>> records = read_dataset("isbi2015", "data/ISBI2015", split="test1")  # doctest: +SKIP
    >>> predictor = Predictor.load("runs/isbi2015_cpu/checkpoints/best.pt")  # doctest: +SKIP
    >>> predictor(records.records[0].image_path).points_px[0].shape  # doctest: +SKIP
    (19, 2)
"""

from importlib import import_module

__version__ = "0.1.0"

_NAMES = {
    "Predictor": "landmarks.inference.predictor",
    "evaluate": "landmarks.commands.eval",
    "load_config": "landmarks.configfile",
    "load_model": "landmarks.tasks.saved",
    "read_dataset": "landmarks.formats.reading",
    "train": "landmarks.commands.train",
}
__all__ = ["Predictor", "__version__", "evaluate", "load_config", "load_model", "read_dataset", "train"]


def __getattr__(name: str):
    if name not in _NAMES:
        raise AttributeError(f"module 'landmarks' has no attribute {name!r}")
    return getattr(import_module(_NAMES[name]), name)


def __dir__() -> list[str]:
    return __all__
