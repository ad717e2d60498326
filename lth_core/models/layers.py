"""Which weights of a network can be pruned, and which of them are those of its output layer."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from lth_core.models.dataflow import applied_last

PRUNABLE_LAYERS = (nn.Linear, _ConvNd)


def prunable_weights(module: nn.Module) -> list[str]:
    """List the weights of all convolutions and linear layers by name, in the order in which the module registers them.

    Biases, the parameters of batch norm and frozen weights are not prunable. A weight that several layers share counts
    once, under its first name.
    """
    parameters = {name: value for name, value in module.named_parameters() if value.requires_grad}
    names = {f"{path}.weight".lstrip("."): layer for path, layer in module.named_modules()}
    return [name for name, layer in names.items() if isinstance(layer, PRUNABLE_LAYERS) and name in parameters]


def unpruned_weights(module: nn.Module) -> dict[str, int]:
    """Map every parameter of two or more axes that is not prunable to its number of weights.

    Those are embeddings, the weights of recurrent layers and of attention, frozen weights, and what other weights are
    computed from (weight norm, spectral norm). Densities do not count them.
    """
    prunable = {*prunable_weights(module)}
    matrices = {name: value for name, value in module.named_parameters() if value.squeeze().ndim > 1}
    return {name: value.numel() for name, value in matrices.items() if name not in prunable}


def transposed_weights(module: nn.Module) -> list[str]:
    """List the weights of transposed convolutions, whose rows are inputs, not filters."""
    layers = dict(module.named_modules())
    return [name for name in prunable_weights(module) if isinstance(layers[name.rpartition(".")[0]], _ConvTransposeNd)]


def prunable_layers(module: nn.Module, input_shape: Sequence[int]) -> dict[str, str]:
    """Map every prunable weight, in the order of `prunable_weights`, to its kind: `output`, `conv` or `hidden`.

    `input_shape` is (C, H, W). The output layer is the one that is applied last on the way from the inputs to the
    outputs, linear or a convolution, wherever the module registers it: its rows are the classes. Where outputs are put
    together from several layers' values, each of these is an output layer. Where something else with a matrix of
    parameters is applied after the last prunable layer, none is.
    """
    last = applied_last(module, input_shape, prunable_weights(module))
    kinds = {}
    for name in prunable_weights(module):
        layer = module.get_submodule(name.rpartition(".")[0])
        kinds[name] = "output" if name in last else "conv" if isinstance(layer, _ConvNd) else "hidden"
    return kinds
