"""One training step can be read in an afternoon: the list of docs/recipes.md, its files and their length."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_a_training_step_is_twelve_files_of_1600_lines():
    text = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    section = text.split("## Reading one training step")[1].split("\n## ")[0]
    listed = {name: int(lines) for name, lines in re.findall(r"^\| (\S+\.py) \| (\d+) \|", section, flags=re.M)}
    found = {name: len((ROOT / name).read_text(encoding="utf-8").splitlines()) for name in listed}
    print(*(f"{lines:5d}  {name}" for name, lines in found.items()), f"{sum(found.values()):5d}  in all", sep="\n")
    assert 8 <= len(found) <= 12
    assert sum(found.values()) <= 1600
    for name, lines in listed.items():
        assert abs(lines - found[name]) <= 25, f"{name}: docs/recipes.md says {lines} lines, it has {found[name]}"
