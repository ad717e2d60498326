"""Which weights of a network can be pruned, which are those of its output layer, and which are scales of batch norm."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from lth_core.models.dataflow import applied_last
from lth_core.models.declared import declared_kinds

PRUNABLE_LAYERS = (nn.Linear, _ConvNd)


def prunable_weights(module: nn.Module) -> list[str]:
    """List the weights that can be pruned, by name, in the order in which the module registers them.

    Those that modules declare (declared.py) and, elsewhere, the weights of convolutions and linear layers. Biases, the
    parameters of batch norm and frozen weights that are not declared are not prunable. A weight that several layers
    share counts once, under its first name.
    """
    kinds, decided = declared_kinds(module)
    layers = _layers_by_weight(module)
    ordinary = {
        name
        for name, value in module.named_parameters()
        if value.requires_grad and name not in decided and isinstance(layers.get(name), PRUNABLE_LAYERS)
    }
    return [name for name, _ in module.named_parameters() if name in kinds or name in ordinary]


def batch_norm_scales(module: nn.Module) -> list[str]:
    """List the scales of batch norm by name, one number per channel each."""
    norms = {id(layer.weight) for layer in module.modules() if isinstance(layer, _BatchNorm)}
    return [name for name, value in module.named_parameters() if id(value) in norms]


def _layers_by_weight(module: nn.Module) -> dict[str, nn.Module]:
    return {f"{path}.weight".lstrip("."): layer for path, layer in module.named_modules()}


def unpruned_weights(module: nn.Module) -> dict[str, int]:
    """Map every parameter of two or more axes that is not prunable to its number of weights.

    Where no module declares otherwise, those are embeddings, the weights of recurrent layers and of attention, frozen
    weights, and what other weights are computed from (weight norm, spectral norm). Densities do not count them.
    """
    prunable = {*prunable_weights(module)}
    matrices = {name: value for name, value in module.named_parameters() if value.squeeze().ndim > 1}
    return {name: value.numel() for name, value in matrices.items() if name not in prunable}


def weights_without_filters(module: nn.Module) -> dict[str, str]:
    """Map the prunable weights whose rows are not the filters of a layer to what they are."""
    layers, named = _layers_by_weight(module), {}
    for name in prunable_weights(module):
        if isinstance(layers.get(name), _ConvTransposeNd):
            named[name] = "the weight of a transposed convolution, whose rows are its inputs, not its filters"
        elif not isinstance(layers.get(name), PRUNABLE_LAYERS):
            named[name] = "not the weight of a convolution or linear layer, so that its rows need not be filters"
    return named


def prunable_layers(module: nn.Module, input_shape: Sequence[int]) -> dict[str, str]:
    """Map every prunable weight, in the order of `prunable_weights`, to its kind.

    That is what is declared, or `output`, `conv` or `hidden`. `input_shape` is (C, H, W). The output layer is the one
    that is applied last on the way from the inputs to the outputs, linear or a convolution, wherever the module
    registers it: its rows are the classes. Where outputs are put together from several layers' values, each of these is
    an output layer. Where something else with a matrix of parameters is applied after the last prunable layer, none is.
    """
    (kinds, _), layers = declared_kinds(module), _layers_by_weight(module)
    weights = prunable_weights(module)
    last = set() if kinds.keys() >= {*weights} else applied_last(module, input_shape, weights)
    ordinary = {
        name: "output" if name in last else "conv" if isinstance(layers.get(name), _ConvNd) else "hidden"
        for name in weights
    }
    return {name: kinds.get(name, kind) for name, kind in ordinary.items()}
