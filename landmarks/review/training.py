"""Trainings for the page: recipes with the settings that matter, runs that are started, stopped and resumed.

Nothing of a request becomes a path or an argument unchecked: names are looked up in what the folders hold, settings are
those of `OFFERED`, and the recipe with them is checked as on the command line.
"""

import re
import subprocess
import threading
from pathlib import Path

from landmarks.config import SECTIONS
from landmarks.configfile import config_to_dict, load_config
from landmarks.filelock import holder
from landmarks.formats import FORMATS
from landmarks.review.background import ask_to_stop, start_command
from landmarks.review.runfolders import CONSOLE, describe_run, find_runs
from landmarks.settings import SettingError, rules

OFFERED = (
    "train.epochs",
    "train.batch_size",
    "train.lr",
    "data.image_size",
    "model.backbone",
    "heatmap.sigma",
    "augment.degrade",
    "train.precision",
    "train.device",
    "train.memory_limit",
    "train.validate_every",
    "train.save_every_steps",
    "train.patience",
    "train.seed",
    "data.workers",
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_LONGEST = 100


class Trainings:
    """The runs of one folder and the recipes that new ones are made of."""

    def __init__(self, runs: Path, recipes: Path, data: Path) -> None:
        self.folder, self._recipes, self._data = runs, recipes, data
        self._started: dict[str, subprocess.Popen] = {}
        self._lock = threading.Lock()

    def runs(self) -> list[dict]:
        return [describe_run(path, alive=self._is_alive(name)) for name, path in find_runs(self.folder).items()]

    def run(self, name: str) -> tuple[Path, dict]:
        """Folder and description of a run. Raises: KeyError."""
        path = find_runs(self.folder)[name]
        return path, describe_run(path, alive=self._is_alive(name))

    def recipes(self) -> dict[str, Path]:
        """YAML files of the recipes' folder by name."""
        return {path.stem: path for path in sorted(self._recipes.glob("*.yaml"))} if self._recipes.is_dir() else {}

    def data_folders(self) -> dict[str, Path]:
        """Folders that may hold a data set, by name."""
        if not self._data.is_dir():
            return {}
        return {path.name: path for path in sorted(self._data.iterdir()) if path.is_dir() and path.name != "cache"}

    def form(self, recipe: str) -> dict:
        """A recipe's settings that matter, each with its value, kind, choices and help. Raises: KeyError, SettingError."""
        path = self.recipes()[recipe]
        settings = config_to_dict(load_config(path))
        fields = []
        for name in OFFERED:
            section, key = name.split(".")
            rule, value = rules(SECTIONS[section])[key], settings[section][key]
            choices = list(rule.choices) if isinstance(value, str) and rule.choices and rule.low is None else []
            fields.append({"name": name, "value": _written(value), "choices": choices, "help": rule.help,
                           "low": rule.low, "high": rule.high})  # fmt: skip
        return {"recipe": recipe, "about": _about(path), "fields": fields, "task": settings["model"]["task"],
                "data": {key: settings["data"][key] for key in ("format", "root")}, "formats": sorted(FORMATS)}  # fmt: skip

    def overrides(self, recipe: str, sent: dict, fixed: list[str]) -> list[str]:
        """The settings of a form, and those that follow from the chosen data, as the command line takes them.

        Raises: SettingError with the line that the command would print; KeyError where there is no such recipe.
        """
        path, words = self.recipes()[recipe], []
        for name, value in sent.items():
            if name not in OFFERED:
                raise SettingError(f"{str(name)[:60]}: not a setting that the page offers; write it into the recipe")
            if not isinstance(value, str) or len(value) > _LONGEST or not value.isprintable():
                raise SettingError(f"{name}: write a text of at most {_LONGEST} characters")
            words.append(f"{name}={value.strip()}")
        before = config_to_dict(load_config(path))
        changed = [word for word in words if word.split("=", 1)[1] != _written(_value(before, word))] + fixed
        load_config(path, changed)
        return changed

    def check_new(self, name: str) -> Path:
        """The folder that a new run would have. Raises: ValueError where the name is taken or the page trains already."""
        self._check_free()
        target = self.folder / new_name(name)
        if target.exists():
            raise ValueError(f"{name}: there is a run of this name; choose another one")
        return target

    def start(self, name: str, recipe: str, overrides: list[str]) -> None:
        """A new run. Raises: ValueError where the name is taken or another run of the page is under way; OSError."""
        with self._lock:
            target = self.check_new(name)
            target.mkdir(parents=True)
            words = ["train", "--config", str(self.recipes()[recipe]), "--output", str(target), *overrides]
            self._started[name] = start_command(words, target / CONSOLE)

    def resume(self, name: str) -> None:
        """Raises: KeyError; ValueError where the run is finished or under way; OSError."""
        with self._lock:
            self._check_free()
            path, about = self.run(name)
            if not about["resumable"]:
                raise ValueError(f"{name}: {about['state']}; only a run that was stopped can be resumed")
            words = ["train", "--config", str(path / "config.yaml"), "--output", str(path), "--resume"]
            self._started[name] = start_command(words, path / CONSOLE)

    def stop(self, name: str) -> None:
        """The run saves its state and ends, whoever has started it. Raises: KeyError; ValueError where it is not under way."""
        path, _ = self.run(name)
        process_id = holder(path / ".lock")
        if process_id is None and self._is_alive(name):
            process_id = self._started[name].pid
        if not process_id:
            raise ValueError(f"{name}: no process of this computer is known to train it")
        ask_to_stop(process_id)

    def _check_free(self) -> None:
        busy = [name for name in self._started if self._is_alive(name)]
        if busy:
            raise ValueError(f"{busy[0]} is being trained; stop it first, or wait for its end")

    def _is_alive(self, name: str) -> bool:
        process = self._started.get(name)
        return process is not None and process.poll() is None


def new_name(name: object) -> str:
    """A name that may become a folder. Raises: ValueError."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError("name: write 1 to 64 letters, digits, - or _, the first a letter or digit")
    return name


def _written(value: object) -> str:
    """A value as the command line takes it."""
    if isinstance(value, list):
        return f"[{','.join(map(str, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _value(settings: dict, word: str) -> object:
    section, key = word.split("=", 1)[0].split(".")
    return settings[section][key]


def _about(path: Path) -> str:
    """The comment at a recipe's head, without its commands."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        if not line.startswith("#  "):
            lines.append(line.lstrip("# "))
    return " ".join(lines)


def data_overrides(form: str, root: Path) -> list[str]:
    """The settings of a chosen data set. Raises: SettingError."""
    if form not in FORMATS:
        raise SettingError(f"data.format: found {form[:40]!r}; write one of {', '.join(sorted(FORMATS))}")
    return [f"data.format={form}", f"data.root={root}"]
