"""A landmark network that starts from the weights of another one."""

import torch

from landmarks.models.hrnet import HRNet
from landmarks.schema import LandmarkSet


def start_from(network: HRNet, landmarks: LandmarkSet, weights: dict[str, torch.Tensor], known: LandmarkSet) -> str:
    """Takes over what fits; maps of landmarks that both know go by symbol.

    Args:
        landmarks: of the network.
        weights: of the other network, whose landmarks are `known`.
    Returns: what was loaded and what was not. Raises: ValueError where nothing fits.
    """
    common, own, weights = landmarks.common_with(known), network.state_dict(), dict(weights)
    here, there = ([s.index(symbol) for symbol in common] for s in (landmarks, known))
    for key in ("head.final.weight", "head.final.bias"):
        rows = weights.pop(key, None)
        if rows is not None and rows.shape[1:] == own[key].shape[1:]:
            own[key][here] = rows[there]
    fits = {key: value for key, value in weights.items() if key in own and own[key].shape == value.shape}
    if not any(key.startswith("backbone.") for key in fits):
        raise ValueError("none of its weights fit this backbone; set model.backbone as it was trained")
    network.load_state_dict({**own, **fits})
    left = len(own) - len(fits) - 2
    new = [symbol for symbol in landmarks.symbols if symbol not in common]
    return (
        f"loaded {len(fits)} tensors and {len(common)} landmark maps; "
        f"not loaded: {left} tensors, new landmarks: {', '.join(new) or 'none'}"
    )
