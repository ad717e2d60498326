"""Which weights of a network can be pruned, and whether replicates of it can be computed as one batch."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.conv import _ConvNd

PRUNABLE_LAYERS = (nn.Linear, _ConvNd)

# Deterministic layers without statistics or convolutions; a network of these alone can be stacked.
STACKABLE_LAYERS = (
    nn.Linear,
    nn.Flatten,
    nn.Identity,
    nn.ReLU,
    nn.LeakyReLU,
    nn.ELU,
    nn.GELU,
    nn.SiLU,
    nn.Softplus,
    nn.Tanh,
    nn.Sigmoid,
)


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


def stackable(module: nn.Module) -> bool:
    """Whether the network is a plain sequence of linear layers, activations and flattening.

    The replicates of such a network run faster as one batched computation (`torch.func.vmap`). All others are looped:
    convolutions because that is faster on a CPU, batch norm and dropout because they keep statistics or draw numbers,
    and a module with a forward of its own because it may do any of these.
    """
    if type(module) is nn.Sequential:
        return all(stackable(layer) for layer in module)
    return type(module) in STACKABLE_LAYERS
