"""Which weights of a network can be pruned, and which of them are those of its output layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from lth_core.models.declared import declared_kinds
from lth_core.models.tensors import call

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
    last = set() if kinds.keys() >= {*weights} else _applied_last(module, input_shape)
    ordinary = {
        name: "output" if name in last else "conv" if isinstance(layers.get(name), _ConvNd) else "hidden"
        for name in weights
    }
    return {name: kinds.get(name, kind) for name, kind in ordinary.items()}


# ---------------------------------------------------------------- what is applied last

Node = Any
"""An operation of the graph that autograd records, or a leaf: a tensor, its `variable`."""


def _applied_last(module: nn.Module, input_shape: Sequence[int]) -> set[str]:
    """Name the parameters of two or more axes that values from the inputs meet last on their ways to the outputs.

    The graph that autograd records of one evaluation shows them whether a layer is called or its weight is used in
    another way, as attention uses that of its output projection.
    """
    parameters = dict(module.named_parameters())
    copies = {name: value.detach().requires_grad_() for name, value in parameters.items()}  # frozen ones, too
    matrices = {id(value): name for part in (parameters, copies) for name, value in part.items() if value.ndim > 1}
    device = next((value.device for value in parameters.values()), None)
    training = module.training
    with torch.enable_grad():
        images = torch.zeros(2, *input_shape, device=device, requires_grad=True)
        try:
            inputs = images.clone()  # modules may change them in place
            outputs = call(module.eval(), copies, inputs)
        finally:
            module.train(training)
    return _met_last([tensor.grad_fn for tensor in tensors_in(outputs) if tensor.grad_fn], images, matrices)


def _met_last(outputs: Sequence[Node], images: Tensor, matrices: Mapping[int, str]) -> set[str]:
    """Go back from the outputs, on every way as far as the first operation of images with some matrices: their names.

    `matrices` are the names of tensors by their `id`.
    """
    from_images: set[Node] = set()
    used: dict[Node, set[str]] = {}  # matrices, by what is computed without images, such as a weight's transpose
    for node in _sources_first(outputs):
        leaf, sources = getattr(node, "variable", None), _sources(node)
        looks_up = node.name().startswith("Embedding")  # by whole numbers, which gradients do not go through
        if leaf is images or looks_up or not from_images.isdisjoint(sources):
            from_images.add(node)
        else:
            used[node] = {matrices[id(leaf)]} if id(leaf) in matrices else set()
            used[node].update(*(used[source] for source in sources))
    last: set[str] = set()
    seen, left = set(outputs), [node for node in outputs if node in from_images]
    while left:
        sources = _sources(left.pop())
        met = set().union(*(used[source] for source in sources if source in used))
        last |= met
        if not met:
            left += (source for source in sources if source in from_images and source not in seen)
            seen.update(sources)
    return last


def _sources(node: Node) -> list[Node]:
    """List the operations and leaves whose values an operation takes."""
    return [source for source, _ in node.next_functions if source is not None]


def _sources_first(outputs: Sequence[Node]) -> Iterator[Node]:
    """Go through a graph, each operation after those that it takes values from."""
    seen: set[Node] = set()
    left = [(node, False) for node in outputs]
    while left:
        node, done = left.pop()
        if done:
            yield node
        elif node not in seen:
            seen.add(node)
            left += [(node, True), *((source, False) for source in _sources(node))]


def tensors_in(outputs: Any) -> Iterator[Tensor]:
    """Go through the tensors in whatever a module returns."""
    if isinstance(outputs, Tensor):
        yield outputs
    elif isinstance(outputs, dict | list | tuple):
        for part in outputs.values() if isinstance(outputs, dict) else outputs:
            yield from tensors_in(part)
