"""Every command of README and guide, read out of the page and run on a tiny data set."""

import re
import runpy
import shlex
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

import landmarks.commands.adapt as adapt_command
import landmarks.commands.eval as eval_command
import landmarks.commands.review as review_command
import landmarks.commands.train as train_command
from landmarks.commands.program import COMMANDS, main
from landmarks.configfile import load_config
from landmarks.formats.reading import read_dataset

ROOT = Path(__file__).parents[2]
PAGES = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/guide.md")}
TINY = ["data.image_size=[64,64]", "data.workers=0", "data.cache=none", "model.backbone=hrnet_w18_small", "train.epochs=1",
        "model.head_channels=16", "train.precision=fp32", "train.log_images=0", "train.warmup_epochs=0"]  # fmt: skip


def commands(page: str) -> list[str]:
    """The indented lines, continued ones joined, comments cut off."""
    lines = re.findall(r"^ {4}(\S.*)$", re.sub(r"```.*?```", "", PAGES[page], flags=re.S).replace("\\\n", " "), flags=re.M)
    return [re.sub(r"\s{2,}#.*$", "", line) for line in lines]


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGES[page], flags=re.S)


@pytest.fixture(scope="module")
def house(tmp_path_factory, synthetic_root):
    """A checkout's folders with little in them: recipes, a table, a set in the Aariz layout, two films."""
    house = tmp_path_factory.mktemp("house")
    shutil.copytree(ROOT / "configs", house / "configs")
    shutil.copytree(synthetic_root, house / "data" / "Aariz")
    (house / "data" / "mydata" / "images").mkdir(parents=True)
    (house / "films").mkdir()
    rows = []
    for split in ("train", "valid", "test"):
        found = read_dataset("aariz", synthetic_root, split=split)
        for record in found.records:
            image = cv2.imread(str(record.image_path), cv2.IMREAD_GRAYSCALE)
            cv2.imwrite(str(house / "data" / "mydata" / "images" / f"{record.image_id}.png"), image)
            rows.append([record.image_id + ".png", *np.round(record.points_px, 2).ravel(), record.pixel_size[0], split])
    names = [f"{symbol}_{axis}" for symbol in found.landmarks.symbols for axis in "xy"]
    text = "\n".join(",".join(map(str, row)) for row in [["image", *names, "pixel_size", "split"], *rows])
    (house / "data" / "mydata" / "landmarks.csv").write_text(text, encoding="utf-8")
    cv2.imwrite(str(house / "films" / "head.png"), image)
    return house


def copy_evaluation(args, other) -> int:
    if args.output:
        shutil.copytree("runs/mydata/evaluation_test", args.output)
    return 0


def run_words(words: list[str], monkeypatch) -> None:
    """One command of ours; trainings on other data than the tiny table, servers and several processes as far as arguments."""
    if words[0] == "train":
        if "runs/mydata" not in words:
            done = {"best": 1.0, "best_mre": 1.0, "unit": "mm", "best_epoch": 1, "score": "MRE"}
            monkeypatch.setattr(train_command, "train", lambda config, output, **settings: done)
        words = [*words, *TINY]
    elif words[0] == "plan":
        load_config(words[2], words[5:])  # tests/engine/test_planner.py counts
        return
    elif words[0] == "eval" and Path("runs/mydata/evaluation_test").exists():  # the first is real, of the others the arguments
        monkeypatch.setattr(eval_command, "_evaluate", copy_evaluation)
    elif words[0] == "crossval":
        words = [*words[:3], "--folds", "2", *words[5:], *TINY]
    elif words[0] == "export" and "ensemble.json" in " ".join(words):  # tests/inference/test_ensemble.py exports one
        return
    elif words[0] == "adapt":  # tests/evaluation/test_adapt.py adapts; the tiny model has no shape
        monkeypatch.setattr(adapt_command, "_adapt", lambda args: 0)
    elif words[0] == "review":
        monkeypatch.setattr(review_command, "_serve", lambda args: 0)
    assert main(words) == 0, f"landmarks {shlex.join(words)}"


def run_line(line: str, monkeypatch) -> None:
    words = shlex.split(line)
    if words[0] == "landmarks":
        run_words(words[1:], monkeypatch)
    elif words[0] == "torchrun":
        after = words[words.index("landmarks") + 1 :]
        run_words(after, monkeypatch)
    elif words[:2] == ["python", "tools/bootstrap.py"]:
        assert words[2] in runpy.run_path(str(ROOT / "tools" / "bootstrap.py"))["EXTRAS"]
    else:  # what only other programs read, and drawings of folders
        assert words[0] == "tensorboard" or words[0].startswith("data/"), line


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
@pytest.mark.filterwarnings("ignore::UserWarning:torch")
def test_every_command_runs(house, monkeypatch):
    monkeypatch.chdir(house)
    lines = [*commands("docs/guide.md"), *commands("README.md")]
    assert {shlex.split(line)[1] for line in lines if line.startswith("landmarks ")} >= {"train", "eval", "predict", "review"}
    for line in lines:
        with monkeypatch.context() as patches:
            if line == commands("README.md")[0]:
                shutil.copytree("runs/mydata", "runs/1024_rtx3070ti")
                shutil.rmtree("found")
            run_line(line, patches)
    for page in PAGES:
        for block in blocks(page, "python"):
            exec(block, {})


def test_recipe_and_job_script_of_the_guide(house, monkeypatch):
    monkeypatch.chdir(house)
    for recipe, epochs in zip(blocks("docs/guide.md", "yaml"), (60, 80), strict=True):
        Path("configs/mine.yaml").write_text(recipe)
        assert load_config("configs/mine.yaml").train.epochs == epochs
    (script,) = blocks("docs/guide.md", "bash")
    if shutil.which("bash"):
        assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
    line = next(line for line in script.replace("\\\n", " ").splitlines() if line.startswith("srun "))
    run_line(line.removeprefix("srun "), monkeypatch)


def test_commands_and_recipes_that_are_named_exist():
    for page, text in PAGES.items():
        for name in re.findall(r"\blandmarks ([a-z_]+) ", " ".join(re.findall(r"`([^`\n]+)`", text)) + " "):
            assert name in COMMANDS, f"{page}: {name}"
        for name in re.findall(r"`(?:configs/)?(\w+\.yaml)`", text):
            assert name == "config.yaml" or (ROOT / "configs" / name).is_file(), f"{page}: {name}"
        for target in re.findall(r"\]\(([^)#:]+)\)", text):
            assert ((ROOT / page).parent / target).exists(), f"{page}: {target}"
