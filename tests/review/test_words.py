"""Every line that the server may say to the page has its words in the other languages."""

import ast
import re
from pathlib import Path

import landmarks.review

_ROOT = Path(landmarks.review.__file__).parent
_RAISED = {"FieldError", "FilmError", "SettingError", "ValueError"}
# Said on the command line, before there is a page.
_BEFORE = {"migrations.py", "page.py", "server.py", "store.py"}


def templates() -> list[re.Pattern]:
    english = _ROOT.joinpath("static", "words.js").read_text(encoding="utf-8").split("const de = {")[0]
    texts = re.findall(r'"error-[a-z-]+": "([^"]+)"', english)
    return [re.compile(re.sub(r"\\{\w+\\}", "(.+?)", re.escape(text))) for text in texts]


def said(message: ast.expr) -> str | None:
    """A message with X for each of its values; None where it comes from elsewhere."""
    if isinstance(message, ast.Constant):
        return message.value
    if isinstance(message, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "X" for part in message.values)
    return None


def messages() -> list[str]:
    found = []
    for file in sorted(_ROOT.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id in _RAISED and file.name not in _BEFORE and node.args:
                found.append(said(node.args[0]))
            if node.func.id == "_refused" and len(node.args) > 1:
                found.append(said(node.args[1]))
    return [text for text in found if text]


def test_the_page_has_words_for_every_line_of_the_server():
    known, lines = templates(), messages()
    assert len(lines) > 40
    assert [line for line in lines if not any(pattern.fullmatch(line) for pattern in known)] == []
