"""Permutation symmetries of a network: groups of hidden units that can be permuted without changing the function.

Found by tracing the module with torch.fx: every linear layer and convolution starts a group of units, elementwise
operations, pooling and batch norm keep it, sums merge groups, and what consumes a value joins its group. Inputs and
outputs of the network stay where they are. What is not understood gives None, never a wrong answer.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from lth_core.models.tensors import call
from lth_core.models.tracing import traced
from lth_core.randomness import random_generator
from lth_core.storage.tensors import Tensors


@dataclass(frozen=True, order=True)
class TensorAxis:
    """An axis of a tensor along which a group's units lie, each as `repeats` entries that follow one another."""

    tensor: str
    axis: int
    repeats: int = 1


@dataclass(frozen=True)
class Group:
    """`size` units that keep the function if they are permuted along all their axes at once."""

    size: int
    axes: tuple[TensorAxis, ...]

    def permute(self, weights: Tensors, order: np.ndarray) -> Tensors:
        """Return the tensors of one replicate with unit order[i] at position i."""
        changed = dict(weights)
        for along in self.axes:
            entries = order[:, None] * along.repeats + np.arange(along.repeats)
            changed[along.tensor] = np.take(changed[along.tensor], entries.ravel(), axis=along.axis)
        return changed


def symmetries(module: nn.Module, input_shape: Sequence[int]) -> list[Group] | None:
    """List the groups of a network for inputs of a shape (C, H, W); None when it cannot be traced.

    The groups are proved before they are returned: with random weights, the permuted network computes the same function
    on random inputs.
    """
    was_training = module.training
    try:
        groups = _trace(module.eval(), input_shape)
        return groups if _hold(module, input_shape, groups) else None
    except Exception:  # whatever a user's module does that tracing or double precision does not survive
        return None
    finally:
        module.train(was_training)


def _hold(module: nn.Module, input_shape: Sequence[int], groups: Sequence[Group]) -> bool:
    """Whether moving every unit of every group leaves the outputs as they are, in double precision."""
    rng = random_generator(0, "symmetries")
    weights = {name: _random_values(tensor, rng) for name, tensor in _named_tensors(module)}
    moved = weights
    for group in groups:
        cycle, order = rng.permutation(group.size), np.empty(group.size, np.int64)
        order[cycle] = np.roll(cycle, 1)  # one cycle through all units
        moved = group.permute(moved, order)
    device = next(module.parameters()).device
    inputs = torch.from_numpy(rng.standard_normal((2, *input_shape))).to(device)
    with torch.no_grad():
        first, second = (
            call(module, {name: torch.from_numpy(value).to(device) for name, value in arrays.items()}, inputs.clone())
            for arrays in (weights, moved)
        )
    return bool((first - second).abs().max() <= 1e-9 * first.abs().max())


def _random_values(tensor: Tensor, rng: np.random.Generator) -> np.ndarray:
    """Values that all matter: of size 1 for what is added or scaled by, keeping the size of what is multiplied."""
    if not tensor.is_floating_point():
        return tensor.cpu().numpy()
    if tensor.ndim < 2:
        return rng.uniform(0.5, 1.5, tensor.shape)
    return rng.standard_normal(tensor.shape) * math.sqrt(2 * len(tensor) / tensor.numel())


def _named_tensors(module: nn.Module) -> list[tuple[str, Tensor]]:
    """Parameters and buffers; one that is shared comes once, under its first name."""
    return [*module.named_parameters(), *module.named_buffers()]


# ---------------------------------------------------------------- tracing

_ELEMENTWISE = {
    *(nn.Identity, nn.Dropout, nn.Dropout2d, functional.dropout, functional.dropout2d),  # out of training
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.SELU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid, nn.Softplus),
    *(functional.relu, functional.relu6, functional.leaky_relu, functional.elu, functional.selu, functional.gelu),
    *(functional.silu, functional.softplus, torch.relu, torch.tanh, torch.sigmoid),
    *("relu", "relu_", "tanh", "sigmoid", "contiguous"),
}
_POOLING = {
    *(nn.MaxPool1d, nn.MaxPool2d, nn.AvgPool1d, nn.AvgPool2d),
    *(nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d),
    *(functional.max_pool1d, functional.max_pool2d, functional.avg_pool1d, functional.avg_pool2d),
    *(functional.adaptive_avg_pool1d, functional.adaptive_avg_pool2d),
    *(functional.adaptive_max_pool1d, functional.adaptive_max_pool2d),
    *(torch.mean, torch.sum, torch.amax, "mean", "sum", "amax"),
}
_RESHAPING = {nn.Flatten, torch.flatten, torch.reshape, "flatten", "reshape", "view"}
_COMBINING = {
    operator.add,
    operator.iadd,
    operator.sub,
    operator.mul,
    operator.imul,
    torch.add,
    torch.mul,
    "add",
    "add_",
}


class _NotUnderstood(Exception):
    """An operation that may do anything to the units."""


@dataclass(eq=False)
class _Units:
    """A group that may still grow, or be found to be part of another."""

    size: int
    axes: list[TensorAxis] = field(default_factory=list)
    merged_into: _Units | None = None

    def root(self) -> _Units:
        return self if self.merged_into is None else self.merged_into.root()


