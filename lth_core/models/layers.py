"""Which weights of a network can be pruned."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.conv import _ConvNd

PRUNABLE_LAYERS = (nn.Linear, _ConvNd)


def prunable_layers(module: nn.Module) -> dict[str, str]:
    """Weight names of all convolutions and linear layers, in network order, with their kind.

    Network order is the order in which the module registers its layers. The last of them is the `output` layer, be it
    linear or a convolution; the others are `conv` or `hidden` (linear). Biases and batch-norm parameters are not
    prunable. A weight that several layers share counts once, under its first name.
    """
    parameters = dict(module.named_parameters())
    kinds = {}
    for prefix, layer in module.named_modules():
        name = f"{prefix}.weight" if prefix else "weight"
        if isinstance(layer, PRUNABLE_LAYERS) and name in parameters:
            kinds[name] = "conv" if isinstance(layer, _ConvNd) else "hidden"
    if kinds:
        kinds[list(kinds)[-1]] = "output"
    return kinds
