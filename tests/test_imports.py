"""Imports go one way, so that a reader never meets a room before its foundations."""

import ast
from pathlib import Path

import landmarks

# rooms by level; a room imports from its own level and from lower ones
LEVELS = (
    (
        "geometry",
        "schema",
        "settings",
        "dataconfig",
        "config",
        "trainconfig",
        "configfile",
        "stages",
        "checkpointfile",
        "distributed",
        "filelock",
        "wholefile",
        "jsonfile",
        "download",
        "device",
        "statistics",
        "aariz_shape",
        "cvmconfig",
    ),
    (
        "metrics",
        "draw",
        "images",
        "radiograph",
        "measurements",
        "norms",
        "sella_nasion",
        "tracing",
        "prediction",
        "shape",
        "lateral_shape",
        "cervical",
        "stage_metrics",
        "stage_prediction",
        "plausible",
        "habit",
        "further",
        "uncertainty",
        "analyses",
        "superimposition",
        "template",
    ),
    ("formats",),
    ("data", "models", "synthetic"),
    ("tasks",),
    ("inference",),
    ("evaluation", "check", "prepare"),
    ("engine",),
    ("benchmark", "review"),
    ("commands",),
)
ORDER = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}
PACKAGE = Path(landmarks.__file__).parent


def imported_rooms(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("landmarks"):
            parts = node.module.split(".")
            names |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
    return names & ORDER.keys()


def test_imports_go_one_way():
    for path in PACKAGE.rglob("*.py"):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if room in ("__init__", "__main__"):
            continue
        for other in imported_rooms(path):
            assert ORDER[other] <= ORDER[room], f"{path.name} ({room}) imports {other}"
            assert {room, other} != {"data", "inference"}, f"{path.name} ({room}) imports {other}"


def test_files_and_functions_stay_small():
    for folder in (PACKAGE, PACKAGE.parent / "tools", PACKAGE.parent / "tests"):
        for path in folder.rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            assert len(text.splitlines()) <= 300, path
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.FunctionDef) and folder.name != "tests":
                    assert node.end_lineno - node.lineno < 40, f"{path.name}: {node.name}"
