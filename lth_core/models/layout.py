"""Channels last: the order of an image's values in memory in which convolutions are fastest, where they are."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn

from lth_core.models.tensors import call
from lth_core.randomness import kept_generators, kept_torch_generators, seed_generators

FEWEST_FILTERS = 8
"""With fewer filters in a layer, float32 convolutions on a CPU are slower channels last: at 4 filters by half."""


def wants_channels_last(module: nn.Module, input_shape: Sequence[int], device: torch.device, precision: str) -> bool:
    """Tell whether a network of 2-D convolutions is faster on images with channels last, as measured on CPUs.

    On a GPU it is what its units for bfloat16 compute on. Modules that flatten with `view`, or compute something else
    from this order, take the other one only.
    """
    filters = [layer.out_channels for layer in module.modules() if isinstance(layer, nn.Conv2d)]
    if not filters or not (precision == "bf16" or (device.type == "cpu" and min(filters) >= FEWEST_FILTERS)):
        return False
    was_training, tensors = module.training, {**dict(module.named_parameters()), **dict(module.named_buffers())}
    images = torch.linspace(-1, 1, 2 * prod(input_shape)).view(2, *input_shape)
    images = images.to(next(module.parameters()).device)
    outputs = []
    with torch.no_grad(), kept_torch_generators(images.device), kept_generators():
        try:
            module.eval()
            for inputs in (images.clone(), channels_last(images)):
                torch.default_generator.manual_seed(0)
                if images.is_cuda:
                    torch.cuda.manual_seed(0)
                seed_generators(0)
                copies = {name: value.detach().clone() for name, value in tensors.items()}
                outputs.append(call(module, copies, inputs))
        except RuntimeError:
            return False
        finally:
            module.train(was_training)
    return torch.allclose(*outputs, rtol=1e-3, atol=1e-4 * float(outputs[0].abs().max()), equal_nan=True)


def channels_last(images: Tensor) -> Tensor:
    """Store images (..., C, H, W) as (..., H, W, C); their shape stays.

    They are copied: where images have one channel, both orders have the same strides, and torch takes the other one.
    """
    *lead, channels, height, width = images.shape
    return images.new_empty(*lead, height, width, channels).movedim(-1, -3).copy_(images)
