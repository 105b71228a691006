"""The settings of the data: of one set, or of several that are used together."""

from dataclasses import dataclass, replace

from landmarks.settings import check_section, need, setting

GROUND_TRUTHS = ("mean", "senior", "junior", "official")
CACHE_MODES = ("auto", "ram", "disk", "none")


@dataclass(frozen=True, kw_only=True, slots=True)
class SetConfig:
    """One of the data sets of `data.sets`."""

    format: str = setting("aariz", "Layout on disk, as data.format.")
    root: str = setting("", "Folder of the data set.", changeable=True)
    name: str = setting("", "Name in messages and figures; empty: the format's.")
    train: str = setting("train", "Split that is trained on; empty: none of it.")
    valid: str = setting("valid", "Split that is validated on; empty: none of it.")
    weight: float = setting(
        1.0,
        "How often an epoch uses each training image: 2 is twice; 0.5 is another half of them every epoch.",
        above=0,
        high=1000,
    )
    names: str = setting("", "Landmark names, as data.names.")
    exclude: str = setting("", "Images to leave out, as data.exclude.")

    def __post_init__(self) -> None:
        check_section("data.sets", self)

    @property
    def called(self) -> str:
        return self.name or self.format

    def split(self, asked: str) -> str:
        """What this set calls the split that is asked for; empty where it takes no part."""
        return {"train": self.train, "valid": self.valid}.get(asked, asked)


@dataclass(frozen=True, kw_only=True, slots=True)
class DataConfig:
    format: str = setting(
        "aariz", "Layout on disk: aariz, isbi2015, table (own CSV), synthetic (made on first use), ...; see data/README.md."
    )
    root: str = setting(
        "",
        "Folder of the data set; empty only for synthetic, which then lives in data/synthetic_v<version>_<num>_<seed>.",
        changeable=True,
    )
    image_size: tuple[int, int] = setting(
        (768, 768), "Network input (height, width) in px, each divisible by 32; images are letterboxed into it.", staged=True
    )
    scales: tuple[float, ...] = setting(
        (),
        "Input sizes of training relative to image_size, e.g. [0.75,1,1.25]: each optimizer step has one, drawn at random, "
        "rounded to multiples of 32; empty: image_size alone, which validation always has.",
        staged=True,
    )
    landmarks: tuple[str, ...] = setting(
        (), "Symbols or groups to train on, in this order; empty means all that the data set names."
    )
    ground_truth: str = setting(
        "mean",
        "Which reader's points are the truth: mean, senior, junior, or official (Aariz authors' ceil of the mean).",
        choices=GROUND_TRUTHS,
    )
    train_split: str = setting("train", "Split that is trained on.")
    val_split: str = setting(
        "valid", "Split that is validated on; for isbi2015 and for a table without it, valid is cut from train by val_fraction."
    )
    val_fraction: float = setting(
        0.1,
        "isbi2015 and a table without 'valid': part of the training images held out for it, drawn by train.seed; 0: none.",
        low=0,
        below=1,
    )
    held_out: str = setting(
        "",
        "CSV file, column `image`, of the films that are 'valid', as crossval writes it; 'train' is the rest of both splits.",
        changeable=True,
    )
    cache: str = setting(
        "auto",
        "Where decoded images are kept: auto (ram or disk, by free memory), ram, disk or none (decode every time).",
        choices=CACHE_MODES,
        changeable=True,
    )
    cache_scale: float = setting(
        1.25,
        "Size of a cached image over the size it has in the network input; 1 is the leanest, more is sharper.",
        low=1,
        high=4,
    )
    cache_dir: str = setting("data/cache", "Folder of the disk cache.", changeable=True)
    workers: int = setting(
        2,
        "Loader processes; 0 loads in the training process, -1 chooses from the cores.",
        low=-1,
        wanted="0 or more, or -1 for automatic",
        changeable=True,
    )
    prefetch: int = setting(2, "Batches that each worker prepares ahead.", low=1, changeable=True)
    names: str = setting("", "YAML file `name: symbol` for a set's own landmark names, or usual or isbi_numbers; empty: none.")
    exclude: str = setting("", "CSV file `image,reason` of images that neither training nor evaluation uses.")
    on_error: str = setting(
        "stop",
        "What an image that breaks in the middle of a run does: stop (the run), or skip (named, left out).",
        choices=("stop", "skip"),
        changeable=True,
    )
    outside: str = setting("stop", "A point outside its image: stop, or drop (not annotated).", choices=("stop", "drop"))
    synthetic_num: int = setting(200, "Images of a synthetic set that is made on first use.", low=10)
    synthetic_seed: int = setting(0, "Seed of a synthetic set that is made on first use.")
    sets: tuple[SetConfig, ...] = setting(
        (),
        "Data sets that are used together, in place of format, root, names and exclude: a list, each with format, root, train "
        "and valid (its splits; '' for none), weight (how often an epoch uses each image), names, exclude and name.",
    )

    def __post_init__(self) -> None:
        check_section("data", self)
        sizes_ok = len(self.image_size) == 2 and all(s >= 32 and s % 32 == 0 for s in self.image_size)
        # of one image of 32 x 32 px the coarsest maps are a single pixel, of which BatchNorm takes no statistics
        sizes_ok = sizes_ok and sum(self.image_size) > 64
        wanted = "[height,width], each a multiple of 32 and one of them 64 or more, e.g. [768,768]"
        need(sizes_ok, "data.image_size", list(self.image_size), wanted)
        scales_ok = all(0.25 <= scale <= 4 for scale in self.scales)
        need(scales_ok, "data.scales", list(self.scales), "numbers from 0.25 to 4, e.g. [0.75,1,1.25]")
        if self.sets:
            self._check_sets()

    def _check_sets(self) -> None:
        """Raises: SettingError where a setting of a single set stands beside `sets`, or two sets have one name."""
        own = {"root": "", "names": "", "exclude": "", "held_out": "", "train_split": "train", "val_split": "valid"}
        for name, default in own.items():
            found = getattr(self, name)
            need(found == default, f"data.{name}", found, f"{default!r} beside data.sets, each of which has its own")
        names = [one.called for one in self.sets]
        doubled = next((name for name in names if names.count(name) > 1), None)
        need(doubled is None, "data.sets", doubled, "a `name` of its own for each of several sets of one format")
        for split in ("train", "valid"):
            used = any(getattr(one, split) for one in self.sets)
            need(used, f"data.sets, {split}", "", f"a split of at least one set, e.g. {split}: {split}")


def single_sets(data: DataConfig) -> dict[str, DataConfig]:
    """The settings of each data set by itself, by its name: of each of `data.sets`, or these.

    Example:
        for name, alone in single_sets(config.data).items():
            print(name, alone.format, alone.root)
    """
    if not data.sets:
        return {data.format: data}
    shared = replace(data, sets=(), landmarks=())
    return {
        one.called: replace(
            shared,
            format=one.format,
            root=one.root,
            names=one.names,
            exclude=one.exclude,
            train_split=one.train,
            val_split=one.valid,
        )
        for one in data.sets
    }
