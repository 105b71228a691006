"""What an analysis says in words; each sentence states its rule."""

from typing import TYPE_CHECKING

from landmarks.measurements.classes import Classes

if TYPE_CHECKING:
    from landmarks.analyses.apply import Reading

UNITS = {"deg": "°", "mm": " mm", "%": " %"}


def class_sentence(classes: Classes, value: float, half_width: float | None, index: int, crosses: bool) -> str:
    """ "ANB 6.1, above 4: Class II (Steiner's ...)", with the border that an interval crosses."""
    low, high = classes.borders
    if index < 0:
        return f"{classes.title}: {classes.measurement} is unknown."
    where = (f"below {low:g}", f"{low:g} to {high:g}", f"above {high:g}")[index]
    words = f"{classes.measurement} {value:.1f}, {where}: {classes.names[index]} ({classes.source}"
    words += ", unverified)" if classes.evidence == "unverified" else ")"
    if crosses:
        return f"{words}; open, as the interval {value - half_width:.1f} to {value + half_width:.1f} crosses a border."
    return words + "."


def norm_sentence(reading: "Reading") -> str:
    """ "FMA 31.0°, 1.4 SD above Ricketts's 23 ± 4: steeper lower jaw"."""
    norm, value, row = reading.norm, reading.value, reading.measurement
    words = f"{reading.label} {value:.1f}{reading.unit}, "
    if norm.kind == "target":
        off = value - norm.mean
        words += f"{abs(off):.1f} {'above' if off > 0 else 'below'} the target {norm.words()} of {norm.sample.title}"
        if norm.when:
            name, low, high = norm.when
            words += (
                f" (where {name} is {'below' if low <= -90 else f'{low:g} to'} {high:g})"
                if high < 90
                else f" (where {name} is {low:g} or more)"
            )
        meaning = row.larger if off > 0 else row.smaller
    else:
        by = f"{abs(reading.deviation):.1f} SD " if reading.deviation is not None else ""
        words += f"{by}{reading.standing} {norm.words()} of {norm.sample.title}"
        meaning = row.larger if reading.standing == "above" else row.smaller
    words += f": {meaning}" if meaning else ""
    if reading.open:
        words += "; the interval reaches the norm" if reading.standing != "inside" else ""
    words += " (norm unverified)" if norm.evidence == "unverified" else ""
    return words + "."
