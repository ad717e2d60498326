"""Following the hidden units of a network through its operations, with torch.fx.

Every linear layer and convolution starts a group of units; elementwise operations, pooling, batch norm and depthwise
convolutions keep it, sums merge groups, concatenation lays them side by side, and what consumes a value joins its
group. Inputs and outputs of the network are fixed. What is not understood fixes the units that it takes, or, where all
must be known, is an error.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from lth_core.models.groups import Group, TensorAxis
from lth_core.models.inputs import zeros
from lth_core.models.operations import COMBINING, CONCATENATING, ELEMENTWISE, POOLING, RESHAPING
from lth_core.models.sequences import Heads
from lth_core.models.tracing import traced


class NotUnderstood(Exception):
    """An operation that may do anything to the units."""


def named_tensors(module: nn.Module) -> list[tuple[str, Tensor]]:
    """List parameters and buffers; one that is shared comes once, under its first name."""
    return [*module.named_parameters(), *module.named_buffers()]


def trace_units(module: nn.Module, input_shape: Sequence[int], partly: bool = False) -> list[Group]:
    """List the groups of a module's hidden units, not yet proved, for inputs of the shape of one example.

    Raises NotUnderstood for an operation that is not known or, with `partly`, takes its units for fixed; raises what
    modules raise that cannot be traced.
    """
    tracing = Tracing(module, partly)
    with torch.no_grad():
        tracing.run(zeros(input_shape, 2, next(module.parameters()).device))
    groups = [units for units in tracing.started if units.merged_into is None]
    return [Group(units.size, tuple(sorted(units.axes)), tuple(sorted(units.heads))) for units in groups]


@dataclass(eq=False)
class _Units:
    """A group that may still grow, or turn out to be part of another."""

    size: int
    axes: list[TensorAxis] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    merged_into: _Units | None = None

    def root(self) -> _Units:
        return self if self.merged_into is None else self.merged_into.root()


@dataclass(frozen=True)
class _Part:
    """Units side by side, each as `repeats` entries, `width` entries in all."""

    units: _Units
    width: int
    repeats: int = 1


@dataclass(frozen=True)
class _Carried:
    """What is known of a value in the network: its parts lie along `axis`, one after the other."""

    parts: tuple[_Part, ...]
    axis: int

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """Return the width and repeats of each part."""
        return [(part.width, part.repeats) for part in self.parts]


class Tracing(fx.Interpreter):
    """Runs the traced network on a batch and follows the units through every operation."""

    def __init__(self, module: nn.Module, partly: bool):
        super().__init__(traced(module))
        self.names = {id(tensor): name for name, tensor in named_tensors(module)}
        self.partly = partly
        self.fixed = _Units(0)
        self.started: list[_Units] = []
        self.known: dict[tuple[str, int], _Carried] = {}
        self.used_otherwise: set[str] = set()
        self.carried: dict[fx.Node, _Carried] = {}
        self.shapes: dict[fx.Node, torch.Size] = {}

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        if isinstance(value, int | torch.Size):  # sizes, as in x.view(x.size(0), -1)
            return value
        if isinstance(value, Tensor):
            self.shapes[n] = value.shape
        try:
            if not isinstance(value, Tensor):
                raise NotUnderstood(n)
            self.carried[n] = self._carry(n, value.shape)
        except NotUnderstood:
            if not self.partly:
                raise
            self._fix(n)
        return value

    def _fix(self, n: fx.Node) -> None:
        """Fix all units that a node takes, those of the layer's tensors, and what comes out of it."""
        for node in n.all_input_nodes:
            if node in self.carried:
                self._fix_parts(self.carried[node])
        layer = self.fetch_attr(str(n.target)) if n.op in ("call_module", "get_attr") else None
        tensors = [layer] if isinstance(layer, Tensor) else [*layer.parameters()] if layer is not None else []
        names = {self.names[id(tensor)] for tensor in tensors if id(tensor) in self.names}
        self.used_otherwise |= names
        for (name, _), carried in self.known.items():
            if name in names:
                self._fix_parts(carried)
        self.carried[n] = self._anything()

    def _anything(self) -> _Carried:
        return _Carried((_Part(self.fixed, 0),), 1)

    def _fix_parts(self, carried: _Carried) -> None:
        for part in carried.parts:
            self._merge(part.units, self.fixed)

    def _is_fixed(self, carried: _Carried) -> bool:
        return all(part.units.root() is self.fixed for part in carried.parts)

    def _carry(self, n: fx.Node, shape: torch.Size) -> _Carried:
        """What is known of the node's value, whose shape is given."""
        inputs = [node for node in n.all_input_nodes if node in self.carried]
        if n.op == "output":
            self._fix_parts(self.carried[inputs[0]])
        if n.op in ("placeholder", "output"):
            return self._anything()
        if not inputs or any(node not in self.shapes for node in inputs):  # a tensor of the module itself, a tuple
            raise NotUnderstood(n)
        first, before = self.carried[inputs[0]], self.shapes[inputs[0]]
        layer = self.fetch_attr(str(n.target)) if n.op == "call_module" else None
        operation = type(layer) if layer else n.target
        if isinstance(layer, _BatchNorm | nn.Linear | _ConvNd):
            return self._through_layer(layer, first, before, shape)
        if operation in COMBINING:
            return self._combined(inputs, shape)
        if operation in CONCATENATING:
            return self._side_by_side(n, shape)
        if len(inputs) == 1 and operation in ELEMENTWISE:
            return first
        if len(inputs) == 1 and operation in RESHAPING:
            return self._reshaped(first, before, shape)
        of_pixels = first.axis == 1 and len(before) > 2
        if len(inputs) == 1 and operation in POOLING and of_pixels and shape[:2] == before[:2]:
            return first
        if isinstance(layer, Heads):
            others = [node for node in inputs[1:] if not self._is_fixed(self.carried[node])]
            return self._heads(str(n.target), layer, first, before, others)
        raise NotUnderstood(n)

    # ------------------------------------------------------------ layers

    def _through_layer(self, layer: Any, carried: _Carried, before: torch.Size, after: torch.Size) -> _Carried:
        axis = len(before) - 1 if isinstance(layer, nn.Linear) else 1
        if isinstance(layer, _ConvNd) and len(before) != layer.weight.ndim:  # a single example
            raise NotUnderstood(layer)
        if carried.axis != axis and not self._is_fixed(carried):
            raise NotUnderstood(layer)
        if isinstance(layer, _BatchNorm):
            for tensor in (layer.weight, layer.bias, layer.running_mean, layer.running_var):
                self._lay_along(tensor, 0, carried)
            return carried
        groups = getattr(layer, "groups", 1)
        if isinstance(layer, _ConvTransposeNd) or groups not in (1, before[1]):
            raise NotUnderstood(layer)
        if groups > 1:
            return self._depthwise(layer, carried, after[1] // groups)
        units = _Units(len(layer.weight))
        self.started.append(units)
        outputs = _Carried((_Part(units, units.size),), axis)
        self._lay_along(layer.weight, 1, carried)
        self._lay_along(layer.weight, 0, outputs)
        self._lay_along(layer.bias, 0, outputs)
        return outputs

    def _depthwise(self, layer: Any, carried: _Carried, times: int) -> _Carried:
        """Each channel becomes `times` channels, by itself."""
        outputs = _repeated(carried, times)
        for tensor in (layer.weight, layer.bias):
            self._lay_along(tensor, 0, outputs)
        return outputs

    def _heads(
        self, path: str, layer: Heads, carried: _Carried, before: torch.Size, others: Sequence[fx.Node]
    ) -> _Carried:
        """The rows of queries, keys and values become units together: those of a head are one."""
        rows, width = carried.parts[0].units.root(), before[-1] // 3
        if others or len(carried.parts) > 1 or carried.axis != len(before) - 1 or rows.size != before[-1]:
            raise NotUnderstood(path)
        if any(along.repeats != 1 or along.first or along.axis for along in rows.axes):
            raise NotUnderstood(path)
        size = width // layer.heads
        of_heads = _Units(layer.heads, heads=[path])
        of_heads.axes = [
            TensorAxis(along.tensor, 0, size, kind * width) for along in rows.axes for kind in range(3)
        ]  # fmt: skip
        rows.axes = []
        self._merge(rows, self.fixed)  # whatever else takes single rows
        self.started.append(of_heads)
        return _Carried((_Part(of_heads, width, size),), carried.axis)

    def _lay_along(self, tensor: Tensor | None, axis: int, carried: _Carried) -> None:
        """Let the units lie along an axis of a tensor; a tensor that is used twice has the same units both times."""
        if tensor is None:
            return
        name = self.names[id(tensor)]
        if name in self.used_otherwise:
            self._fix_parts(carried)
        known = self.known.setdefault((name, axis), carried)
        if known is carried:
            first = 0
            for part in carried.parts:
                part.units.root().axes.append(TensorAxis(name, axis, part.repeats, first))
                first += part.width
        self._merge_parts(known, carried)

    # ------------------------------------------------------------ values

    def _merge(self, one: _Units, other: _Units) -> None:
        one, other = one.root(), other.root()
        if one is other:
            return
        if one is self.fixed:
            one, other = other, one
        other.axes += one.axes
        other.heads += one.heads
        one.merged_into = other

    def _merge_parts(self, one: _Carried, other: _Carried) -> None:
        if self._is_fixed(one) or self._is_fixed(other):
            self._fix_parts(one)
            self._fix_parts(other)
        elif one.shapes != other.shapes:
            raise NotUnderstood(one)
        else:
            for part, same in zip(one.parts, other.parts, strict=True):
                self._merge(part.units, same.units)

    def _combined(self, inputs: Iterable[fx.Node], shape: torch.Size) -> _Carried:
        """Values combined entry by entry: unit i of one with unit i of the other, at one position or all."""
        nodes = [*inputs]
        first = next((self.carried[node] for node in nodes if not self._is_fixed(self.carried[node])), None)
        if first is None:
            return self._anything()
        for node in nodes:
            carried, size = self.carried[node], self.shapes[node]
            alike = len(size) == len(shape) and size[first.axis] == shape[first.axis]
            if not alike or (carried.axis != first.axis and not self._is_fixed(carried)):
                raise NotUnderstood(node)
            self._merge_parts(first, carried)
        return first

    def _side_by_side(self, n: fx.Node, shape: torch.Size) -> _Carried:
        """Values concatenated along the axis of their units."""
        nodes: Any = n.args[0] if n.args else n.kwargs["tensors"]
        axis: Any = n.args[1] if len(n.args) > 1 else n.kwargs.get("dim", n.kwargs.get("axis", 0))
        axis, parts = axis % len(shape), []
        for node in nodes:
            carried = self.carried[node]
            if self._is_fixed(carried):
                parts.append(_Part(self.fixed, self.shapes[node][axis]))
            elif carried.axis == axis:
                parts += carried.parts
            else:
                raise NotUnderstood(n)
        return _Carried(tuple(parts), axis)

    def _reshaped(self, carried: _Carried, before: torch.Size, after: torch.Size) -> _Carried:
        """(N, units, ...) -> (N, units x ...): each unit becomes as many entries as it had positions."""
        if before == after or self._is_fixed(carried):
            return carried
        if carried.axis != 1 or after != (before[0], math.prod(before[1:])):
            raise NotUnderstood(after)
        return _repeated(replace(carried, axis=1), math.prod(before[2:]))


def _repeated(carried: _Carried, times: int) -> _Carried:
    """Each unit with `times` as many entries."""
    parts = (replace(part, width=part.width * times, repeats=part.repeats * times) for part in carried.parts)
    return replace(carried, parts=tuple(parts))
