"""Films are predicted where torch is not installed."""

import subprocess
import sys

BLOCKED = """
import sys
for name in ("torch", "torchvision", "timm", "albumentations", "onnx"):
    sys.modules[name] = None
import landmarks.inference.onnx, landmarks.inference.prepare, landmarks.inference.decode, landmarks.inference.radii
from landmarks.inference.predictor import Predictor
predictor = Predictor.load(sys.argv[1])
found = predictor(sys.argv[2], as_it_is=True)
print(found.points_px.shape[1], int(found.points_px.sum()))
"""


def test_no_import_of_torch_on_the_way_of_an_onnx_file(onnx_file, synthetic_root):
    film = min((synthetic_root / "test" / "Cephalograms").iterdir())
    words = [sys.executable, "-c", BLOCKED, str(onnx_file), str(film)]
    told = subprocess.run(words, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    assert told.stdout.split()[0] == "29"
