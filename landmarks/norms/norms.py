"""Norms of measurements as they are: kind, sample, evidence, source; and which one is right for a patient and a film."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

KINDS = ("mean_sd", "range", "target")
EVIDENCE = ("primary_quoted", "secondary", "unverified")
SEXES = ("women", "men", "both")
# Growth of the norms that state one ends here (Ricketts).
GROWTH_ENDS = 18.0
# The age that a patient of unknown age is taken to have.
ADULT = 18.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """Whom a norm was measured on; None where the sources do not say."""

    name: str
    title: str
    who: str
    num: int | None = None
    age: tuple[float, float] | None = None
    sex: str | None = None
    origin: str | None = None
    enlargement: float | None = None

    def words(self) -> str:
        """One line: who, how many, age, sex, origin, enlargement."""
        parts = [self.who]
        parts += [f"{self.num} people"] if self.num else []
        if self.age:
            parts.append(f"age {self.age[0]:g} to {self.age[1]:g}" if self.age[1] < 99 else f"from age {self.age[0]:g}")
        parts += [{"both": "both sexes"}.get(self.sex, self.sex)] if self.sex else []
        parts += [self.origin] if self.origin else []
        parts += [f"films enlarged by {100 * (self.enlargement - 1):.0f} %"] if self.enlargement else []
        return ", ".join(parts)


@dataclass(frozen=True, kw_only=True, slots=True)
class Norm:
    """One published norm of one measurement, in its unit."""

    measurement: str
    sample: Sample
    kind: str
    evidence: str
    source: str
    mean: float | None = None
    sd: float | None = None
    low: float | None = None
    high: float | None = None
    tolerance: float | None = None
    growth: float = 0.0
    """Change of the mean a year."""
    growth_from: float | None = None
    when: tuple[str, float, float] | None = None
    """Measurement of the same film, from (included), to (excluded)."""

    def words(self, unit: str = "") -> str:
        """The norm in figures: 87.8 ± 3.6, 62 to 65, about 82, at most 92."""
        if self.kind == "mean_sd":
            return f"{_short(self.mean)} ± {_short(self.sd)}{unit}"
        if self.kind == "target":
            return f"{_short(self.mean)}{unit}" + (f" (± {_short(self.tolerance)})" if self.tolerance else "")
        if self.low is None or self.high is None:
            return f"at most {_short(self.high)}{unit}" if self.low is None else f"at least {_short(self.low)}{unit}"
        return f"{_short(self.low)} to {_short(self.high)}{unit}"

    def deviation(self, value: float) -> float | None:
        """Standard deviations off the mean; None for other kinds, which have no standard deviation."""
        return (value - self.mean) / self.sd if self.kind == "mean_sd" else None

    def standing(self, value: float) -> str:
        """below, inside or above: 1 SD, the range, or the working tolerance; "" for a target without tolerance."""
        if value != value:
            return ""
        limits = self.limits()
        if limits is None:
            return ""
        low, high = limits
        return "below" if value < low else "above" if value > high else "inside"

    def limits(self) -> tuple[float, float] | None:
        """What counts as inside: mean ± 1 SD, the range, target ± tolerance; None for a target without tolerance."""
        if self.kind == "range":
            return (-float("inf") if self.low is None else self.low, float("inf") if self.high is None else self.high)
        spread = self.sd if self.kind == "mean_sd" else self.tolerance
        return None if spread is None else (self.mean - spread, self.mean + spread)

    def at_age(self, age: float) -> "Norm":
        """The norm at an age, growth counted from `growth_from` to 18."""
        if not self.growth or self.growth_from is None:
            return self
        years = min(max(age, self.growth_from), GROWTH_ENDS) - self.growth_from
        return replace(self, mean=self.mean + self.growth * years)

    def scaled(self, factor: float) -> "Norm":
        """The norm of a length on films of another enlargement."""
        numbers = {key: getattr(self, key) for key in ("mean", "sd", "low", "high", "tolerance", "growth")}
        return replace(self, **{key: value if value is None else value * factor for key, value in numbers.items()})


@dataclass(frozen=True, kw_only=True, slots=True)
class Patient:
    """What chooses a norm; None where unknown.

    Example:
        >>> Patient(age=12, sex="women").words()
        'girl or woman, age 12'
    """

    age: float | None = None
    sex: str | None = None
    """women or men."""

    def words(self) -> str:
        sex = {"women": "girl or woman", "men": "boy or man", None: "sex unknown"}[self.sex]
        return f"{sex}, " + (f"age {self.age:g}" if self.age is not None else "age unknown, taken as adult")


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """The norm for one measurement, or why there is none."""

    norm: Norm | None
    reason: str = ""


def choose(
    norms: Sequence[Norm],
    measurement: str,
    patient: Patient,
    *,
    prefer: Sequence[str] = (),
    values: dict[str, float] | None = None,
) -> Chosen:
    """The norm of a measurement for a patient, at the patient's age.

    Args:
        norms: all that there are, in the order in which they count.
        prefer: names of samples that count first, as the analysis's own or the user's.
        values: the film's other measurements, for norms that hold only for some of them.
    A norm of the other sex is never taken; where the sex is unknown, neither is one that holds for one sex alone.
    An age outside the sample's is said, not refused: most samples are of a narrow age.
    """
    rows = [norm for norm in norms if norm.measurement == measurement]
    if not rows:
        return Chosen(norm=None, reason="no published norm")
    fitting = [norm for norm in rows if norm.sample.sex in (None, "both", patient.sex)]
    if not fitting:
        why = "norms by sex: say which" if patient.sex is None else "no norm for this sex"
        return Chosen(norm=None, reason=why)
    known = [norm for norm in fitting if norm.when is None or _holds(norm, values or {})]
    if not known:
        return Chosen(norm=None, reason=f"depends on {fitting[0].when[0]}")
    age = ADULT if patient.age is None else patient.age

    order = [norm.sample.name for norm in rows]
    best = min(known, key=lambda norm: _rank(norm, patient.sex, age, prefer, order))
    return Chosen(norm=best.at_age(age), reason=_age_note(best, patient))


def _rank(norm: Norm, sex: str | None, age: float, prefer: Sequence[str], order: list[str]) -> tuple:
    """The smaller, the better: a preferred sample, one of this sex, of this age, an earlier one, a rule for this film."""
    name, ages = norm.sample.name, norm.sample.age
    return (
        prefer.index(name) if name in prefer else len(prefer),
        sex is None or norm.sample.sex != sex,
        ages is not None and not ages[0] <= age <= ages[1],
        order.index(name),
        norm.when is None,
    )


def _age_note(norm: Norm, patient: Patient) -> str:
    ages = norm.sample.age
    if patient.age is None or ages is None or ages[0] <= patient.age <= ages[1]:
        return ""
    if norm.growth and patient.age > ages[1]:
        return ""  # growth has ended
    return f"sample of age {ages[0]:g} to {ages[1]:g}" if ages[1] < 99 else f"sample from age {ages[0]:g}"


def _holds(norm: Norm, values: dict[str, float]) -> bool:
    name, low, high = norm.when
    return low <= values.get(name, float("nan")) < high


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
