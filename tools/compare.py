"""Compare two evaluations of the same images, paired: difference with interval, Wilcoxon, landmarks with Holm's rule.

Example:
    python tools/compare.py runs/mse runs/adaptive_wing --split test

A run is a run folder that tools/eval.py has written an evaluation_<split> into, or such an evaluation folder itself.
"""

import argparse
import sys
from pathlib import Path

from landmarks.commands.console import set_up_console
from landmarks.evaluation.comparison import compare, comparison_text, read_run
from landmarks.evaluation.tables import write_metrics


def main() -> int:
    set_up_console()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run_a", type=Path, help="the first run or evaluation folder")
    parser.add_argument("run_b", type=Path, help="the second; a negative difference means that it is better")
    parser.add_argument("--split", help="which evaluation, where a run has several")
    parser.add_argument("--output", type=Path, help="also write the figures as JSON to this file")
    args = parser.parse_args()
    try:
        figures = compare(read_run(args.run_a, args.split), read_run(args.run_b, args.split))
        if args.output:
            write_metrics(args.output, figures)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print(comparison_text(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
