"""Kill a run at random moments, resume it, and check that it ends bit for bit like the run that was never stopped.

Example:
    python tools/soak.py --config configs/soak.yaml --kills 25
"""

import argparse
import logging
import signal
import sys
from pathlib import Path

from landmarks.commands.console import set_up_console
from landmarks.engine.soak import Soak, train_command
from landmarks.metrics import format_table

log = logging.getLogger("landmarks.tools")


def main() -> int:
    set_up_console()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", required=True, help="a short run, e.g. configs/soak.yaml")
    parser.add_argument("--kills", type=int, default=25, help="interruptions by kill -9 (default: 25)")
    parser.add_argument("--signals", type=int, default=5, help="interruptions by SIGTERM, by SIGINT, in a write (default: 5)")
    parser.add_argument("--output", type=Path, default=Path("runs/soak"), help="folder of the runs (default: runs/soak)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments")
    parser.add_argument("settings", nargs="*", metavar="section.key=value", help="settings that win over the recipe's")
    args = parser.parse_intermixed_args()
    if sys.platform == "win32":
        print("tools/soak.py: Windows has no kill -9; run it on Linux or macOS", file=sys.stderr)
        return 2
    soak = Soak(train_command(args.config, args.settings), args.output, seed=args.seed)
    try:
        soak.make_reference()
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    log.info(f"uninterrupted: {soak.seconds:.1f} s")
    outcomes = [
        soak.interrupt("kill -9", args.kills, soak.at_a_random_moment(signal.SIGKILL)),
        soak.interrupt("SIGTERM", args.signals, soak.at_a_random_moment(signal.SIGTERM)),
        soak.interrupt("SIGINT", args.signals, soak.at_a_random_moment(signal.SIGINT)),
        soak.interrupt("killed in a write", args.signals, soak.during_a_write),
        soak.damage(),
    ]
    rows = [[o.name, str(o.done), "ok" if not o.failures else "FAILED: " + "; ".join(o.failures[:3])] for o in outcomes]
    print(format_table(["interruption", "times", "same as uninterrupted"], rows))
    return 1 if any(outcome.failures for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
