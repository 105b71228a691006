"""Compare two evaluations of the same images, paired: difference with interval, Wilcoxon, landmarks with Holm's rule.

Example:
    landmarks compare runs/mse runs/adaptive_wing --split test

A run is a run folder that `landmarks eval` has written an evaluation_<split> into, or such an evaluation folder itself.
"""

from pathlib import Path

from landmarks.commands.arguments import new_parser


def main(argv: list[str] | None = None) -> int:
    parser = new_parser("compare", __doc__)
    parser.add_argument("run_a", type=Path, help="the first run or evaluation folder, or model file")
    parser.add_argument("run_b", type=Path, help="the second; a negative difference means that it is better")
    parser.add_argument("--split", help="which evaluation, where a run has several")
    parser.add_argument("--output", type=Path, help="also write the figures as JSON to this file")
    args = parser.parse_args(argv)
    from landmarks.evaluation.comparison import compare, comparison_text, read_run
    from landmarks.jsonfile import plain, write_json

    figures = compare(read_run(args.run_a, args.split), read_run(args.run_b, args.split))
    if args.output:
        write_json(args.output, plain(figures))
    print(comparison_text(figures))
    return 0