@dataclass(frozen=True)
class _Carried:
    """What is known of a value in the network: its units lie along `axis`, each as `repeats` entries."""

    units: _Units
    axis: int
    repeats: int = 1


def _trace(module: nn.Module, input_shape: Sequence[int]) -> list[Group]:
    tracing = _Tracing(module)
    with torch.no_grad():
        tracing.run(torch.zeros(2, *input_shape, device=next(module.parameters()).device))
    groups = [units for units in tracing.started if units.merged_into is None]
    return [Group(units.size, tuple(sorted(units.axes))) for units in groups]


class _Tracing(fx.Interpreter):
    """Runs the traced network on a batch and follows the units through every operation."""

    def __init__(self, module: nn.Module):
        super().__init__(traced(module))
        self.names = {id(tensor): name for name, tensor in _named_tensors(module)}
        self.fixed = _Units(0)
        self.started: list[_Units] = []
        self.known: dict[tuple[str, int], _Carried] = {}
        self.carried: dict[fx.Node, _Carried] = {}
        self.shapes: dict[fx.Node, torch.Size] = {}

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        if isinstance(value, Tensor):
            self.shapes[n] = value.shape
            self.carried[n] = self._carry(n, value.shape)
        elif not isinstance(value, int | torch.Size):  # sizes, as in x.view(x.size(0), -1)
            raise _NotUnderstood(n)
        return value

    def _carry(self, n: fx.Node, shape: torch.Size) -> _Carried:
        """What is known of the node's value, whose shape is given."""
        inputs = [node for node in n.all_input_nodes if node in self.carried]
        if n.op == "output":
            self._merge(self.carried[inputs[0]].units, self.fixed)
        if n.op in ("placeholder", "output"):
            return _Carried(self.fixed, 1)
        if not inputs:  # a tensor of the module itself
            raise _NotUnderstood(n)
        first, before = self.carried[inputs[0]], self.shapes[inputs[0]]
        layer = self.fetch_attr(str(n.target)) if n.op == "call_module" else None
        operation = type(layer) if layer else n.target
        if isinstance(layer, _BatchNorm | nn.Linear | _ConvNd):
            return self._through_layer(layer, first, before)
        if operation in _COMBINING:
            return self._combined(inputs, shape)
        if len(inputs) == 1 and operation in _ELEMENTWISE:
            return first
        if len(inputs) == 1 and operation in _RESHAPING:
            return self._reshaped(first, before, shape)
        over_positions = first.axis == 1 and first.repeats == 1 and shape[:2] == before[:2]
        if len(inputs) == 1 and operation in _POOLING and over_positions:
            return first
        raise _NotUnderstood(n)

    def _through_layer(self, layer: Any, carried: _Carried, shape: torch.Size) -> _Carried:
        axis = len(shape) - 1 if isinstance(layer, nn.Linear) else 1
        if carried.axis != axis and carried.units.root() is not self.fixed:
            raise _NotUnderstood(layer)
        if isinstance(layer, _BatchNorm):
            for tensor in (layer.weight, layer.bias, layer.running_mean, layer.running_var):
                self._lay_along(tensor, 0, carried)
            return carried
        if isinstance(layer, _ConvTransposeNd) or getattr(layer, "groups", 1) != 1:
            raise _NotUnderstood(layer)
        units = _Units(len(layer.weight))
        self.started.append(units)
        outputs = _Carried(units, axis)
        self._lay_along(layer.weight, 1, carried)
        self._lay_along(layer.weight, 0, outputs)
        self._lay_along(layer.bias, 0, outputs)
        return outputs

    def _lay_along(self, tensor: Tensor | None, axis: int, carried: _Carried) -> None:
        """Let the units lie along an axis of a tensor; a tensor that is used twice has the same units both times."""
        if tensor is None:
            return
        along = TensorAxis(self.names[id(tensor)], axis, carried.repeats)
        known = self.known.setdefault((along.tensor, axis), carried)
        if known is carried:
            carried.units.root().axes.append(along)
        elif known.repeats != carried.repeats:
            raise _NotUnderstood(along)
        self._merge(known.units, carried.units)

    def _merge(self, one: _Units, other: _Units) -> None:
        one, other = one.root(), other.root()
        if one is other:
            return
        if one is self.fixed:
            one, other = other, one
        other.axes += one.axes
        one.merged_into = other

    def _combined(self, inputs: Sequence[fx.Node], shape: torch.Size) -> _Carried:
        """Values combined entry by entry: unit i of one with unit i of the other."""
        first = self.carried[inputs[0]]
        for node in inputs:
            carried = self.carried[node]
            if self.shapes[node] != shape or (carried.axis, carried.repeats) != (first.axis, first.repeats):
                raise _NotUnderstood(node)
            self._merge(first.units, carried.units)
        return first

    @staticmethod
    def _reshaped(carried: _Carried, before: torch.Size, after: torch.Size) -> _Carried:
        """(N, units, ...) -> (N, units x ...): each unit becomes as many entries as it had positions."""
        if before == after:
            return carried
        if carried.axis != 1 or after != (before[0], math.prod(before[1:])):
            raise _NotUnderstood(after)
        return _Carried(carried.units, 1, carried.repeats * math.prod(before[2:]))
