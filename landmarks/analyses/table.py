"""Analyses by name: which measurements in which order, under the author's names, with planes and classes."""

from collections.abc import Iterable
from dataclasses import dataclass

from landmarks.measurements import BY_NAME
from landmarks.measurements.classes import SKELETAL, VERTICAL, Classes


@dataclass(frozen=True, kw_only=True, slots=True)
class Analysis:
    """An author's selection of measurements."""

    name: str
    title: str
    items: tuple[tuple[str, str], ...]
    """Measurement and the author's name for it."""
    samples: tuple[str, ...]
    """Norms that count first."""
    planes: tuple[str, ...]
    """Keys of PLANES, to be drawn."""
    classes: tuple[Classes, ...] = ()
    needs: tuple[str, ...] = ()
    """Measurements that belong here and need landmarks which no set has (measurements.OTHER_LANDMARKS)."""
    note: str = ""

    @property
    def plane_lines(self) -> tuple[tuple[str, str], ...]:
        """The lines of its planes, each through two points."""
        return tuple(PLANES[name] for name in self.planes)


# Lines to draw, each through two points; a point A+B is the middle of two landmarks.
PLANES = {
    "S-N": ("S", "N"), "Frankfort": ("Po", "Or"), "palatal": ("PNS", "ANS"), "Go-Me": ("Go", "Me"), "Go-Gn": ("Go", "Gn"),
    "functional occlusal": ("UMT+LMT", "UPM+LPM"), "bisected occlusal": ("UMT+LMT", "UIT+LIT"), "N-A": ("N", "A"),
    "N-B": ("N", "B"), "N-Pog": ("N", "Pog"), "A-B": ("A", "B"), "A-Pog": ("A", "Pog"), "Y axis": ("S", "Gn"),
    "U1": ("UIA", "UIT"), "L1": ("LIA", "LIT"), "S-Ar": ("S", "Ar"), "Ar-Go": ("Ar", "Go"), "S-Go": ("S", "Go"),
    "N-Me": ("N", "Me"), "Co-A": ("Co", "A"), "Co-Gn": ("Co", "Gn"), "Go-N": ("Go", "N"), "E line": ("Pn", "Pog`"),
    "Sn-Pog`": ("Sn", "Pog`"), "H line": ("Ls", "Pog`"), "N`-Pog`": ("N`", "Pog`"),
}  # fmt: skip


def _analysis(name: str, title: str, items: str, samples: str, planes: tuple[str, ...], **more) -> Analysis:
    """`items` one a comma, `measurement = the author's name` where they differ."""
    pairs = tuple(tuple(part.strip() for part in (item.split("=") * 2)[:2]) for item in items.split(","))
    return Analysis(name=name, title=title, items=pairs, samples=tuple(samples.split()), planes=planes, **more)


