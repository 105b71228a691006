"""A schematic face whose measurements school geometry gives."""

import numpy as np

from landmarks.schema import AARIZ29

SYMBOLS = AARIZ29.symbols

# A schematic face that looks right, in mm with y down: S at the origin, N 70 ahead, Po-Or and the palate level.
FACE = {
    "S": (0, 0), "N": (70, 0), "Po": (-20, 20), "Or": (60, 20), "A": (65, 50), "B": (60, 85), "Pog": (60, 100),
    "Gn": (58, 105), "Me": (52, 108), "Go": (-5, 80), "Ar": (-15, 30), "Co": (-12, 22), "ANS": (70, 45), "PNS": (20, 45),
    "UIT": (70, 70), "UIA": (62, 50), "LIT": (67, 68), "LIA": (58, 90), "UMT": (35, 68), "LMT": (35, 66),
    "UPM": (50, 70), "LPM": (50, 68), "R": (-8, 60), "N`": (76, 2), "Pn": (95, 40), "Sn": (80, 50), "Ls": (84, 62),
    "Li": (80, 78), "Pog`": (73, 100),
}  # fmt: skip


def atan(rise: float, run: float) -> float:
    return float(np.degrees(np.arctan2(rise, run)))


def face(**moved) -> np.ndarray:
    places = FACE | {symbol.replace("_soft", "`"): place for symbol, place in moved.items()}
    return np.array([places[symbol] for symbol in SYMBOLS], dtype=float)
