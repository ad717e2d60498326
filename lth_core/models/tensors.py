"""A network's tensors: what is trained, what is stored of it, and how a module takes stored values back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from lth_core.models.requirements import ModelError


def stored_tensors(module: nn.Module) -> dict[str, Tensor]:
    """Return the module's own parameters and persistent buffers by name, each once.

    What several layers share has its first name. Buffers that are not persistent are constants of the network, which
    its factory makes.
    """
    once = {name for name, _ in (*module.named_parameters(), *module.named_buffers())}
    return {name: tensor for name, tensor in module.state_dict(keep_vars=True).items() if name in once}


@torch.no_grad()
def load_tensors(module: nn.Module, values: Mapping[str, np.ndarray]) -> None:
    """Copy one replicate's values into the module, in place, so that what layers share stays shared."""
    for name, tensor in stored_tensors(module).items():
        tensor.copy_(torch.from_numpy(np.array(values[name])))


def names_of_layers(module: nn.Module) -> dict[str, str]:
    """Map, for every layer and each of its parameters and buffers, the name to the first one of the same tensor."""
    named = [*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False)]
    first: dict[int, str] = {}
    for name, tensor in named:
        first.setdefault(id(tensor), name)
    layers = {f"{path}.".lstrip(".") for path, _ in module.named_modules()}  # each once, under its first path
    return {name: first[id(tensor)] for name, tensor in named if name[: name.rfind(".") + 1] in layers}


def call(
    module: nn.Module, tensors: Mapping[str, Tensor], inputs: Tensor, names: Mapping[str, str] | None = None
) -> Any:
    """Call a module with other tensors than its own, given by their first names; those left out are its own.

    Tensors that it assigns to its buffers are copied into those that were given. `names` are those of
    `names_of_layers`, if they are known. (torch's `functional_call` by itself leaves the given tensors in a layer that
    is applied twice: it puts them in once for each of its names, and takes the second for what was there before.)
    """
    given = {name: tensors[first] for name, first in (names or names_of_layers(module)).items() if first in tensors}
    before = dict(given)
    outputs = functional_call(module, given, (inputs,), tie_weights=False)
    for name, value in given.items():  # where it notes what the module has assigned
        if value is not before[name]:
            _assign(name, before[name], value)
    return outputs


@torch.no_grad()
def _assign(name: str, buffer: Tensor, value: Tensor) -> None:
    if buffer.requires_grad:
        raise ModelError(f"'{name}' is a parameter that forward assigns: it cannot be trained")
    if value.shape != buffer.shape:
        raise ModelError(f"'{name}' is {tuple(buffer.shape)} and becomes {tuple(value.shape)}: it must keep its shape")
    buffer.copy_(value)