_GROWTH = Classes(
    title="Growth pattern", measurement="Jarabak ratio", borders=(62.0, 65.0),
    names=("vertical growth", "neutral growth", "horizontal growth"), source="Jarabak's 62 to 65 %", evidence="secondary",
)  # fmt: skip
_EASTMAN_CLASS = Classes(
    title="Skeletal class, corrected", measurement="ANB corrected", borders=(2.0, 4.0),
    names=("Class III", "Class I", "Class II"), source="2 to 4 degrees, 1 about Eastman's 3", evidence="unverified",
)  # fmt: skip
# fmt: off
ANALYSES = {
    analysis.name: analysis for analysis in (
        _analysis("steiner", "Steiner",
                  "SNA, SNB, ANB, OP-SN, SN-GoGn = GoGn-SN, U1-NA, U1-NA distance = U1-NA mm, L1-NB, "
                  "L1-NB distance = L1-NB mm, "
                  "Pog-NB, Interincisal",
                  "steiner", ("S-N", "N-A", "N-B", "Go-Gn", "functional occlusal", "U1", "L1"), classes=(SKELETAL, VERTICAL),
                  needs=("SND",)),
        _analysis("downs", "Downs",
                  "Facial angle, Convexity = Angle of convexity, A-B plane, FMA = Mandibular plane (MP-FH), Y axis, "
                  "Occlusal plane = Cant of occlusal plane, Interincisal, L1-OP = L1 to occlusal plane, "
                  "IMPA = L1 to mandibular plane, "
                  "U1 to A-Pog, U1-OP = U1 to occlusal plane",
                  "downs", ("Frankfort", "N-Pog", "A-B", "Go-Me", "Y axis", "bisected occlusal", "U1", "L1", "A-Pog")),
        _analysis("tweed", "Tweed", "FMA, FMIA, IMPA, Z angle", "tweed", ("Frankfort", "Go-Me", "L1", "H line"),
                  note="Po-Or, Go-Me variant of Tweed's triangle"),
        _analysis("ricketts", "Ricketts",
                  "Facial angle = Facial depth, FMA = Mandibular plane, A to N-Pog = Convexity, L1 to A-Pog, "
                  "L1-APog = L1 inclination, "
                  "PP-FH = Palatal plane, Interincisal, Li to E-line = Lower lip to E-line, Ls to E-line = Upper lip to E-line",
                  "ricketts ricketts_adults", ("Frankfort", "N-Pog", "Go-Me", "A-Pog", "palatal", "L1", "E line"),
                  needs=("Facial axis", "Mandibular arc", "Lower face height")),
        _analysis("mcnamara", "McNamara",
                  "A to N-perp, Pog to N-perp, Co-A = Effective midface (Co-A), Co-Gn = Effective mandible (Co-Gn), "
                  "Co-Gn minus Co-A = Difference, ANS-Me = Lower face height, FMA = Mandibular plane, U1 to A-perp, "
                  "L1 to A-Pog",
                  "mcnamara_women mcnamara_men ricketts", ("Frankfort", "Co-A", "Co-Gn", "Go-Me", "A-Pog"),
                  needs=("Facial axis",)),
        _analysis("jarabak", "Jarabak-Bjork",
                  "Saddle angle, Articular angle, Gonial angle, Upper gonial angle, Lower gonial angle, Bjork sum = Sum, "
                  "S-N, S-Ar, "
                  "Ar-Go, Go-Me, S-Go = Posterior height (S-Go), N-Me = Anterior height (N-Me), Jarabak ratio",
                  "jarabak bjork", ("S-N", "S-Ar", "Ar-Go", "Go-Me", "S-Go", "N-Me", "Go-N"), classes=(_GROWTH,)),
        _analysis("eastman", "Eastman",
                  "SNA, SNB, ANB, ANB corrected = ANB corrected for SNA, PP-MP = MMPA, "
                  "ANS-Me / N-Me = Lower face height %, U1-PP = U1-Mx, "
                  "IMPA = L1-Md, Interincisal, L1 to A-Pog",
                  "eastman", ("S-N", "N-A", "N-B", "palatal", "Go-Me", "U1", "L1"), classes=(_EASTMAN_CLASS,)),
        _analysis("wits", "Wits and sagittal relation", "Wits, ANB, Beta angle, APDI, ODI, Overjet, Overbite",
                  "jacobson_women jacobson_men steiner", ("functional occlusal", "A-B", "palatal"), classes=(SKELETAL,)),
        _analysis("vertical", "Vertical proportions",
                  "SN-GoGn, FMA, SN-PP, PP-MP, ANS-Me / N-Me = Lower anterior height, "
                  "N-ANS / N-Me = Upper anterior height, Jarabak ratio, "
                  "N-Me, ANS-Me, S-Go",
                  "steiner common jarabak", ("S-N", "Frankfort", "palatal", "Go-Me", "N-Me", "S-Go"), classes=(VERTICAL,)),
        _analysis("soft_tissue", "Soft tissue",
                  "Ls to E-line, Li to E-line, Ls to Sn-Pog`, Li to Sn-Pog`, Li to H line, Sn to H line, H angle, Z angle, "
                  "Nasolabial angle, Soft-tissue convexity",
                  "ricketts_adults legan_burstone holdaway", ("E line", "Sn-Pog`", "H line", "N`-Pog`", "Frankfort")),
    )
}
# fmt: on


def analyses_of(measurements: Iterable[str]) -> dict[str, Analysis]:
    """ANALYSES, with `own` of the measurements that a user defined."""
    own = tuple((name, name) for name in measurements if name not in BY_NAME)
    return ANALYSES | ({"own": Analysis(name="own", title="Own", items=own, samples=(), planes=())} if own else {})
