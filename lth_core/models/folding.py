"""Folding: masks, norms and other parametrizations of weights -> ordinary weights with the same values."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize, prune
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

COMPUTING_HOOKS = (prune.BasePruningMethod, WeightNorm, SpectralNorm)
"""What computes a weight anew before each call of its layer. Each has a `remove` that makes the weight a parameter."""


def folded(module: nn.Module) -> nn.Module:
    """Copy a module in evaluation mode, its weights as they are used: what computes them is gone.

    That is masks (`torch.nn.utils.prune`, `prune_masks`), weight norm, spectral norm and any other parametrization. The
    module itself keeps them.
    """
    training = {layer: layer.training for layer in module.modules()}
    try:
        module.eval()
        with torch.no_grad():
            for layer, _, hook in _computing_hooks(module):
                hook(layer, None)  # torch copies no tensor that has a gradient's history
        small = copy.deepcopy(module)
    finally:
        for layer, was_training in training.items():
            layer.training = was_training
    _unparametrize(small)  # first, because a hook may compute from what is masked
    for layer, key, hook in list(_computing_hooks(small)):
        hook.remove(layer)
        del layer._forward_pre_hooks[key]
    return small


def _unparametrize(module: nn.Module) -> None:
    """Make parametrized tensors ordinary ones, in place; weights that layers share stay shared.

    Not by `remove_parametrizations`: a copy has the class of its original, from which that would take the tensor, too.
    """
    made: dict[tuple[int, ...], Tensor] = {}
    for layer in list(module.modules()):
        if not parametrize.is_parametrized(layer):
            continue
        tensors: dict[str, Tensor] = {}
        for name, computed in layer.parametrizations.items():  # type: ignore[union-attr]
            value, originals = getattr(layer, name).detach().clone(), tuple(map(id, computed.parameters()))
            shared = made.get(originals)
            if shared is None or not torch.equal(shared, value):
                shared = made[originals] = nn.Parameter(value) if originals else value
            tensors[name] = shared
        del layer.parametrizations
        layer.__class__ = type(layer).__bases__[0]
        for name, value in tensors.items():
            if isinstance(value, nn.Parameter):
                layer.register_parameter(name, value)
            else:
                layer.register_buffer(name, value)


def _computing_hooks(module: nn.Module) -> Iterator[tuple[nn.Module, int, Any]]:
    for layer in module.modules():
        for key, hook in layer._forward_pre_hooks.items():
            if isinstance(hook, COMPUTING_HOOKS):
                yield layer, key, hook
