"""Settings: every recipe loads, every mistake gets one line that says what to write."""

from pathlib import Path

import pytest

from landmarks.config import SECTIONS, SettingError
from landmarks.configfile import config_from_dict, config_to_dict, load_config, override_config, save_config

RECIPES = sorted((Path(__file__).parents[1] / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_loads_and_tells_its_command(path):
    config = load_config(path)
    assert config_from_dict(config_to_dict(config)) == config
    head = path.read_text().split("\n\n")[0]
    assert "python tools/train.py --config configs/" in head or "make demo" in head


def test_there_are_recipes():
    assert len(RECIPES) >= 8


def test_saved_settings_are_the_same_settings(tmp_path):
    config = load_config(RECIPES[0], ["train.lr=1e-3", "loss.weights={hard12: 1.5, UMT: 2}", "data.landmarks=[S,N]"])
    assert config.train.lr == 0.001
    assert config.data.landmarks == ("S", "N")
    save_config(config, tmp_path / "config.yaml")
    assert load_config(tmp_path / "config.yaml") == config
    assert override_config(config, ["data.image_size=[64,96]"]).data.image_size == (64, 96)


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("train.bach_size=3", "train.bach_size: unknown setting; did you mean 'batch_size'?"),
        ("trian.lr=3", "trian: unknown section; did you mean 'train'?"),
        ("train.epochs=many", "train.epochs: found 'many'; write a whole number"),
        ("train.epochs=2.5", "train.epochs: found 2.5; write a whole number"),
        ("train.compile=1", "train.compile: found 1; write true or false"),
        ("train.epochs=0", "train.epochs: found 0; write 1 or more"),
        ("train.precision=fp8", "train.precision: found 'fp8'; write one of fp32, fp16, bf16"),
        ("data.image_size=[700,768]", "data.image_size: found [700, 768]; write [height,width], each a multiple of 32"),
        ("data.image_size=768", "data.image_size: found 768; write a list, e.g. [768,768]"),
        ("loss.weights={UMT: x}", "loss.weights.UMT: found 'x'; write a number"),
        ("train.lr=.inf", "train.lr: found inf; write a finite number"),
        ("loss.alpha=2", "loss.alpha: found 2.0; write a number above 2"),
        ("epochs=3", "epochs=3: not a setting; write section.key=value"),
    ],
)
def test_a_wrong_word_gets_one_line(word, line):
    with pytest.raises(SettingError) as caught:
        load_config(RECIPES[0], [word])
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_unreadable_files(tmp_path):
    with pytest.raises(SettingError, match="no such configuration file"):
        load_config(tmp_path / "none.yaml")
    (tmp_path / "broken.yaml").write_text("train: [1,\n")
    with pytest.raises(SettingError, match="not readable as YAML"):
        load_config(tmp_path / "broken.yaml")


def test_every_setting_is_explained():
    import ast
    import inspect

    for section in SECTIONS.values():
        body = ast.parse(inspect.getsource(section)).body[0].body
        fields = [i for i, node in enumerate(body) if isinstance(node, ast.AnnAssign)]
        for i in fields:
            assert isinstance(body[i + 1], ast.Expr), f"{section.__name__}.{body[i].target.id} has no docstring"
