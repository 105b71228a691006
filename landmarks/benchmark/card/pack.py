"""A folder with code, recipes, prepared images and wheels, to be carried to a machine that has torch and no network."""

import logging
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import landmarks
from landmarks.benchmark.card.bench import RECIPES
from landmarks.formats.manifest import MANIFEST_NAME
from landmarks.jsonfile import write_json
from landmarks.prepare.run import prepare
from landmarks.synthetic.dataset import write_synthetic_dataset

log = logging.getLogger(__name__)

_MOST_BYTES = 60 * 2**20
# What this project imports and a machine for deep learning often lacks.
_WHEELS = ("omegaconf",)
# Longest side and JPEG quality of the images: 300 films of ISBI 2015 are some 40 MB, and larger than the network's input.
_LONG_SIDE, _QUALITY = 1280, 85
_FILMS, _SEED = 120, 0
_ABOUT = """python3 run.py --minutes 9 --json card.json

measures what `landmarks benchmark card` measures; it needs a CUDA device, and Python with torch, timm, opencv, scipy,
matplotlib, tensorboard, safetensors, tqdm and PyYAML. Other packages are in wheels/. `--dry` tries it on the processor.
"""


def pack(folder: Path, data: Path | None, data_format: str) -> dict:
    """Makes the folder and returns its size. Raises: ValueError where it cannot be made, or is too large to carry."""
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder}: not empty; name a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    ignored = shutil.ignore_patterns("__pycache__", "*.onnx", "static")
    shutil.copytree(Path(landmarks.__file__).parent, folder / "landmarks", ignore=ignored)
    shutil.copytree(RECIPES, folder / "configs")
    shutil.copyfile(Path(__file__).with_name("carried.py"), folder / "run.py")
    (folder / "README.txt").write_text(_ABOUT, encoding="utf-8")
    _pack_images(folder / "data" / "set", data, data_format)
    write_json(folder / "pack.json", {"data": "data/set", "format": data_format if data else "synthetic"})
    fetch_wheels(folder / "wheels")
    num_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if num_bytes > _MOST_BYTES:
        raise ValueError(f"{folder}: {num_bytes / 2**20:.0f} MiB, more than 60; leave images out of {data} and pack it again")
    print(f"{folder}: {num_bytes / 2**20:.1f} MiB; on the machine with the card: python3 run.py --minutes 9 --json card.json")
    return {"folder": str(folder), "MiB": num_bytes / 2**20}


def _pack_images(output: Path, data: Path | None, data_format: str) -> None:
    output.parent.mkdir(parents=True)
    if data and (data / MANIFEST_NAME).exists():  # a prepared copy already
        shutil.copytree(data, output)
    elif data:
        prepare(data, data_format, output, long_side=_LONG_SIDE, jpeg=_QUALITY)
    else:
        with tempfile.TemporaryDirectory() as folder:
            drawn = write_synthetic_dataset(Path(folder) / "set", num=_FILMS, seed=_SEED, height=_LONG_SIDE)
            prepare(drawn, "synthetic", output, long_side=_LONG_SIDE, jpeg=_QUALITY)


def fetch_wheels(folder: Path) -> None:
    """Wheels, all of pure Python, in the versions that are installed here. Raises: ValueError where pip gets none."""
    folder.mkdir()
    named = [f"{name}=={version(name)}" for name in _WHEELS]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--dest", str(folder), *named]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ValueError(f"--pack: pip cannot fetch {', '.join(named)} ({why}); connect to the network once")
    names = sorted(path.name for path in folder.iterdir())
    (folder / "wheels.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
