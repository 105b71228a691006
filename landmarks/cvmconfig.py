"""The settings of the task cvm: cervical stages."""

from dataclasses import dataclass

from landmarks.settings import check_section, need, setting

REGIONS = ("whole", "cervical", "cropped")
LOSSES = ("cross_entropy", "focal", "ordinal")
VIEWS = ("plain", "flip", "turn_left", "turn_right", "brightness", "contrast", "upside_down")


@dataclass(frozen=True, kw_only=True, slots=True)
class CvmConfig:
    region: str = setting(
        "whole",
        "What the network sees: whole (the film); cervical (C2 to C4, cut out by the landmarks; write data.cache_scale=4); "
        "cropped (the images show C2 to C4 already; whole films that are predicted later are cut by their landmarks).",
        choices=REGIONS,
    )
    loss: str = setting("cross_entropy", "cross_entropy, focal or ordinal (cumulative).", choices=LOSSES)
    focal_gamma: float = setting(2.0, "Focal loss: how fast the weight of an easy image falls.", low=0, high=10)
    focal_alpha: dict[str, float] = setting({}, "Focal loss: factor of a stage, {CS1: 2.0}; those not named have 1.", above=0)
    balanced: bool = setting(False, "Weigh the stages by the inverse of their number of training images.")
    weights: dict[str, float] = setting({}, "Weight of a stage's images, {CS1: 2.0}; those not named have 1.", above=0)
    smoothing: float = setting(0.0, "Part of the target that goes to other stages.", low=0, below=1)
    smoothing_to: str = setting(
        "neighbours", "Which stages get it: the neighbours, or all evenly.", choices=("neighbours", "evenly")
    )
    soft_readers: bool = setting(True, "Where readers differ, the target is shared among their stages.")
    standardise: bool = setting(
        True, "EfficientNets see gray values less each image's mean, over its spread, so that exposure does not count."
    )
    dropout: float = setting(0.2, "Probability that a feature is zeroed before the last layer.", low=0, below=1)
    drop_path: float = setting(0.0, "Largest probability that a block of an EfficientNet is skipped.", low=0, below=1)
    tta: tuple[str, ...] = setting(
        ("plain", "turn_left", "turn_right", "brightness", "contrast"),
        "Views that --tta averages, beside these: flip (where training flips as well, augment.flip) and upside_down.",
    )

    def __post_init__(self) -> None:
        check_section("cvm", self)
        known = bool(self.tta) and set(self.tta) <= set(VIEWS) and len(set(self.tta)) == len(self.tta)
        need(known, "cvm.tta", list(self.tta), f"a list of {', '.join(VIEWS)}")
        for name in ("weights", "focal_alpha"):
            for stage in getattr(self, name):
                need(stage in {f"CS{n}" for n in range(1, 7)}, f"cvm.{name}", stage, "CS1 to CS6")
