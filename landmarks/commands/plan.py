"""Predict the memory of a training step for each batch and recompute level, and choose the fastest that fits.

Examples:
    landmarks plan --config configs/1024_rtx3070ti.yaml --memory 8GB
    landmarks plan --config configs/1024_rtx3070ti.yaml --measure --json plan.json
"""

import json

from landmarks.commands.arguments import add_json, add_recipe, check_json_folder, new_parser
from landmarks.trainconfig import parse_size


def main(argv: list[str] | None = None) -> int:
    parser = new_parser("plan", __doc__)
    add_recipe(parser)
    parser.add_argument("--memory", help="memory of the card, e.g. 8GB (default: train.memory_limit, this card's, or 8GB)")
    parser.add_argument("--measure", action="store_true", help="run real steps on this machine's card under that cap")
    add_json(parser)
    args = parser.parse_intermixed_args(argv)
    import torch

    from landmarks.configfile import load_config
    from landmarks.engine.measure import measure_choices
    from landmarks.engine.memory import usable_memory
    from landmarks.engine.planner import fastest, plan, plan_table, plan_to_dict, task_for_plan

    config = load_config(args.config, args.settings)
    check_json_folder(args.json)
    if args.measure and not torch.cuda.is_available():
        raise ValueError("--measure: needs a CUDA device; without it, the prediction needs none")
    here = usable_memory(config.train, torch.device("cuda", 0)) if torch.cuda.is_available() else None
    memory = parse_size(args.memory or config.train.memory_limit or "8GB") if args.memory or not here else here
    task = task_for_plan(config)
    choices = plan(config, task, memory)
    measured = measure_choices(config, task, choices, memory) if args.measure else None
    print(plan_table(choices, measured))
    if args.json:
        args.json.write_text(json.dumps(plan_to_dict(choices, memory, measured), indent=1) + "\n", encoding="utf-8")
    best = fastest(choices, memory, measured)
    how = "measured" if measured else "relative, estimated"
    print(f"\nfastest within {memory / 2**30:.1f} GB (MiB above; time {how}); settings to copy:")
    print(f"train.batch_size={best.micro_batch} train.accumulate={best.accumulate} train.recompute={best.recompute}")
    return 0
