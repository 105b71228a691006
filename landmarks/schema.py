"""Landmark sets: which points a data set names, in which order, and the groups that weights may name."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class LandmarkSet:
    """An ordered set of landmarks; the k-th map of a network belongs to the k-th symbol."""

    name: str
    symbols: tuple[str, ...]
    titles: tuple[str, ...] = ()
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        doubled = sorted({s for s in self.symbols if self.symbols.count(s) > 1})
        if doubled:
            raise ValueError(f"landmark set '{self.name}': doubled symbols {', '.join(doubled)}")
        if not self.symbols and self.name != "none":
            raise ValueError(f"landmark set '{self.name}': no landmarks")

    def __len__(self) -> int:
        return len(self.symbols)

    def index(self, symbol: str) -> int:
        """Position of a symbol. Raises: ValueError with all symbols where it is unknown."""
        if symbol in self.symbols:
            return self.symbols.index(symbol)
        raise ValueError(f"unknown landmark '{symbol}' (set '{self.name}' has {', '.join(self.symbols)})")

    def title(self, symbol: str) -> str:
        return self.titles[self.index(symbol)] if self.titles else symbol

    def members(self, group: str) -> tuple[str, ...]:
        """Symbols of a group that this set has; 'all' is every symbol, a symbol is its own group."""
        if group == "all":
            return self.symbols
        if group in self.groups:
            return tuple(s for s in self.groups[group] if s in self.symbols)
        self.index(group)
        return (group,)

    def followed_by(self, other: "LandmarkSet") -> "LandmarkSet":
        """These landmarks, then those of the other set. Raises: ValueError where both have one."""
        titles = tuple(part.title(symbol) for part in (self, other) for symbol in part.symbols)
        return LandmarkSet(name=self.name, symbols=self.symbols + other.symbols, titles=titles, groups=self.groups)

    def common_with(self, other: "LandmarkSet") -> tuple[str, ...]:
        """Symbols that both sets have, in this set's order."""
        return tuple(s for s in self.symbols if s in other.symbols)


def landmarks_to_dict(landmarks: LandmarkSet) -> dict:
    """Plain lists and dicts, as a checkpoint holds them."""
    return {
        "name": landmarks.name,
        "symbols": list(landmarks.symbols),
        "titles": list(landmarks.titles),
        "groups": {name: list(members) for name, members in landmarks.groups.items()},
    }


def landmarks_from_dict(plain: dict) -> LandmarkSet:
    """Inverse of `landmarks_to_dict`. Raises: KeyError, ValueError where it is none."""
    return LandmarkSet(
        name=plain["name"],
        symbols=tuple(plain["symbols"]),
        titles=tuple(plain["titles"]),
        groups={name: tuple(members) for name, members in plain["groups"].items()},
    )


# Order of the official annotation files (Khalid et al., Sci Data 12, 1336, 2025); the paper's table has another.
_AARIZ = {
    "A": "A-point", "ANS": "Anterior Nasal Spine", "B": "B-point", "Me": "Menton", "N": "Nasion",
    "Or": "Orbitale", "Pog": "Pogonion", "PNS": "Posterior Nasal Spine", "Pn": "Pronasale", "R": "Ramus",
    "S": "Sella", "Ar": "Articulare", "Co": "Condylion", "Gn": "Gnathion", "Go": "Gonion", "Po": "Porion",
    "LPM": "Lower 2nd PM Cusp Tip", "LIT": "Lower Incisor Tip", "LMT": "Lower Molar Cusp Tip",
    "UPM": "Upper 2nd PM Cusp Tip", "UIA": "Upper Incisor Apex", "UIT": "Upper Incisor Tip",
    "UMT": "Upper Molar Cusp Tip", "LIA": "Lower Incisor Apex", "Li": "Labrale inferius",
    "Ls": "Labrale superius", "N`": "Soft Tissue Nasion", "Pog`": "Soft Tissue Pogonion", "Sn": "Subnasale",
}  # fmt: skip

# Weights of the reference training; Po and ANS had none published, 1.2 is this project's.
HARD12_WEIGHTS = {
    "UMT": 2.5, "UPM": 2.5, "R": 2.0, "Ar": 1.8, "Go": 1.8, "LMT": 1.6,
    "LPM": 1.4, "Or": 1.3, "Co": 1.2, "PNS": 1.2, "Po": 1.2, "ANS": 1.2,
}  # fmt: skip
GROUPS = {"hard12": tuple(HARD12_WEIGHTS)}

AARIZ29 = LandmarkSet(name="aariz29", symbols=tuple(_AARIZ), titles=tuple(_AARIZ.values()), groups=GROUPS)

# Order of the challenge's text files, in Aariz's symbols.
_ISBI = ("S", "N", "Or", "Po", "A", "B", "Pog", "Me", "Gn", "Go",
         "LIT", "UIT", "Ls", "Li", "Sn", "Pog`", "PNS", "ANS", "Ar")  # fmt: skip
NO_LANDMARKS = LandmarkSet(name="none", symbols=())
"""Of a data set whose images have a stage and no landmarks."""

ISBI19 = LandmarkSet(name="isbi19", symbols=_ISBI, titles=tuple(_AARIZ[s] for s in _ISBI), groups=GROUPS)
