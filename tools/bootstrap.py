"""From a fresh clone to a running program, on Windows, macOS and Linux, with nothing but Python 3.10 or newer.

    python tools/bootstrap.py demo             draws a data set, trains, evaluates, writes tables, a report and overlays
    python tools/bootstrap.py test             ruff and pytest
    python tools/bootstrap.py review [FOLDER]  opens the page where films are corrected, measured and printed
                                               (without a folder: 12 synthetic films and the demo's model,
                                               or, before the demo, an empty page to drop films on)

The first call creates the environment .venv and installs the project into it.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DEMO = "runs/demo"
CHECKPOINT = f"{DEMO}/checkpoints/best.pt"
FILMS, DRAWN = "data/review", "data/review-synthetic"
EXTRAS = {"demo": "", "test": "[dev]", "review": "[review,dicom]"}


def environment_python(environment, os_name=os.name):
    """Where venv puts the interpreter."""
    return environment.joinpath("Scripts", "python.exe") if os_name == "nt" else environment.joinpath("bin", "python")


def steps(command, words):
    """Arguments of the interpreter, one list for each program that the command runs."""
    if command == "demo":
        return [
            ["-m", "landmarks", "train", "--config", "configs/demo.yaml", *words],
            ["-m", "landmarks", "eval", "--checkpoint", CHECKPOINT, "--split", "test"],
        ]
    if command == "test":
        return [
            ["-m", "ruff", "check", "."],
            ["-m", "ruff", "format", "--check", "."],
            ["-m", "pytest", "--numprocesses", "auto", "--dist", "worksteal", *words],
        ]
    return [["-m", "landmarks", "review", *words]]


def problem(version=sys.version_info, has_venv=True, platform=sys.platform):
    """One line about what this Python lacks, empty where it will do."""
    if tuple(version[:2]) < (3, 10):
        return f"Python 3.10 or newer is needed, this is {version[0]}.{version[1]}; start this file with a newer one"
    if not has_venv:
        advice = "on Debian and Ubuntu: apt install python3-venv" if platform == "linux" else "install Python from python.org"
        return f"Python's modules venv and ensurepip are missing; {advice}"
    return ""


def has_venv():
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        return False
    return True


def fingerprint(command, root):
    """What an installation was made of; another one is made when it changes."""
    digest = hashlib.sha256((EXTRAS[command] + sys.version).encode())
    for name in ("setup.cfg", "pyproject.toml"):
        digest.update((root / name).read_bytes())
    return digest.hexdigest()


def install(command, environment, root):
    """Creates the environment and installs the project, where that has not been done for these files yet."""
    python, mark = environment_python(environment), environment / f"installed-{command}"
    wanted = fingerprint(command, root)
    if python.exists() and mark.exists() and mark.read_text(encoding="utf-8") == wanted:
        return python
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--editable", "." + EXTRAS[command]]
    subprocess.run(pip, cwd=root, check=True)
    mark.write_text(wanted, encoding="utf-8")
    return python


def films_to_show(python):
    """Folder and model of a page that was given none.

    The released model knows real films and doubts most points of drawn ones: these are shown with the demo's model alone.
    """
    if not (ROOT / CHECKPOINT).exists():
        (ROOT / FILMS).mkdir(parents=True, exist_ok=True)
        return [FILMS]
    if not (ROOT / DRAWN).exists():
        subprocess.run([str(python), "-m", "landmarks", "synthesize", "--output", DRAWN, "--num", "12"], cwd=ROOT, check=True)
    return [DRAWN, "--checkpoint", CHECKPOINT]


def main(words):
    command = words[0] if words else ""
    if command not in EXTRAS:
        print(__doc__)
        return 0 if command in ("-h", "--help") else 2
    line = problem(has_venv=has_venv())
    if line:
        print(line, file=sys.stderr)
        return 2
    environment = Path(os.environ.get("LANDMARKS_VENV", ROOT / ".venv"))
    python = install(command, environment, ROOT)
    if command == "demo":
        shutil.rmtree(ROOT / DEMO, ignore_errors=True)
    rest = words[1:]
    if command == "review":
        if rest and not rest[0].startswith("-"):
            rest[0] = str(Path(rest[0]).resolve())  # relative to where the user is
        else:
            rest = [*films_to_show(python), *rest]
    for step in steps(command, rest):
        code = subprocess.run([str(python), *step], cwd=ROOT, check=False).returncode
        if code:
            return code
    if command == "demo":
        found = Path(DEMO, "evaluation_test")
        print(f"\nreport:    {found / 'report.html'}\ntable:     {found / 'metrics.txt'}\npictures:  {found / 'overlays'}")
        print(f"curves:    {environment_python(environment).with_name('tensorboard')} --logdir {DEMO}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
    except subprocess.CalledProcessError as error:
        print(f"failed: {' '.join(map(str, error.cmd))}", file=sys.stderr)
        sys.exit(2)
