"""What the planner assumes about a card, in one file beside this one: estimates until a card was measured.

`landmarks benchmark card --fit` measures a card and writes the file.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from landmarks.jsonfile import write_json

CONSTANTS_FILE = Path(__file__).with_name("constants.json")


@dataclass(frozen=True, kw_only=True, slots=True)
class CardConstants:
    """Memory that a step takes beside what is counted, and the time of a pass."""

    context_mib: float
    """What CUDA itself, its kernels and its libraries take beside torch's own memory (0.4 to 0.6 GB on recent cards)."""
    workspace_mib: float
    """cuDNN's workspaces."""
    fragmentation: float
    """What torch's allocator loses between blocks, as a fraction of the activations."""
    pass_seconds: float
    """Time of a pass that does not grow with its images: 2,500 kernels to start, of 6 us each."""
    tflops: float
    """10^12 operations a second in half precision; with `pass_seconds` for the order of the choices alone."""
    source: str
    """Where these numbers are from: card, date and versions."""


def read_constants(path: Path = CONSTANTS_FILE) -> CardConstants:
    return CardConstants(**json.loads(path.read_text(encoding="utf-8")))


def write_constants(constants: CardConstants, path: Path = CONSTANTS_FILE) -> None:
    write_json(path, constants)
