"""How a setting is declared: its default, bounds, help, and whether a resumed run may change it, in one place."""

import math
from dataclasses import Field, dataclass, field, fields
from typing import Any


class SettingError(ValueError):
    """A setting that cannot be used; the message names it, says what was found and what to write."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """What belongs to a setting beside its default."""

    help: str
    low: float | None
    """Smallest value; `above` where the bound itself is excluded."""
    high: float | None
    above: float | None
    below: float | None
    choices: tuple
    wanted: str
    """What to write instead of a value that is refused; empty: derived from the bounds."""
    changeable: bool
    """A resumed run may change it, because it affects where and how fast a run works, not what it computes."""
    staged: bool
    """A stage of a recipe may change it."""


def setting(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    below: float | None = None,
    choices: tuple = (),
    wanted: str = "",
    changeable: bool = False,
    staged: bool = False,
) -> Any:
    """A field of a section.

    Example:
        epochs: int = setting(100, "Passes over the training images.", low=1)
    """
    bounds = {"low": low, "high": high, "above": above, "below": below}
    rule = Rule(help=help, **bounds, choices=choices, wanted=wanted, changeable=changeable, staged=staged)
    if isinstance(default, dict):
        return field(default_factory=default.copy, metadata={"rule": rule})
    return field(default=default, metadata={"rule": rule})


def rules(section: type) -> dict[str, Rule]:
    """The rules of a section's settings by name."""
    return {found.name: found.metadata["rule"] for found in fields(section)}


def default_of(found: Field) -> Any:
    return found.default_factory() if callable(found.default_factory) else found.default


def check_section(name: str, section: Any) -> None:
    """Compares every setting of a section with its rule. Raises: SettingError."""
    for key, rule in rules(type(section)).items():
        value = getattr(section, key)
        parts = {f".{item}": part for item, part in value.items()} if isinstance(value, dict) else {"": value}
        for item, part in parts.items():
            check_value(f"{name}.{key}{item}", part, rule)


def check_value(name: str, value: Any, rule: Rule) -> None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    need(not is_number or math.isfinite(value), name, value, "a finite number")
    bounded = any(bound is not None for bound in (rule.low, rule.high, rule.above, rule.below))
    good = value in rule.choices or (bounded and is_number and _within(value, rule)) or not (rule.choices or bounded)
    need(good, name, value, rule.wanted or _wanted(rule))


def need(good: bool, name: str, found: Any, wanted: str) -> None:
    """Raises: SettingError where a setting is not good."""
    if not good:
        raise SettingError(f"{name}: found {found!r}; write {wanted}")


def _within(value: float, rule: Rule) -> bool:
    return (
        (rule.low is None or value >= rule.low)
        and (rule.high is None or value <= rule.high)
        and (rule.above is None or value > rule.above)
        and (rule.below is None or value < rule.below)
    )


def _wanted(rule: Rule) -> str:
    if rule.choices:
        return f"one of {', '.join(map(str, rule.choices))}"
    if rule.above is not None:
        return f"a number above {rule.above}"
    if rule.high is not None:
        return f"a number from {rule.low} to {rule.high}"
    if rule.below is not None:
        return f"a number from {rule.low} to below {rule.below}"
    return f"{rule.low} or more"
