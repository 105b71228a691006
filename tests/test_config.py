"""Settings: every recipe loads, every mistake gets one line that says what to write."""

import dataclasses
from pathlib import Path

import pytest

from landmarks.config import CHANGEABLE, SECTIONS, Config, DataConfig
from landmarks.configfile import config_from_dict, config_to_dict, load_config, override_config, save_config
from landmarks.settings import SettingError, rules
from landmarks.stages import stage_settings

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


def test_one_of_several_sets_is_changed_by_its_number():
    path = next(path for path in RECIPES if path.stem == "isbi_aariz_cpu")
    config = load_config(path, ["data.sets.1.root=2015", "data.sets.2.weight=0.5", "data.sets.2.root='/my sets/Aariz'"])
    assert [(one.format, one.root, one.weight) for one in config.data.sets] == [
        ("isbi2015", "2015", 2.0),
        ("aariz", "/my sets/Aariz", 0.5),
    ]
    lines = {
        "data.sets.3.root=x": "data.sets.3.root: found 'x'; write data.sets.NUMBER.key=value for a set of the recipe (1, 2)",
        "data.sets.2.rot=x": "data.sets.2.rot: unknown setting; did you mean 'root'?",
        "data.sets.2.weight=many": "data.sets.2.weight: found 'many'; write a number",
    }
    for word, line in lines.items():
        with pytest.raises(SettingError) as caught:
            load_config(path, [word])
        assert str(caught.value).startswith(line)


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("train.bach_size=3", "train.bach_size: unknown setting; did you mean 'batch_size'?"),
        ("trian.lr=3", "trian: unknown section; did you mean 'train'?"),
        ("train.epochs=many", "train.epochs: found 'many'; write a whole number"),
        ("train.epochs=2.5", "train.epochs: found 2.5; write a whole number"),
        ("train.compile=1", "train.compile: found 1; write true or false"),
        ("train.epochs=0", "train.epochs: found 0; write 1 or more"),
        ("train.precision=fp8", "train.precision: found 'fp8'; write one of auto, fp32, fp16, bf16"),
        ("data.image_size=[700,768]", "data.image_size: found [700, 768]; write [height,width], each a multiple of 32"),
        ("data.image_size=768", "data.image_size: found 768; write a list, e.g. [768,768]"),
        ("loss.weights={UMT: x}", "loss.weights.UMT: found 'x'; write a number"),
        ("train.lr=.inf", "train.lr: found inf; write a finite number"),
        ("loss.alpha=2", "loss.alpha: found 2.0; write a number above 2"),
        ("data.image_size.0=512", "data.image_size.0=512: part of a list; write the whole list"),
        ("epochs=3", "epochs=3: not a setting; write section.key=value"),
    ],
)
def test_a_wrong_word_gets_one_line(word, line):
    with pytest.raises(SettingError) as caught:
        load_config(RECIPES[0], [word])
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


STAGED = "data: {format: synthetic}\nstages:\n- {epochs: 2, train: {lr: 1e-3}}\n- {epochs: 3, augment: {rotate: 0}}\n"


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("train.epochs=3", "train.epochs: found '3'; write stages.1.epochs=...: the stages set it"),
        ("train.lr=1", "train.lr: found '1'; write stages.1.train.lr=...: the stages set it"),
        (
            "stages.3.epochs=2",
            "stages.3.epochs: found '2'; write stages.NUMBER.section.key=value for a stage of",
        ),
        ("stages.2.train.lr=0", "stages.2.train.lr: found 0.0; write a number above 0"),
        ("stages.1.train.seed=3", "stages.1.train.seed: is the same in all stages; a stage may change augment.aspect"),
        ("stages.2.epochs=0", "stages.2.epochs: found 0; write how many epochs the stage has"),
        ("stages.1.trian.lr=2", "stages.1.trian: unknown section; did you mean 'train'?"),
        ("stages.1.train.rl=2", "stages.1.train.rl: unknown setting"),
    ],
)
def test_a_wrong_word_about_a_stage_gets_one_line(tmp_path, word, line):
    (tmp_path / "staged.yaml").write_text(STAGED)
    with pytest.raises(SettingError) as caught:
        load_config(tmp_path / "staged.yaml", [word])
    assert str(caught.value).startswith(line)


def test_settings_of_a_stage_are_overridden(tmp_path):
    (tmp_path / "staged.yaml").write_text(STAGED)
    config = load_config(tmp_path / "staged.yaml", ["stages.2.train.lr=2e-4", "stages.1.epochs=5", "train.seed=3"])
    assert [stage.epochs for stage in config.stages] == [5, 3]
    assert [settings.train.lr for settings in stage_settings(config)] == [1e-3, 2e-4]
    assert (config.train.epochs, config.train.seed) == (8, 3)
    save_config(config, tmp_path / "config.yaml")
    assert load_config(tmp_path / "config.yaml") == config


def test_a_name_in_another_encoding_is_refused():
    with pytest.raises(SettingError, match=r"data.root: 'caf\\udce9' is a name in another encoding than UTF-8; rename"):
        config_from_dict({"data": {"root": "caf\udce9"}})


