"""requirements/serve.txt is all that predicting needs: a DICOM film through the released model, without torch."""

import json
import os
import re
import shutil
import subprocess
import sys
import venv
from importlib import metadata
from pathlib import Path

import cv2
import pytest
from dicom_films import film, save

ROOT = Path(__file__).parents[2]
# refuses every import that requirements/serve.txt does not bring
GUARD = """
import sys
for name in sys.argv[1].split(","):
    sys.modules[name] = None
from landmarks.commands.program import main
sys.exit(main(sys.argv[2:]))
"""


def needed_distributions() -> set[str]:
    """What requirements/serve.txt names, and what these need in turn, as far as it is installed."""
    lines = (ROOT / "requirements" / "serve.txt").read_text(encoding="utf-8").splitlines()
    waiting, found = [line for line in lines if line and not line.startswith("#")], set()
    while waiting:
        line = waiting.pop()
        name = re.sub("[-_.]+", "-", re.match(r"[\w.-]+", line)[0]).lower()
        if name not in found and "extra ==" not in line:
            found.add(name)
            try:
                waiting += metadata.requires(name) or []
            except metadata.PackageNotFoundError:  # a requirement of another system
                continue
    return found


@pytest.fixture
def dicom(synthetic_root, tmp_path) -> Path:
    gray = cv2.imread(str(min((synthetic_root / "test" / "Cephalograms").iterdir())), cv2.IMREAD_GRAYSCALE)
    return save(film(gray, 8, ImagerPixelSpacing=[0.5, 0.5]), tmp_path / "film.dcm")


def check_output(output: Path) -> None:
    found = json.loads((output / "predictions.json").read_text(encoding="utf-8"))["films"][0]
    assert len(found["points"]) == 19
    assert all(found["points"].values())
    assert all(radius > 0 for radius in found["radius_px"].values())
    assert found["pixel_size_origin"] == "at the detector"


def test_a_dicom_film_with_the_packages_of_the_list_alone(dicom, tmp_path):
    # pylibjpeg loads every decoder that is installed, wanted or not
    needed = needed_distributions() | {"landmarks", "pylibjpeg-rle"}
    refused = {module for module, owners in metadata.packages_distributions().items()
               if not any(re.sub("[-_.]+", "-", owner).lower() in needed for owner in owners)}  # fmt: skip
    assert {"torch", "omegaconf", "matplotlib"} <= refused
    words = ["predict", "--as-it-is", "--output", str(tmp_path / "found"), "--save", "labelme,table", str(dicom)]
    command = [sys.executable, "-c", GUARD, ",".join(sorted(refused)), *words]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    check_output(tmp_path / "found")


def install(command: list) -> None:
    try:
        told = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=400, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip("no answer from the package index within 400 s")
    if told.returncode and "connection" in told.stderr.lower():
        pytest.skip(f"no package index: {told.stderr.splitlines()[-1]}")
    assert told.returncode == 0, told.stderr


@pytest.mark.timeout(1200)
@pytest.mark.skipif("LANDMARKS_TEST_INSTALL" not in os.environ, reason="installs packages; set LANDMARKS_TEST_INSTALL=1")
def test_an_empty_environment(dicom, tmp_path):
    source = tmp_path / "source"
    shutil.copytree(ROOT / "landmarks", source / "landmarks")
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(ROOT / name, source / name)
    venv.create(tmp_path / "venv", with_pip=True)
    program = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin")
    for words in (["-r", str(ROOT / "requirements" / "serve.txt")], ["--no-deps", str(source)]):
        install([program / "python", "-m", "pip", "install", "-q", "--no-input", *words])
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    words = ["predict", "--as-it-is", "--output", str(tmp_path / "found"), str(dicom)]
    subprocess.run([program / "landmarks", *words], check=True, cwd=tmp_path, env=environment, timeout=120)
    check_output(tmp_path / "found")
    assert sum(path.lstat().st_size for path in (tmp_path / "venv").rglob("*")) < 500e6
