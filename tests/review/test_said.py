"""What the server says of a film is said in the page's language: no English is left on the German page."""

import ast
import dataclasses
import re
from pathlib import Path

import numpy as np

import landmarks.radiograph
from landmarks.inference.view import View
from landmarks.measurements import MEASUREMENTS, OTHER_LANDMARKS
from landmarks.norms import standard
from landmarks.review import analysis
from landmarks.schema import AARIZ29
from landmarks.template import shape_statistics
from landmarks.tracing.points import SCALE_ORIGINS

# Names, and words that German has as well.
_SAME = """Steiner Downs Tweed Ricketts Jarabak Eastman Wits Jacobson Legan Burstone Holdaway Subtelny Merrifield Riedel Kim
    Baik Ververidou Wylie Johnson Fizzell Roth Overjet Overbite minus Beta Molar parallel Basion in mm Menton Nasion Orbitale
    Pogonion Pronasale Ramus Sella Articulare Condylion Gnathion Gonion Porion Labrale inferius superius Subnasale
    Presentation"""
_KEYS = {"label", "meaning", "note", "source", "words", "sample", "title", "tab"}


def lines_of(found: object) -> set[str]:
    """Every text that the page shows, in what the server sends."""
    if isinstance(found, list):
        return set().union(*map(lines_of, found))
    if not isinstance(found, dict):
        return {found} if isinstance(found, str) else set()
    kept = [value for key, value in found.items() if key in _KEYS or not isinstance(value, str)]
    return set().union(*map(lines_of, kept), {f"{a} ({b})" for a, b in found.get("missing", {}).items()})


def measured() -> set[str]:
    """Each analysis of heads of many shapes, by sex, age and scale, with landmarks missing as well."""
    mean, rng, found = shape_statistics()[0] * 11 + (700, 700), np.random.default_rng(0), set()
    for trial in range(24):
        points_px = mean + rng.normal(0, (0, 15, 60)[trial % 3], mean.shape)
        places = {s: (float(x), float(y)) for s, (x, y) in zip(AARIZ29.symbols, points_px, strict=True)}
        for lost in () if trial % 4 else ("Po", "A"):
            del places[lost]
        origin = list(SCALE_ORIGINS)[trial % len(SCALE_ORIGINS)]
        film = analysis.make_tracing(places, (0.1, 0.1), origin, dict.fromkeys(places, 20.0))
        for item in analysis.catalogue():
            age, sex = ((None, None), (9, "f"), (14, "m"), (30, "f"), (30, "m"))[trial % 5]
            made = analysis.analyse(film, name=item["name"], age=age, sex=sex, coverage=0.9)
            found |= lines_of({key: made[key] for key in ("rows", "words", "missing")})
    return found


def tables() -> set[str]:
    """What the tables of measurements and norms hold, and views of films."""
    found = lines_of(analysis.catalogue()) | set(analysis.titles().values())
    for row in MEASUREMENTS:
        found |= {row.name, row.larger, row.smaller, row.source, row.note}
    for norm in standard().norms:
        found |= {norm.words(), norm.sample.title, norm.sample.words(), norm.source, norm.evidence.replace("_", " ")}
    found |= {f"{name} ({needs})" for name, needs in OTHER_LANDMARKS.items()}
    views = [View(turns=turns, mirrored=True, negative=True, aspect=aspect) for turns in range(4) for aspect in (0.5, 2.0)]
    return found | {str(view) for view in views} | {str(dataclasses.replace(views[0], mirrored=False))}


def notes_of_films() -> set[str]:
    """Warnings about a film, with 12 for each of their values."""
    found = set()
    for file in Path(landmarks.radiograph.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "append":
                found |= {text(value) for value in node.args}
            elif isinstance(node, ast.keyword) and node.arg == "note":
                found.add(text(node.value))
    return found


def text(value: ast.expr) -> str:
    if isinstance(value, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "12" for part in value.values)
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else ""


def words_of(line: str) -> set[str]:
    """Its words, without symbols and abbreviations: of two capitals, or short with one."""
    found = re.findall(r"[^\W\d_]{2,}", line)
    return {word for word in found if word.islower() or (len(word) > 3 and sum(map(str.isupper, word)) < 2)}


def test_no_english_is_left_on_the_german_page(open_page):
    page = open_page()
    page.select_option("#language", "de")
    page.wait_for_selector("button:has-text('Filme einlesen')")
    notes = notes_of_films()
    assert len(notes) > 10
    lines = sorted((measured() | tables() | notes) - {""})
    said = page.evaluate("async (lines) => { const { said } = await import('/static/dom.js'); return lines.map(said); }", lines)
    left = {}
    for line, german in zip(lines, said, strict=True):
        for word in words_of(line) & words_of(german.replace("\u00ad", "")) - set(_SAME.split()):
            left.setdefault(word, (line, german))
    assert left == {}


def test_every_word_exists_in_both_languages(open_page):
    page = open_page()
    missing = page.evaluate(
        """async () => {
            const { WORDS } = await import('/static/words.js');
            const [en, de] = [WORDS.en, WORDS.de].map((words) => Object.keys(words).sort());
            const used = [];
            for (const { name } of performance.getEntriesByType('resource')) {
                const text = name.endsWith('.js') ? await (await fetch(name)).text() : '';
                for (const [, key] of text.matchAll(/\\bt\\("([a-z0-9-]+)"/g)) {
                    if (!(key in WORDS.en)) used.push(key);
                }
            }
            const only = (some, others) => some.filter((key) => !others.includes(key));
            return { differ: [...only(en, de), ...only(de, en)], used };
        }"""
    )
    assert missing == {"differ": [], "used": []}
    page.select_option("#language", "de")
    page.wait_for_selector("button:has-text('Filme einlesen')")
    # what the server says as well, whole or in part
    told = page.evaluate(
        """async () => {
            const { serverWords } = await import('/static/dom.js');
            const lines = ['the film is no longer in the folder', 'a b: unknown landmark', 'new?'];
            return lines.map(serverWords);
        }"""
    )
    assert told == [
        "der Film liegt nicht mehr im Ordner",
        "a b: unbekannter Punkt",
        "Meldung des Servers (englisch): new?",
    ]
