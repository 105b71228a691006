"""`landmarks benchmark card`: everything that can be measured on a card, in one command of some minutes.

`command.py` starts the parts, each in a process of its own (`parts.py`), which records what it finds through a `Bench`
(`bench.py`); `tables.py` prints it, `fit.py` turns it into the planner's constants, `pack.py` makes a folder for another
machine.
"""

from landmarks.benchmark.card.command import add_arguments, run

__all__ = ["add_arguments", "run"]
