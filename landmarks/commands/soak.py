"""Kill a run at random moments, resume it, and check that it ends bit for bit like the run that was never stopped.

Example:
    landmarks soak --config configs/soak.yaml --kills 25
"""

import logging
import signal
import sys
from pathlib import Path

from landmarks.commands.arguments import add_recipe, new_parser

log = logging.getLogger(__name__)


def main(argv: list[str] | None = None) -> int:
    parser = new_parser("soak", __doc__)
    add_recipe(parser)
    parser.add_argument("--kills", type=int, default=25, help="interruptions by kill -9 (default: 25)")
    parser.add_argument("--signals", type=int, default=5, help="interruptions by SIGTERM, by SIGINT, in a write (default: 5)")
    losses = "terminals lost, SIGTERM to all processes, SIGTERM in blocked writes, each (default: 0)"
    parser.add_argument("--losses", type=int, default=0, help=losses)
    parser.add_argument("--output", type=Path, default=Path("runs/soak"), help="folder of the runs (default: runs/soak)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments")
    args = parser.parse_intermixed_args(argv)
    if sys.platform == "win32":
        raise ValueError("soak: Windows has no kill -9; run it on Linux or macOS")
    from landmarks.engine.soak import Soak, train_command
    from landmarks.metrics import format_table

    soak = Soak(train_command(args.config, args.settings), args.output, seed=args.seed)
    soak.make_reference()
    log.info(f"uninterrupted: {soak.seconds:.1f} s")
    planned = [
        ("kill -9", args.kills, soak.at_a_random_moment(signal.SIGKILL)),
        ("SIGTERM", args.signals, soak.at_a_random_moment(signal.SIGTERM)),
        ("SIGINT", args.signals, soak.at_a_random_moment(signal.SIGINT)),
        ("killed in a write", args.signals, soak.during_a_write),
        ("terminal lost", args.losses, soak.lose_terminal),
        ("SIGTERM to all", args.losses, soak.signal_all),
        ("blocked write", args.losses, soak.block_stderr),
    ]
    outcomes = [
        soak.interrupt(name, times, how, terminal=how == soak.lose_terminal) for name, times, how in planned if times > 0
    ]
    outcomes.append(soak.damage())
    rows = [[o.name, str(o.done), "ok" if not o.failures else "FAILED: " + "; ".join(o.failures[:3])] for o in outcomes]
    print(format_table(["interruption", "times", "same as uninterrupted"], rows))
    return 1 if any(outcome.failures for outcome in outcomes) else 0
