"""Write a synthetic data set in the exact Aariz layout.

Example:
    landmarks synthesize --output data/synthetic --num 200 --seed 0
"""

from pathlib import Path

from landmarks.commands.arguments import new_parser


def main(argv: list[str] | None = None) -> int:
    parser = new_parser("synthesize", __doc__)
    parser.add_argument("--output", type=Path, required=True, help="folder to write; must be new or empty")
    parser.add_argument("--num", type=int, default=200, help="number of images (70 %% train, 15 %% valid, 15 %% test)")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same bytes")
    parser.add_argument("--height", type=int, help="image height in px instead of each device's own")
    parser.add_argument("--workers", type=int, default=2, help="processes that draw")
    args = parser.parse_args(argv)
    from landmarks.synthetic.dataset import write_synthetic_dataset

    folder = write_synthetic_dataset(args.output, num=args.num, seed=args.seed, height=args.height, workers=args.workers)
    print(f"{args.num} images in {folder}")
    return 0
