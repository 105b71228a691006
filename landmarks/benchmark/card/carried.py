"""`run.py` of a folder that `landmarks benchmark card --pack` made: python3 run.py [--minutes 9] [--json FILE] [--dry].

It stands alone: this file is copied out of the package, and nothing of the package can be imported before it has run.
"""

import importlib.util
import json
import os
import runpy
import sys
import zipfile
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
    about = json.loads((HERE / "pack.json").read_text(encoding="utf-8"))
    data = ["--data", str(HERE / about["data"]), "--format", about["format"]]
    sys.argv[1:] = ["benchmark", "card", *data, *sys.argv[1:]]
    runpy.run_module("landmarks", run_name="__main__")  # ends this program with its exit code


def install_missing(wheels: Path, site: Path) -> None:
    """Unpacks the wheels of packages that this machine lacks."""
    names = sorted({path.name.split("-")[0] for path in wheels.glob("*.whl")})
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    for wheel in (path for name in missing for path in wheels.glob(f"{name}-*.whl")):
        with zipfile.ZipFile(wheel) as archive:  # pure Python: nothing to build, and no pip needed
            archive.extractall(site)


if __name__ == "__main__":
    main()
