"""YAML file + `section.key=value` settings -> Config. The only user of OmegaConf."""

import dataclasses
import difflib
import re
import types
import typing
from pathlib import Path

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from landmarks.config import SECTIONS, STAGED, Config, Stage
from landmarks.dataconfig import SetConfig
from landmarks.settings import SettingError, need
from landmarks.stages import stage_settings


def load_config(path: str | Path, overrides: list[str] | None = None) -> Config:
    """Settings of a recipe.

    Args:
        path: YAML file with the sections of `Config`; `base: other.yaml` names a recipe in the same folder to start from.
        overrides: settings `section.key=value`, which override the file.
    Raises: SettingError on an unreadable file, an unknown setting, a wrong type or an impossible value.
    """
    path = Path(path)
    return config_from_dict(_merge(_load_tree(path, ()), overrides or [], str(path)))


def _load_tree(path: Path, above: tuple[Path, ...]):
    """A recipe's settings over those of the recipe that it starts from; `above` are the recipes that led here."""
    if not path.is_file():
        wanted = f"{above[-1]}: base: " if above else ""
        raise SettingError(f"{wanted}{path}: no such configuration file; the recipes are in configs/")
    try:
        tree = OmegaConf.load(path)
    except (YAMLError, OmegaConfBaseException, UnicodeDecodeError, OSError) as error:
        raise SettingError(f"{path}: not readable as YAML ({_first_line(error)})") from error
    if not OmegaConf.is_dict(tree):
        raise SettingError(f"{path}: a list or a text; write sections such as data: and train:")
    if "base" not in tree:
        return tree
    base = tree.pop("base")
    if not isinstance(base, str):
        raise SettingError(f"{path}: base: found {base!r}; write the file name of a recipe, e.g. base: 1024.yaml")
    if path.resolve() in (earlier.resolve() for earlier in above):
        raise SettingError(f"{path}: base: the recipes name each other in a circle")
    return OmegaConf.merge(_load_tree(path.parent / base, (*above, path)), tree)


def override_config(config: Config, overrides: list[str]) -> Config:
    """The same settings with overrides `section.key=value` applied. Raises: SettingError."""
    return config_from_dict(_merge(_tree_of(config), overrides, "the command line"))


def config_from_dict(sections: dict) -> Config:
    """Plain nested dict -> checked Config. Raises: SettingError."""
    plain = {name: values for name, values in sections.items() if name != "stages"}
    built = {name: SECTIONS[name](**values) for name, values in _typed_sections(plain).items()}
    if "data" not in built:
        built["data"] = SECTIONS["data"]()
    config = Config(**built, stages=_stages(sections.get("stages") or []))
    stage_settings(config)
    return config


def _stages(found: list) -> tuple[Stage, ...]:
    need(isinstance(found, list), "stages", found, "a list of stages, each with its epochs, e.g. [{epochs: 10}]")
    return tuple(_stage(f"stages.{number}", values) for number, values in enumerate(found, 1))


def _stage(name: str, values: dict) -> Stage:
    need(isinstance(values, dict), name, values, "the epochs of the stage and the settings that it changes")
    epochs = values.get("epochs")
    need(type(epochs) is int and epochs > 0, f"{name}.epochs", epochs, "how many epochs the stage has")
    changes = _typed_sections({key: part for key, part in values.items() if key != "epochs"}, f"{name}.")
    for section, settings in changes.items():
        for key in settings:
            if key not in STAGED[section]:
                able = ", ".join(sorted(f"{part}.{known}" for part, names in STAGED.items() for known in names))
                raise SettingError(f"{name}.{section}.{key}: is the same in all stages; a stage may change {able}")
    return Stage(epochs=epochs, changes=changes)


def config_to_dict(config: Config) -> dict:
    """Checked Config -> plain nested dict of numbers, strings, lists and dicts."""
    plain = _listed(dataclasses.asdict(config))
    stages = plain.pop("stages")
    if stages:
        plain["stages"] = [{"epochs": stage["epochs"], **stage["changes"]} for stage in stages]
    return plain


