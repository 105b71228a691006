"""A network's outputs without gradients, in as many passes as the device's memory asks for."""

import torch
from torch import nn

from landmarks.device import autocast, is_out_of_memory


@torch.no_grad()
def forward_in_parts(network: nn.Module, images: torch.Tensor, device: torch.device, precision: str) -> torch.Tensor:
    """uint8 images [B, 1, H, W] on any device -> float32 outputs [B, ...] on `device`, in eval mode.

    A batch that the memory does not hold is halved. Raises: ValueError where one image does not fit.
    """
    was_training = network.training
    network.eval()
    try:
        with autocast(device, precision):
            return network(images.to(device, non_blocking=True)).float()
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
    finally:
        network.train(was_training)
    # outside the handler, where no traceback keeps tensors alive
    if device.type == "cuda":
        torch.cuda.empty_cache()
    if len(images) == 1:
        raise ValueError(f"out of memory: not even one image of {tuple(images.shape[2:])} px fits {device}")
    return torch.cat([forward_in_parts(network, half, device, precision) for half in images.chunk(2)])
