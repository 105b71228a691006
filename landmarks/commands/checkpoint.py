"""Describe a checkpoint, check it, or reduce it to its weights.

Examples:
    landmarks checkpoint runs/1024/checkpoints/best.pt
    landmarks checkpoint runs/1024/checkpoints/best.pt --weights release/model.safetensors
"""

from pathlib import Path

from landmarks.commands.arguments import new_parser


def main(argv: list[str] | None = None) -> int:
    parser = new_parser("checkpoint", __doc__)
    parser.add_argument("file", type=Path, help="a .pt file; its checksum is verified first")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="write the averaged weights as safetensors")
    args = parser.parse_args(argv)
    from landmarks.checkpointfile import read_checkpoint
    from landmarks.tasks.saved import describe_checkpoint, write_weights

    content = read_checkpoint(args.file)
    if args.weights:
        write_weights(args.weights, content)
    print(describe_checkpoint(content))
    return 0