def _listed(value):
    """The same with lists in place of tuples."""
    if isinstance(value, dict):
        return {key: _listed(part) for key, part in value.items()}
    return [_listed(part) for part in value] if isinstance(value, tuple) else value


def save_config(config: Config, path: Path) -> None:
    path.write_text(OmegaConf.to_yaml(_tree_of(config)), encoding="utf-8")


def _tree_of(config: Config):
    """Settings for OmegaConf, taken literally: `${...}` in a checkpoint of someone else must not be looked up here."""
    return OmegaConf.create(_escaped(config_to_dict(config)))


def _escaped(value):
    """Text in which OmegaConf sees no `${...}` to replace."""
    if isinstance(value, dict):
        return {key: _escaped(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_escaped(part) for part in value]
    return re.sub(r"(\\*)\$\{", r"\1\1\\${", value) if isinstance(value, str) else value


def _merge(tree, overrides: list[str], where: str) -> dict:
    for word in overrides:
        if "=" not in word or "." not in word.split("=")[0]:
            raise SettingError(f"{word}: not a setting; write section.key=value, e.g. train.epochs=50")
    # YAML would read the folder 2015 as a number, 'no' as false, and cut a path at ' #'
    listed = [word for word in overrides if word.startswith(("stages.", "data.sets."))]
    texts = [word for word in overrides if _is_text(word)]
    try:
        rest = [_escaped(word) for word in overrides if word not in texts + listed]
        plain = OmegaConf.to_container(OmegaConf.merge(tree, OmegaConf.from_dotlist(rest)), resolve=True)
    except (YAMLError, OmegaConfBaseException, ValueError) as error:
        raise SettingError(f"{where}: {_first_line(error)}") from error
    except TypeError as error:  # a key below a list
        raise SettingError(f"{' '.join(rest)}: part of a list; write the whole list, e.g. data.landmarks=[S,N]") from error
    if not isinstance(plain, dict):
        raise SettingError(f"{where}: found {type(plain).__name__}; write sections such as data: and train:")
    for word in texts:
        (section, _, name), value = word.split("=", 1)[0].partition("."), word.split("=", 1)[1]
        plain[section] = (plain.get(section) or {}) | {name: _unquoted(value)}
    _override_stages(plain.get("stages") or [], overrides)
    _override_sets((plain.get("data") or {}).get("sets") or [], [word for word in listed if word.startswith("data.")])
    return plain


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value


def _override_sets(sets: list, overrides: list[str]) -> None:
    """Applies `data.sets.2.root=FOLDER`."""
    texts = [name for name, hint in typing.get_type_hints(SetConfig).items() if hint is str]
    for word in overrides:
        (key, value), numbers = word.split("=", 1), [str(number + 1) for number in range(len(sets))]
        parts = key.split(".")
        good = len(parts) == 4 and parts[2] in numbers and isinstance(sets[int(parts[2]) - 1], dict)
        need(good, key, value, f"data.sets.NUMBER.key=value for a set of the recipe ({', '.join(numbers) or 'it has none'})")
        sets[int(parts[2]) - 1][parts[3]] = _unquoted(value) if parts[3] in texts else _yaml_value(value)


def _override_stages(stages: list, overrides: list[str]) -> None:
    """Applies `stages.2.train.lr=1e-3`, and refuses settings of the whole recipe that its stages would hide."""
    for word in overrides:
        (key, value), numbers = word.split("=", 1), ", ".join(str(number + 1) for number in range(len(stages)))
        parts = key.split(".")
        if parts[0] != "stages":
            hides = stages and (key == "train.epochs" or any(parts[1] in (stage.get(parts[0]) or {}) for stage in stages))
            need(not hides, key, value, f"stages.1.{'epochs' if key == 'train.epochs' else key}=...: the stages set it")
            continue
        good = len(parts) in (3, 4) and parts[1] in numbers.split(", ")
        need(good, key, value, f"stages.NUMBER.section.key=value for a stage of the recipe ({numbers or 'it has none'})")
        place = stages[int(parts[1]) - 1]
        if len(parts) == 4:
            place[parts[2]] = place.get(parts[2]) or {}
            place = place[parts[2]]
        place[parts[-1]] = _yaml_value(value)


def _yaml_value(text: str):
    return OmegaConf.to_container(OmegaConf.from_dotlist([_escaped(f"x={text}")]))["x"]


def _is_text(word: str) -> bool:
    section, _, name = word.split("=", 1)[0].partition(".")
    return section in SECTIONS and typing.get_type_hints(SECTIONS[section]).get(name) is str


def _typed_sections(sections: dict, place: str = "") -> dict[str, dict]:
    """The settings of some sections in their types; `place` is where they stand in the recipe."""
    typed = {}
    for name, values in sections.items():
        if name not in SECTIONS:
            raise SettingError(f"{place}{name}: unknown section{_suggest(str(name), SECTIONS)}")
        if not isinstance(values or {}, dict):
            raise SettingError(f"{place}{name}: found {values!r}; write settings below it, one a line")
        typed[name] = _typed_values(f"{place}{name}", SECTIONS[name], values or {})
    return typed


def _typed_values(name: str, kind: type, values: dict) -> dict:
    hints = typing.get_type_hints(kind)
    for key in values:
        if key not in hints:
            raise SettingError(f"{name}.{key}: unknown setting{_suggest(str(key), hints)}")
    return {key: _typed(f"{name}.{key}", hints[key], value) for key, value in values.items()}


def _typed(name: str, hint, value):
    """The value in the field's type; a whole number is a float, a list is a tuple, nothing else is bent."""
    origin = typing.get_origin(hint)
    if origin is types.UnionType:
        if any(isinstance(value, kind) for kind in typing.get_args(hint)):
            return value
    elif origin is tuple and isinstance(value, (list, tuple)):
        kind = typing.get_args(hint)[0]
        numbered = [f"{name}.{number}" if dataclasses.is_dataclass(kind) else name for number in range(1, len(value) + 1)]
        return tuple(_typed(one, kind, item) for one, item in zip(numbered, value, strict=True))
    elif origin is dict and isinstance(value, dict):
        return {str(key): _typed(f"{name}.{key}", typing.get_args(hint)[1], item) for key, item in value.items()}
    elif dataclasses.is_dataclass(hint) and isinstance(value, dict):
        return hint(**_typed_values(name, hint, value))
    elif hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    elif hint in (int, bool, str) and type(value) is hint:
        if hint is str and not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
            raise SettingError(f"{name}: {value!a} is a name in another encoding than UTF-8; rename the file or folder")
        return value
    quotes = " in quotes, e.g. '2015'" if hint is str and isinstance(value, (int, float)) else ""
    raise SettingError(f"{name}: found {value!r}; write {_spoken(hint)}{quotes}")


def _spoken(hint) -> str:
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
    if hint in names:
        return names[hint]
    if typing.get_origin(hint) is types.UnionType and int in typing.get_args(hint):
        return "a whole number or a text"
    if dataclasses.is_dataclass(hint):
        return "settings in braces, e.g. {format: isbi2015, root: data/ISBI2015}"
    if typing.get_origin(hint) is tuple:
        return "a list, e.g. [768,768]" if typing.get_args(hint)[0] is int else "a list, e.g. [S,N]"
    return "a table of name: number" if typing.get_origin(hint) is dict else "true, false or a path"


def _suggest(word: str, known) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean '{near[0]}'?" if near else f"; known are {', '.join(known)}"


def _first_line(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)  # of the YAML reader, whose own text spreads over four lines
    if mark is not None:
        return f"line {mark.line + 1}: {' '.join(str(error.problem).split())}"
    return " ".join(str(error).split("\n")[:2]).strip()
