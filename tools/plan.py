"""Predict the memory of a training step for each batch and recompute level, and choose the fastest that fits.

Examples:
    python tools/plan.py --config configs/1024_rtx3070ti.yaml --memory 8GB
    python tools/plan.py --config configs/1024_rtx3070ti.yaml --measure --json plan.json
"""

import argparse
import json
import sys
from pathlib import Path

import torch

from landmarks.commands.console import set_up_console
from landmarks.config import parse_size
from landmarks.configfile import load_config
from landmarks.engine.measure import measure_choices
from landmarks.engine.memory import usable_memory
from landmarks.engine.planner import fastest, plan, plan_table, plan_to_dict


def main() -> int:
    set_up_console()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", required=True, help="recipe, a YAML file of configs/")
    parser.add_argument("--memory", help="memory of the card, e.g. 8GB (default: train.memory_limit, this card's, or 8GB)")
    parser.add_argument("--measure", action="store_true", help="run real steps on this machine's card under that cap")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    parser.add_argument("settings", nargs="*", metavar="section.key=value", help="settings that win over the recipe's")
    args = parser.parse_intermixed_args()
    try:
        config = load_config(args.config, args.settings)
        if args.json and not args.json.parent.is_dir():
            raise ValueError(f"{args.json.parent}: no such folder; make it, or write --json elsewhere")
        if args.measure and not torch.cuda.is_available():
            raise ValueError("--measure: needs a CUDA device; without it, the prediction needs none")
        here = usable_memory(config.train, torch.device("cuda", 0)) if torch.cuda.is_available() else None
        memory = parse_size(args.memory or config.train.memory_limit or "8GB") if args.memory or not here else here
        choices = plan(config, memory)
        measured = measure_choices(config, choices, memory) if args.measure else None
        print(plan_table(choices, measured))
        if args.json:
            args.json.write_text(json.dumps(plan_to_dict(choices, memory, measured), indent=1) + "\n")
        best = fastest(choices, memory, measured)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    how = "measured" if measured else "relative, estimated"
    print(f"\nfastest within {memory / 2**30:.1f} GB (MiB above; time {how}); settings to paste:")
    print(f"train.batch_size={best.micro_batch} train.accumulate={best.accumulate} train.recompute={best.recompute}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
