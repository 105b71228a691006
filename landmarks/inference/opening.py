"""Model files, whatever their kind, opened as one network."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from landmarks.inference.ensemble import SUFFIX, MeanNetwork, mean_card, read_ensemble
from landmarks.inference.onnx import open_onnx
from landmarks.inference.radii import Calibration
from landmarks.inference.released import model_file

if TYPE_CHECKING:
    from landmarks.inference.predictor import Network


def open_network(
    named: str | Path | Sequence[str | Path],
    *,
    device: str | None = "auto",
    overrides: Sequence[str] = (),
    calibrated: bool = True,
) -> "Network":
    """The network of a model file, or the mean of several; see `Predictor.load`.

    Raises: ValueError where a file, the device or a setting cannot be used, or models do not fit together.
    """
    files, calibration = model_files(named)
    networks = [_open(file, device, overrides, calibrated) for file in files]
    if len(networks) == 1 and calibration is None:
        return networks[0]
    return MeanNetwork(networks, mean_card([network.card for network in networks], files, calibration))


def model_files(named: str | Path | Sequence[str | Path]) -> tuple[list[Path], Calibration | None]:
    """The files of the networks behind a name or several; and the error radii of an ensemble, where it alone is named.

    Raises: ModelFileError.
    """
    several = [named] if isinstance(named, str | Path) or not isinstance(named, Sequence) else list(named)
    files, calibration = [], None
    for one in several:
        if not isinstance(one, str | Path):
            raise ValueError(f"model: found {type(one).__name__}; give the path of a checkpoint (.pt) or of an ONNX file")
        path = model_file(one)
        if path.suffix.lower() == SUFFIX:
            found = read_ensemble(path)
            files += found.models
            calibration = found.calibration if len(several) == 1 else None
        else:
            files.append(path)
    return files, calibration


def _open(path: Path, device: str | None, overrides: Sequence[str], calibrated: bool) -> "Network":
    if path.suffix.lower() == ".onnx":
        return open_onnx(path, device=device or "auto")
    from landmarks.inference.network import open_checkpoint  # torch is not needed for ONNX

    return open_checkpoint(path, device=device, overrides=overrides, calibrated=calibrated)
