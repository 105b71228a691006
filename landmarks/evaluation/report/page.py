"""The parts of a self-contained HTML page: skeleton, style, tables, pictures. No script, no network."""

import base64
from html import escape

from landmarks.metrics import format_figure

STYLE = """
:root { --ink: #26323c; --muted: #66757f; --line: #dde3e8; --paper: #fff; --wash: #f5f7f9; --accent: #2b6a99;
  --good: #3f8a5b; --warn: #b5651d; --bad: #b8402f; }
* { box-sizing: border-box; }
html { background: var(--wash); -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; max-width: 1180px; padding: 2.2rem 2.4rem 4rem; background: var(--paper); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "Liberation Sans", sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .2rem; letter-spacing: -.01em; }
h2 { font-size: 1.2rem; margin: 2.8rem 0 .5rem; padding-top: .9rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.6rem 0 .4rem; }
p { margin: .4rem 0 .8rem; max-width: 46rem; }
.lead { color: var(--muted); max-width: none; }
.note { color: var(--muted); font-size: .88rem; }
.cards { display: grid; grid-template-columns: repeat(4, 1fr); gap: .7rem; margin: 1.2rem 0; }
.card { border: 1px solid var(--line); border-radius: 8px; padding: .7rem .9rem .75rem; }
.card b { display: block; font-size: 1.5rem; font-weight: 600; line-height: 1.25; font-variant-numeric: tabular-nums; }
.card span { color: var(--muted); font-size: .82rem; display: block; }
.banner { border-left: 5px solid var(--good); background: #f0f7f2; padding: .65rem 1rem;
  margin: .7rem 0; border-radius: 0 6px 6px 0; }
.banner.doubtful, .banner.notice { border-color: var(--warn); background: #fdf5ea; }
.banner.impossible { border-color: var(--bad); background: #fcefed; }
.banner b { display: block; }
.wide { overflow-x: auto; margin: .6rem 0 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .86rem; min-width: 60%; }
th { text-align: right; font-weight: 600; color: var(--muted); border-bottom: 1.5px solid var(--line); vertical-align: bottom; }
th, td { padding: .22rem .55rem; }
td { white-space: nowrap; }
td { text-align: right; border-bottom: 1px solid #eef1f4; }
th:first-child, td:first-child { text-align: left; padding-left: 0; position: sticky; left: 0; background: var(--paper); }
td.words, th.words { text-align: left; white-space: normal; min-width: 12rem; }
tr.first td { font-weight: 600; }
.ci { color: var(--muted); font-size: .92em; }
.good { color: var(--good); } .warn { color: var(--warn); } .bad { color: var(--bad); } .hard { color: var(--bad); }
figure { margin: .8rem 0 1.2rem; break-inside: avoid; }
figure svg { max-width: 100%; height: auto; display: block; }
figure svg text { font-family: inherit !important; }
figcaption { color: var(--muted); font-size: .86rem; max-width: 46rem; margin-top: .3rem; }
.small { display: grid; grid-template-columns: repeat(auto-fit, minmax(290px, 1fr)); gap: .4rem 1rem; }
.small figure, .pair figure { margin: .2rem 0; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(320px, 1fr)); gap: 1.4rem; align-items: start; }
.cases { grid-template-columns: repeat(auto-fit, minmax(430px, 1fr)); }
.case { display: grid; grid-template-columns: minmax(0, 2.1fr) minmax(0, 1fr); gap: .8rem;
  margin: 1rem 0 1.6rem; break-inside: avoid; }
.case h3 { grid-column: 1 / -1; margin: 0; }
.case img { width: 100%; display: block; border-radius: 4px; }
.case .crops { display: grid; gap: .4rem; align-content: start; }
.crop { font-size: .78rem; color: var(--muted); line-height: 1.35; }
nav { margin: 1rem 0 0; font-size: .88rem; }
nav a { color: var(--accent); text-decoration: none; margin-right: 1.1rem; white-space: nowrap; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.2rem; font-size: .9rem; }
dt { color: var(--muted); } dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 640px) {
  .cards { grid-template-columns: repeat(2, 1fr); }
  body { padding: 1.2rem 1rem 3rem; font-size: 14px; }
  .case .crops { grid-template-columns: repeat(3, 1fr); } .case { grid-template-columns: 1fr; }
  .pair, .cases { grid-template-columns: 1fr; } dl { grid-template-columns: 1fr; } dd { margin-bottom: .4rem; }
}
@media print {
  @page { size: A4; margin: 14mm 12mm; }
  html { background: none; } body { max-width: none; padding: 0; font-size: 9.5pt; print-color-adjust: exact; }
  nav { display: none; } h2 { margin-top: 1.6rem; } h2, h3 { break-after: avoid; } tr, .card, .banner { break-inside: avoid; }
  .wide { overflow: visible; } table { font-size: 7.6pt; } th, td { padding: .14rem .32rem; }
  .pair { grid-template-columns: 1fr 1fr; } .small { grid-template-columns: repeat(3, 1fr); }
  figure svg { max-height: 9.5cm; }
}
"""


def page(title: str, body: str) -> str:
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def section(name: str, title: str, *parts: str) -> str:
    return f'<section id="{name}">\n<h2>{escape(title)}</h2>\n' + "\n".join(part for part in parts if part) + "\n</section>"


def paragraph(words: str, kind: str = "") -> str:
    """Text that is already HTML."""
    return f'<p class="{kind}">{words}</p>' if kind else f"<p>{words}</p>"


def table(header: list[str], rows: list[list[str]], *, bold_first: bool = False, words: tuple[int, ...] = ()) -> str:
    """Cells are already HTML; the columns in `words` hold text and wrap."""
    kind = [' class="words"' if i in words else "" for i in range(len(header))]
    lines = [
        "<thead><tr>" + "".join(f"<th{k}>{cell}</th>" for cell, k in zip(header, kind, strict=True)) + "</tr></thead><tbody>"
    ]
    for index, row in enumerate(rows):
        first = ' class="first"' if bold_first and index == 0 else ""
        lines.append(f"<tr{first}>" + "".join(f"<td{k}>{cell}</td>" for cell, k in zip(row, kind, strict=True)) + "</tr>")
    return '<div class="wide"><table>' + "\n".join(lines) + "</tbody></table></div>"


def figure(svg: str, caption: str) -> str:
    return f"<figure>{svg}<figcaption>{caption}</figcaption></figure>" if svg else ""


def picture(jpeg: bytes, words: str) -> str:
    return f'<img src="data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}" alt="{escape(words, quote=True)}">'


def card(value: str, label: str, below: str = "") -> str:
    return f'<div class="card"><span>{label}</span><b>{value}</b><span>{below or "&nbsp;"}</span></div>'


def banner(kind: str, title: str, words: str) -> str:
    return f'<div class="banner {kind}"><b>{escape(title)}</b>{escape(words)}</div>'


def number(value: float | str | None, digits: int = 2) -> str:
    """A figure, a dash where unknown, the sign where infinite."""
    if value == float("inf") or value == "infinite":
        return "∞"
    text = format_figure(value, digits)
    if text == "-":
        return "–"
    return f"−{text[1:]}" if text.startswith("-") and float(text) else text.lstrip("-")


def interval(limits: list[float] | None, digits: int = 2) -> str:
    """The two ends in brackets; empty where there is none."""
    if not limits:
        return ""
    return f'<span class="ci">[{number(limits[0], digits)}, {number(limits[1], digits)}]</span>'
