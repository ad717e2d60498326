"""What one image costs a network, measured where it is built: jobs on a cluster ask for memory and time by it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn


def network_cost(module: nn.Module, input_shape: Sequence[int]) -> dict[str, int]:
    """Measure a network's forward pass of one image (C, H, W); leave the module as it is.

    `parameters`: numbers that are trained. `flops`: floating-point operations of the linear layers and convolutions,
    two for a multiplication with addition. `activations`: numbers in the outputs of all layers together, and
    `largest_activation` in the largest of them or in the input.
    """
    image = torch.zeros(1, *input_shape, device=next(module.parameters()).device)
    flops, sizes = 0, [image.numel()]

    def seen(layer: nn.Module, _: Any, output: Any) -> None:
        nonlocal flops
        if isinstance(output, Tensor):
            sizes.append(output.numel())
            weight = getattr(layer, "weight", None)
            if isinstance(weight, Tensor) and weight.ndim > 1:
                flops += 2 * output.numel() * weight[0].numel()

    leaves = [layer for layer in module.modules() if not any(layer.children())]
    handles = [layer.register_forward_hook(seen) for layer in leaves]
    training = module.training
    try:
        with torch.no_grad():
            module.eval()(image)
    finally:
        module.train(training)
        for handle in handles:
            handle.remove()
    parameters = sum(parameter.numel() for parameter in module.parameters())
    return {
        "parameters": parameters,
        "flops": flops,
        "activations": sum(sizes[1:]),
        "largest_activation": max(sizes),
    }
