"""The measurements that 29 landmarks allow, each defined once; and those that need landmarks which no set has."""

from landmarks.measurements.constructs import (
    Across,
    Ahead,
    Along,
    Between,
    Construct,
    Corner,
    Least,
    Length,
    Measurement,
    Ratio,
    Sum,
    Turn,
)

_FH, _SN, _PP, _MP = ("Po", "Or"), ("S", "N"), ("PNS", "ANS"), ("Go", "Me")
_U1, _L1 = ("UIA", "UIT"), ("LIA", "LIT")
# Direction from the molars to the premolars, through the middle of each pair of cusp tips.
_FUNCTIONAL = ("UMT+LMT", "UPM+LPM")
# Direction from the molars to the incisors, halving the overlap of both.
_BISECTED = ("UMT+LMT", "UIT+LIT")
_SNA, _SNB = Corner("S", "N", "A"), Corner("S", "N", "B")
_SADDLE, _ARTICULAR, _GONIAL = Corner("N", "S", "Ar"), Corner("S", "Ar", "Go"), Corner("Ar", "Go", "Me")


def _row(name: str, unit: str, construct: Construct, larger: str, smaller: str, source: str, note: str = "") -> Measurement:
    return Measurement(name=name, unit=unit, construct=construct, larger=larger, smaller=smaller, source=source, note=note)


