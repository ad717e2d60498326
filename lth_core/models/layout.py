"""Channels last: the order of an image's values in memory in which convolutions are fastest, where they are."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

FEWEST_FILTERS = 8
"""With fewer filters in a layer, float32 convolutions on a CPU are slower channels last: at 4 filters by half."""


def wants_channels_last(module: nn.Module, input_shape: Sequence[int], device: torch.device, precision: str) -> bool:
    """Tell whether a network of 2-D convolutions is faster on images with channels last, as measured on CPUs.

    On a GPU it is what its units for bfloat16 compute on. Modules that flatten with `view` take the other order only.
    """
    filters = [layer.out_channels for layer in module.modules() if isinstance(layer, nn.Conv2d)]
    if not filters or not (precision == "bf16" or (device.type == "cpu" and min(filters) >= FEWEST_FILTERS)):
        return False
    copy = deepcopy(module).eval()
    with torch.no_grad(), torch.random.fork_rng():
        try:
            copy(channels_last(torch.zeros(2, *input_shape, device=next(copy.parameters()).device)))
        except RuntimeError:
            return False
    return True


def channels_last(images: Tensor) -> Tensor:
    """Store images (..., C, H, W) as (..., H, W, C); their shape stays.

    They are copied: where images have one channel, both orders have the same strides, and torch takes the other one.
    """
    *lead, channels, height, width = images.shape
    return images.new_empty(*lead, height, width, channels).movedim(-1, -3).copy_(images)
