"""Predict the memory of a training step for each batch and recompute level, and choose the fastest that fits; or time a run.

Of a recipe with stages each is planned, because each batch must fit.

Examples:
    landmarks plan --config configs/1024_rtx3070ti.yaml --memory 8GB
    landmarks plan --config configs/1024_rtx3070ti.yaml --measure --json plan.json
    landmarks plan --config configs/isbi2015_progressive.yaml --time
"""

import json
from pathlib import Path

from landmarks.commands.arguments import add_json, add_recipe, check_json_folder, new_parser
from landmarks.trainconfig import parse_size


def main(argv: list[str] | None = None) -> int:
    parser = new_parser("plan", __doc__)
    add_recipe(parser)
    parser.add_argument("--memory", help="memory of the card, e.g. 8GB (default: train.memory_limit, this card's, or 8GB)")
    parser.add_argument("--measure", action="store_true", help="run real steps on this machine's card under that cap")
    parser.add_argument("--time", action="store_true", help="how long the run takes here, by a few real steps on its data")
    add_json(parser)
    args = parser.parse_intermixed_args(argv)
    import torch

    from landmarks.configfile import load_config

    config = load_config(args.config, args.settings)
    check_json_folder(args.json)
    if args.time:
        return _time(config, args.json)
    if args.measure and not torch.cuda.is_available():
        raise ValueError("--measure: needs a CUDA device; without it, the prediction needs none")
    from landmarks.engine.memory import usable_memory

    here = usable_memory(config.train, torch.device("cuda", 0)) if torch.cuda.is_available() else None
    memory = parse_size(args.memory or config.train.memory_limit or "8GB") if args.memory or not here else here
    return _plan(config, memory, measure=args.measure, json_path=args.json)


def _plan(recipe, memory: int, *, measure: bool, json_path: Path | None) -> int:
    from landmarks.engine.measure import measure_choices
    from landmarks.engine.planner import fastest, plan, plan_table, plan_to_dict, task_for_plan
    from landmarks.stages import describe_stage, stage_settings

    task, found = task_for_plan(recipe), []
    for position, config in enumerate(stage_settings(recipe)):
        choices = plan(config, task, memory)
        measured = measure_choices(config, task, choices, memory) if measure else None
        if recipe.stages:
            print(("\n" if position else "") + describe_stage(recipe, position))
        print(plan_table(choices, measured))
        found.append(plan_to_dict(choices, memory, measured))
        if json_path:
            content = {"stages": found} if recipe.stages else found[0]
            json_path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        best = fastest(choices, memory, measured)
        how, place = "measured" if measured else "relative, estimated", f"stages.{position + 1}." if recipe.stages else ""
        print(f"\nfastest within {memory / 2**30:.1f} GB (MiB above; time {how}); settings to copy:")
        numbers = {"batch_size": best.micro_batch, "accumulate": best.accumulate, "recompute": best.recompute}
        print(" ".join(f"{place}train.{key}={value}" for key, value in numbers.items()))
    return 0


def _time(config, json_path: Path | None) -> int:
    from landmarks.engine.timing import time_line, time_recipe, time_table, times_to_dict

    times = time_recipe(config)
    print(time_table(times))
    print(time_line(times))
    if json_path:
        json_path.write_text(json.dumps(times_to_dict(times), indent=1) + "\n", encoding="utf-8")
    return 0
