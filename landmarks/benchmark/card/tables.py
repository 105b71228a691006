"""The figures as Markdown, ready for docs/results/speed.md."""

import numbers

from landmarks.benchmark.card.fit import source


def markdown(results: dict) -> str:
    """All tables; what failed or was not reached is in them as well."""
    parts = results["parts"]
    lines = [f"{source(results)}; {results['seconds']:.0f} s in all{' (dry run)' if results['dry'] else ''}", ""]
    lines += _states(parts)
    for title, table in (
        ("Correctness", _correctness(_items(parts, "correctness"))),
        ("8 GB", _memory(_items(parts, "memory"))),
        ("Step", _steps(_items(parts, "speed"))),
        ("Other figures", _others(parts)),
    ):
        if len(table) > 2:
            lines += ["", f"### {title}", *table]
    constants = results.get("constants")
    return "\n".join([*lines, "", f"constants: {constants}" if constants else "constants: not fitted"])


def _items(parts: dict, name: str) -> dict[str, dict]:
    return parts.get(name, {}).get("items", {})


def _row(*cells: object) -> str:
    return "| " + " | ".join(_word(cell) for cell in cells) + " |"


def _head(*cells: str) -> list[str]:
    return [_row(*cells), "|" + "---|" * len(cells)]


def _word(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if isinstance(value, numbers.Real):
        return f"{value:,.0f}" if abs(value) >= 1000 or float(value).is_integer() else f"{value:.3g}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_word(part)}" for key, part in value.items())
    if isinstance(value, list):
        return "; ".join(_word(part) for part in value)
    return str(value).replace("|", "/")


def _states(parts: dict) -> list[str]:
    rows = _head("part", "state", "s", "measured", "not", "line")
    for name, part in parts.items():
        good = sum(item["state"] == "ok" for item in part["items"].values())
        bad = len(part["items"]) - good
        rows.append(_row(name, part["state"], round(part["seconds"]), good, bad, part.get("line", "")))
    for name, part in parts.items():
        rows += [
            _row(f"{name}: {item}", found["state"], round(found.get("seconds", 0)), "", "", found.get("line", ""))
            for item, found in part["items"].items()
            if found["state"] != "ok"
        ]
    return rows


def _figures(items: dict[str, dict]) -> dict[str, dict]:
    return {name: item["figures"] for name, item in items.items() if item["state"] == "ok"}


def _correctness(items: dict[str, dict]) -> list[str]:
    rows = _head("check", "passed", "found (limit)")
    for name, figures in _figures(items).items():
        words = [
            f"{key} {value['found']:.2g} ({value['limit']:.2g})" if isinstance(value, dict) else f"{key}: {_word(value)}"
            for key, value in figures.items()
            if key != "ok"
        ]
        rows.append(_row(name, figures.get("ok", True), "; ".join(words)))
    return rows


def _memory(items: dict[str, dict]) -> list[str]:
    rows = _head("recipe, recompute, batch", "predicted MiB", "reserved", "allocated", "ms a step", "images/s", "phases, ms")
    for name, figures in _figures(items).items():
        if "predicted" not in figures or not isinstance(figures["predicted"], dict):
            continue
        predicted = figures["predicted"]["total"] / 2**20
        if not figures["fits"]:
            rows.append(_row(name, predicted, "out of memory", "", "", "", ""))
            continue
        phases = {phase: round(1000 * seconds) for phase, seconds in figures["phases"].items()}
        milliseconds = 1000 * figures["seconds"]
        row = (figures["reserved MiB"], figures["allocated MiB"], milliseconds, figures["images/s"], phases)
        rows.append(_row(name, predicted, *row))
    return rows


def _steps(items: dict[str, dict]) -> list[str]:
    """Steps with their shares of the card's ceilings: arithmetic, and bytes if every operation moved its own."""
    found = _figures(items)
    ceilings, counts = found.get("ceilings", {}), found.get("counts of an image", {})
    rows = _head("step", "ms", "images/s", "% of arithmetic", "% of bandwidth", "reserved MiB", "compared with eager")
    for name, figures in found.items():
        if "images/s" not in figures or "spread s" not in figures:
            continue
        most = ceilings.get(name.split(",")[0])
        rate = figures["images/s"]
        arithmetic = 100 * rate * counts["flops"] / 1e12 / most if counts and most else None
        traffic = 100 * rate * counts["traffic bytes"] / 1e9 / ceilings["copy GB/s"] if counts and ceilings else None
        compared = f"{figures['times faster']:.2f} x, apart {figures['apart']:.1g}" if "apart" in figures else ""
        rows.append(_row(name, 1000 * figures["seconds"], rate, arithmetic, traffic, figures["reserved MiB"], compared))
    return rows


def _others(parts: dict) -> list[str]:
    """Everything that has no table of its own."""
    rows = _head("what", "figures")
    for part in parts:
        for name, figures in _figures(_items(parts, part)).items():
            in_table = part == "correctness" or isinstance(figures.get("predicted"), dict) or "spread s" in figures
            if not in_table:
                rows.append(_row(f"{part}: {name}", {key: value for key, value in figures.items()}))
    return rows