def test_unreadable_files(tmp_path):
    with pytest.raises(SettingError, match="no such configuration file"):
        load_config(tmp_path / "none.yaml")
    (tmp_path / "broken.yaml").write_text("train: [1,\n")
    with pytest.raises(SettingError, match="not readable as YAML"):
        load_config(tmp_path / "broken.yaml")


def test_every_setting_is_explained():
    for name, section in SECTIONS.items():
        for key, rule in rules(section).items():
            assert rule.help.endswith("."), f"{name}.{key}"


def test_what_a_resumed_run_may_change():
    assert {"root", "workers", "cache"} <= CHANGEABLE["data"]
    assert {"device", "keep", "recompute"} <= CHANGEABLE["train"]
    assert not CHANGEABLE["loss"] | CHANGEABLE["augment"] | CHANGEABLE["heatmap"]
    assert "lr" not in CHANGEABLE["train"]


def test_a_recipe_starts_from_another(tmp_path):
    (tmp_path / "a.yaml").write_text("data: {format: synthetic, workers: 1}\ntrain: {lr: 1e-3, epochs: 5}\n")
    (tmp_path / "b.yaml").write_text("base: a.yaml\ntrain: {epochs: 7}\n")
    (tmp_path / "c.yaml").write_text("base: b.yaml\ndata: {workers: 0}\n")
    config = load_config(tmp_path / "c.yaml", ["train.batch_size=3"])
    assert (config.train.lr, config.train.epochs, config.train.batch_size, config.data.workers) == (1e-3, 7, 3, 0)
    for text, line in (
        ("base: none.yaml", r"d\.yaml: base: .*none\.yaml: no such"),
        ("base: [a.yaml]", "base: found"),
        ("base: d.yaml", "name each other in a circle"),
    ):
        (tmp_path / "d.yaml").write_text(text + "\n")
        with pytest.raises(SettingError, match=line):
            load_config(tmp_path / "d.yaml")


@pytest.mark.parametrize(
    ("recipe", "size", "batch", "accumulate", "lr", "epochs", "workers", "patience", "init_from"),
    [
        ("1024", 1024, 6, 1, 5e-4, 100, 4, 20, ""),
        ("1024_rtx3070ti", 1024, 2, 3, 5e-4, 100, 2, 20, ""),
        ("1024_finetune", 1024, 2, 3, 1e-5, 40, 2, 15, "runs/768/checkpoints/best.pt"),
        ("768", 768, 4, 2, 5e-4, 100, 2, 20, ""),
        ("768_hard12", 768, 2, 2, 1e-6, 60, 2, 15, "runs/768/checkpoints/best.pt"),
    ],
)
def test_recipes_with_a_base_keep_their_settings(recipe, size, batch, accumulate, lr, epochs, workers, patience, init_from):
    config = load_config(RECIPES[0].with_name(f"{recipe}.yaml"))
    data, train = config.data, config.train
    assert (data.image_size, data.workers, data.cache) == ((size, size), workers, "ram")
    assert (train.batch_size, train.accumulate, train.lr, train.epochs) == (batch, accumulate, lr, epochs)
    assert (train.patience, train.precision, config.model.init_from) == (patience, "fp16", init_from)


@pytest.mark.parametrize("root", ["${oc.env:SECRET}", "/data/${x}/y", "C:\\${a}", "/x/${", "a\\\\${b}"])
def test_text_with_dollar_and_brace_is_never_replaced(root, tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "leaked")
    config = Config(data=DataConfig(root=root))
    assert override_config(config, [f"data.exclude={root}"]).data == DataConfig(root=root, exclude=root)
    save_config(config, tmp_path / "config.yaml")
    assert load_config(tmp_path / "config.yaml").data.root == root


@pytest.mark.parametrize("root", ["2015", "007", "no", "d #1", "d: 2", "[new] d", "${x}", "a=b", "~/mydata", "ä ö", "C:\\data"])
def test_a_path_on_the_command_line_is_taken_as_it_stands(root):
    config = override_config(Config(data=DataConfig()), [f"data.root={root}", "data.val_fraction=0.2"])
    assert (config.data.root, config.data.val_fraction) == (root, 0.2)
    assert override_config(config, ["data.exclude=''"]).data == dataclasses.replace(config.data, exclude="")


def test_a_path_that_yaml_reads_as_a_number(tmp_path):
    (tmp_path / "a.yaml").write_text("data:\n  root: 2015\n")
    with pytest.raises(SettingError, match=r"data.root: found 2015; write a text in quotes, e.g. '2015'"):
        load_config(tmp_path / "a.yaml")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "data: {format: table}\ntrain:\n  lr: 0.1\n  lr: 0.001\n",
            r"a\.yaml: not readable as YAML \(line 4: found duplicate key lr\)",
        ),
        ("- data\n- train\n", r"a\.yaml: a list or a text; write sections such as data: and train:"),
    ],
)
def test_a_recipe_that_is_none_is_named_with_its_line(tmp_path, text, line):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(SettingError, match=line):
        load_config(tmp_path / "a.yaml")
