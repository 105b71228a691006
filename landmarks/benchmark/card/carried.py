"""`run.py` of a folder that `landmarks benchmark card --pack` made: python3 run.py [--minutes 9] [--json FILE] [--dry].

It stands alone: this file is copied out of the package, and nothing of the package can be imported before it has run.
"""

import importlib.util
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> None:
    site = HERE / "site"
    # at the end of the path: what the machine has of its own comes first
    sys.path[:0], sys.path[len(sys.path) :] = [str(HERE)], [str(site)]
    install_missing(HERE / "wheels", site)
    importlib.invalidate_caches()
    before = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(HERE), before, str(site)]))
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    about = json.loads((HERE / "pack.json").read_text(encoding="utf-8"))
    data = ["--data", str(HERE / about["data"]), "--format", about["format"]]
    sys.argv[1:] = ["benchmark", "card", *data, *sys.argv[1:]]
    runpy.run_module("landmarks", run_name="__main__")  # ends this program with its exit code


def install_missing(wheels: Path, site: Path) -> None:
    """Unpacks the wheels of packages that this machine lacks, as far as there is one for its Python; no network."""
    names = sorted({path.name.split("-")[0] for path in wheels.glob("*.whl")})
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing and not install(missing, wheels, site):
        for name in missing:
            if not install([name], wheels, site):
                print(f"{name}: no wheel for this Python", file=sys.stderr)


def install(names: list[str], wheels: Path, site: Path) -> bool:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-compile"]
    command += ["--disable-pip-version-check", "--root-user-action", "ignore"]
    command += ["--find-links", str(wheels), "--target", str(site), *names]
    return subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


if __name__ == "__main__":
    main()