_SECOND_PREMOLARS = "the plane passes second premolars; Jacobson takes first premolars"
_TIP = "the incisor's tip; Steiner takes the labial surface of its crown"
_STRAIGHT = "straight distances"
# Tweed's Frankfort plane starts 4.5 mm above the ear rod's centre, and his mandibular plane is a tangent.
_TWEED = "Po-Or, Go-Me variant of Tweed's planes"
_FORWARD, _BACK = "chin further forward", "chin further back"
_LEANS, _UPRIGHT_U = "upper incisor leans forward", "upper incisor upright"
_LEANS_L, _UPRIGHT_L = "lower incisor leans forward", "lower incisor upright"
# fmt: off
MEASUREMENTS = (
    # jaws, forward and back
    _row("SNA", "deg", _SNA, "upper jaw further forward", "upper jaw further back", "Steiner 1953"),
    _row("SNB", "deg", _SNB, "lower jaw further forward", "lower jaw further back", "Steiner 1953"),
    _row("ANB", "deg", Sum(((1, _SNA), (-1, _SNB))), "upper jaw ahead of the lower", "lower jaw ahead of the upper",
         "Steiner 1953 (SNA - SNB)"),
    _row("ANB corrected", "deg", Sum(((0.5, _SNA), (-1, _SNB)), 40.5), "upper jaw ahead of the lower",
         "lower jaw ahead of the upper", "Eastman correction: ANB - 0.5 (SNA - 81)"),
    _row("Wits", "mm", Along(("B", "A"), _FUNCTIONAL), "A ahead of B along the functional occlusal plane",
         "B ahead of A along the functional occlusal plane", "Jacobson 1975", _SECOND_PREMOLARS),
    _row("Beta angle", "deg", Sum(((-1, Corner("A", "B", "Co")),), 90), "lower jaw ahead of the upper",
         "upper jaw ahead of the lower", "Baik and Ververidou 2004", "Co stands in for the condyle's centre"),
    _row("APDI", "deg", Turn(("A", "B"), ("ANS", "PNS")), "lower jaw ahead of the upper", "upper jaw ahead of the lower",
         "Kim 1978 (facial angle, A-B plane and palatal plane added up)"),
    _row("Facial angle", "deg", Turn(("N", "Pog"), ("Or", "Po")), _FORWARD, _BACK, "Downs 1948; Ricketts's facial depth"),
    _row("Convexity", "deg", Turn(("N", "A"), ("A", "Pog")), "A ahead of N-Pog", "A behind N-Pog", "Downs 1948"),
    _row("A-B plane", "deg", Turn(("A", "B"), ("N", "Pog")), "B ahead, towards class III", "B behind, towards class II",
         "Downs 1948"),
    _row("A to N-Pog", "mm", Ahead("A", ("N", "Pog")), "A ahead of N-Pog", "A behind N-Pog", "Ricketts 1960 (convexity)"),
    _row("A to N-perp", "mm", Along(("N", "A"), _FH), "upper jaw further forward", "upper jaw further back", "McNamara 1984"),
    _row("Pog to N-perp", "mm", Along(("N", "Pog"), _FH), _FORWARD, _BACK, "McNamara 1984"),
    _row("Pog-NB", "mm", Ahead("Pog", ("N", "B")), "more prominent chin", "less prominent chin", "Steiner 1959"),
    _row("Co-A", "mm", Length("Co", "A"), "longer midface", "shorter midface", "McNamara 1984"),
    _row("Co-Gn", "mm", Length("Co", "Gn"), "longer lower jaw", "shorter lower jaw", "McNamara 1984"),
    _row("Co-Gn minus Co-A", "mm", Sum(((1, Length("Co", "Gn")), (-1, Length("Co", "A")))), "lower jaw long for the midface",
         "lower jaw short for the midface", "McNamara 1984"),
    # vertical
    _row("FMA", "deg", Turn(_FH, _MP), "steeper lower jaw", "flatter lower jaw", "Tweed 1954; Downs's MP-FH, Ricketts's MP",
         _TWEED),
    _row("SN-GoGn", "deg", Turn(_SN, ("Go", "Gn")), "steeper lower jaw", "flatter lower jaw", "Steiner 1953"),
    _row("SN-PP", "deg", Turn(_SN, _PP), "palate tipped down in front", "palate tipped up in front", "palatal plane to S-N"),
    _row("PP-FH", "deg", Turn(_FH, _PP), "palate tipped down in front", "palate tipped up in front", "palatal plane to Po-Or"),
    _row("PP-MP", "deg", Turn(_PP, _MP), "jaws diverge", "jaws run parallel", "palatal plane to Go-Me; Eastman's MMPA"),
    _row("Y axis", "deg", Turn(_FH, ("S", "Gn")), "chin further down and back", "chin further up and forward", "Downs 1948"),
    _row("Occlusal plane", "deg", Turn(_FH, _BISECTED), "steeper occlusal plane", "flatter occlusal plane",
         "Downs 1948; the plane halves the overlap of incisors and molars"),
    _row("OP-SN", "deg", Turn(_SN, _FUNCTIONAL), "steeper occlusal plane", "flatter occlusal plane",
         "Steiner 1953; the plane through premolars and molars", _SECOND_PREMOLARS),
    _row("ODI", "deg", Sum(((1, Turn(("Me", "Go"), ("B", "A"))), (1, Turn(_FH, _PP)))), "deeper bite", "bite tends to open",
         "Kim 1974"),
    _row("Saddle angle", "deg", _SADDLE, "joint further back", "joint further forward", "Bjork 1947"),
    _row("Articular angle", "deg", _ARTICULAR, "lower jaw further back", "lower jaw further forward", "Bjork 1947"),
    _row("Gonial angle", "deg", _GONIAL, "more open lower jaw", "more closed lower jaw", "Bjork 1947"),
    _row("Upper gonial angle", "deg", Corner("Ar", "Go", "N"), "ramus leans back", "ramus leans forward",
         "Jarabak and Fizzell 1972"),
    _row("Lower gonial angle", "deg", Corner("N", "Go", "Me"), "steeper body of the lower jaw", "flatter body of the lower jaw",
         "Jarabak and Fizzell 1972"),
    _row("Bjork sum", "deg", Sum(((1, _SADDLE), (1, _ARTICULAR), (1, _GONIAL))), "more vertical growth",
         "more horizontal growth",
         "Bjork 1947"),
    _row("Jarabak ratio", "%", Ratio(("S", "Go"), ("N", "Me")), "horizontal growth (face long behind)",
         "vertical growth (face short behind)", "Jarabak and Fizzell 1972 (S-Go / N-Me)"),
    _row("ANS-Me / N-Me", "%", Ratio(("ANS", "Me"), ("N", "Me")), "longer lower face", "shorter lower face",
         "Wylie and Johnson 1952",
         _STRAIGHT),
    _row("N-ANS / N-Me", "%", Ratio(("N", "ANS"), ("N", "Me")), "longer upper face", "shorter upper face",
         "upper anterior face height",
         _STRAIGHT),
    _row("ANS-Me", "mm", Length("ANS", "Me"), "longer lower face", "shorter lower face", "McNamara 1984"),
    _row("N-Me", "mm", Length("N", "Me"), "longer face", "shorter face", "anterior face height"),
    _row("S-Go", "mm", Length("S", "Go"), "longer face behind", "shorter face behind", "posterior face height"),
    _row("S-N", "mm", Length("S", "N"), "longer skull base", "shorter skull base",
         "anterior skull base; the scale's yardstick"),
    _row("S-Ar", "mm", Length("S", "Ar"), "longer skull base behind", "shorter skull base behind", "Bjork 1947"),
    _row("Ar-Go", "mm", Length("Ar", "Go"), "longer ramus", "shorter ramus", "Bjork 1947"),
    _row("Go-Me", "mm", Length("Go", "Me"), "longer lower jaw", "shorter lower jaw", "Bjork 1947"),
    # teeth
    _row("IMPA", "deg", Between(_L1, ("Me", "Go")), _LEANS_L, _UPRIGHT_L, "Tweed 1954; Downs's L1-MP, Eastman's L1-Md", _TWEED),
    _row("FMIA", "deg", Between(_L1, _FH), _UPRIGHT_L, _LEANS_L, "Tweed 1954", _TWEED),
    _row("L1-OP", "deg", Turn(_BISECTED[::-1], _L1, -90), _LEANS_L, _UPRIGHT_L,
         "Downs 1948 (departure from 90 to the bisected occlusal plane)"),
    _row("U1-OP", "deg", Turn(_BISECTED, _U1), _UPRIGHT_U, _LEANS, "upper incisor to the bisected occlusal plane"),
    _row("U1-SN", "deg", Between(_U1, ("N", "S")), _LEANS, _UPRIGHT_U, "Riedel 1952"),
    _row("U1-PP", "deg", Between(_U1, ("ANS", "PNS")), _LEANS, _UPRIGHT_U,
         "upper incisor to the palatal plane; Eastman's U1-Mx"),
    _row("U1-NA", "deg", Turn(_U1, ("N", "A")), _LEANS, _UPRIGHT_U, "Steiner 1953"),
    _row("U1-NA distance", "mm", Ahead("UIT", ("N", "A")), "upper incisor ahead of N-A", "upper incisor behind N-A",
         "Steiner 1953", _TIP),
    _row("L1-NB", "deg", Turn(("B", "N"), _L1), _LEANS_L, _UPRIGHT_L, "Steiner 1953"),
    _row("L1-NB distance", "mm", Ahead("LIT", ("N", "B")), "lower incisor ahead of N-B", "lower incisor behind N-B",
         "Steiner 1953", _TIP),
    _row("U1 to A-Pog", "mm", Ahead("UIT", ("A", "Pog")), "upper incisor ahead of A-Pog", "upper incisor behind A-Pog",
         "Downs 1948"),
    _row("U1 to A-perp", "mm", Along(("A", "UIT"), _FH), "upper incisor ahead of A", "upper incisor behind A", "McNamara 1984"),
    _row("L1 to A-Pog", "mm", Ahead("LIT", ("A", "Pog")), "lower incisor ahead of A-Pog", "lower incisor behind A-Pog",
         "Ricketts 1960"),
    _row("L1-APog", "deg", Turn(("Pog", "A"), _L1), _LEANS_L, _UPRIGHT_L, "Ricketts 1960"),
    _row("Interincisal", "deg", Between(("UIT", "UIA"), ("LIT", "LIA")), "incisors upright", "incisors lean forward",
         "Downs 1948"),
    _row("Overjet", "mm", Along(("LIT", "UIT"), _FUNCTIONAL), "upper incisor far ahead of the lower", "lower incisor ahead",
         "along the functional occlusal plane"),
    _row("Overbite", "mm", Across(("LIT", "UIT"), _FUNCTIONAL), "deep bite", "open bite",
         "across the functional occlusal plane"),
    # soft tissue
    _row("Ls to E-line", "mm", Ahead("Ls", ("Pn", "Pog`")), "upper lip full", "upper lip flat", "Ricketts 1968"),
    _row("Li to E-line", "mm", Ahead("Li", ("Pn", "Pog`")), "lower lip full", "lower lip flat", "Ricketts 1968"),
    _row("Ls to Sn-Pog`", "mm", Ahead("Ls", ("Sn", "Pog`")), "upper lip full", "upper lip flat", "Burstone 1967"),
    _row("Li to Sn-Pog`", "mm", Ahead("Li", ("Sn", "Pog`")), "lower lip full", "lower lip flat", "Burstone 1967"),
    _row("Li to H line", "mm", Ahead("Li", ("Ls", "Pog`")), "lower lip ahead of Ls-Pog`", "lower lip behind Ls-Pog`",
         "Holdaway 1983"),
    _row("Sn to H line", "mm", Ahead("Sn", ("Ls", "Pog`")), "Sn ahead of Ls-Pog`", "Sn behind Ls-Pog`", "Holdaway 1983",
         "negative where Sn lies behind the line, which is usual"),
    _row("H angle", "deg", Turn(("Pog`", "N`"), ("Pog`", "Ls")), "upper lip full", "upper lip flat", "Holdaway 1983"),
    _row("Z angle", "deg", Least(Between(("Pog`", "Ls"), _FH), Between(("Pog`", "Li"), _FH)), "lips flat or chin prominent",
         "lips full or chin back", "Merrifield 1966 (Po-Or to the line from Pog` to the fuller lip)"),
    _row("Nasolabial angle", "deg", Corner("Pn", "Sn", "Ls"), "more open", "more closed", "Pn-Sn-Ls",
         "Pn stands in for the columella, so that published norms do not apply"),
    _row("Soft-tissue convexity", "deg", Corner("N`", "Sn", "Pog`"), "straighter profile", "more convex profile",
         "Subtelny 1959"),
)
# fmt: on

# Measurements that belong to the analyses and need landmarks that neither Aariz nor ISBI has.
OTHER_LANDMARKS = {
    "SND": "D (centre of the symphysis)",
    "Facial axis": "Ba (Basion) and Pt (pterygoid point)",
    "Mandibular arc": "DC (centre of the condyle's neck), Xi (centre of the ramus) and PM (suprapogonion)",
    "Lower face height": "Xi (centre of the ramus) and PM (suprapogonion)",
}
BY_NAME = {row.name: row for row in MEASUREMENTS}
