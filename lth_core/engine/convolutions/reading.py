"""Reading a module as a network of convolutions, by tracing it with torch.fx.

What is not understood gives None, and the network is computed by autograd.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional

from lth_core.engine.batch_norm import PreciseBatchNorm
from lth_core.engine.convolutions.fusing import fused
from lth_core.engine.convolutions.network import (
    Average,
    BatchNorm,
    Convolution,
    ConvolutionNetwork,
    Linear,
    MaxPool,
    Shape,
    Step,
    Sum,
)
from lth_core.engine.linear_network import altered
from lth_core.models.tracing import Tracer


def read_network(module: nn.Module, input_shape: Sequence[int]) -> ConvolutionNetwork | None:
    """Read a module for images (C, H, W), if it is made of what is known here, the same in training and evaluation.

    Layers with hooks, weights that are computed or shared, and parameters that the outputs do not depend on are not.
    """
    names = [name for name, _ in module.named_parameters(remove_duplicate=False)]
    if not any(type(layer) is nn.Conv2d for layer in module.modules()) or len(input_shape) != 3:
        return None
    if len(names) > len(list(module.parameters())) or any(altered(part) for part in module.modules()):
        return None
    was_training, (channels, rows, columns) = module.training, input_shape
    try:
        read = [_read(module.train(training), (channels, rows, columns)) for training in (True, False)]
    except Exception:  # whatever a user's module does that tracing does not survive
        return None
    finally:
        module.train(was_training)
    network = read[0]
    if network != read[1] or not network.convolutions or sorted(network.parameters) != sorted(names):
        return None
    return network


class _NotUnderstood(Exception):
    """Something that is not known here."""


class _Tracer(Tracer):
    """Keeps `+=`, which torch.fx takes for a sum, as what it is: it changes the value under its other names, too."""

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Value(node, self)


class _Value(fx.Proxy):
    def __iadd__(self, other: Any) -> Any:
        return self.tracer.create_proxy("call_function", operator.iadd, (self, other), {})


@dataclass(frozen=True)
class _Read:
    """A value of the traced graph: its number, and whether it has been flattened."""

    number: int
    flat: bool = False


def _read(module: nn.Module, input_shape: Shape) -> ConvolutionNetwork:
    reader = _Reader(module, input_shape)
    for node in _Tracer().trace(module).nodes:
        reader.read(node)
    if reader.output != reader.steps[-1].target or reader.shapes[-1][1:] != (1, 1):
        raise _NotUnderstood(reader.output)
    return fused(ConvolutionNetwork(tuple(reader.steps), tuple(reader.shapes)))


class _Reader:
    """Goes through the nodes of a graph, in their order."""

    def __init__(self, module: nn.Module, input_shape: Shape):
        self.module = module
        self.shapes = [input_shape]
        self.steps: list[Step] = []
        self.values: dict[fx.Node, _Read] = {}
        self.output = -1

    def read(self, node: fx.Node) -> None:
        """Take in one node. Raises _NotUnderstood."""
        if node.op == "placeholder":
            if self.values:
                raise _NotUnderstood(node)
            self.values[node] = _Read(0)
        elif node.op == "output":
            (value,) = node.args
            self.output = self.values[value].number  # pyright: ignore[reportArgumentType]
        elif node.op == "call_method" and node.target == "size":
            pass  # of examples, for view
        elif node.op == "call_module":
            self._layer(node, str(node.target), self.module.get_submodule(str(node.target)))
        elif node.op in ("call_function", "call_method"):
            self._function(node)
        else:
            raise _NotUnderstood(node)

    def _layer(self, node: fx.Node, path: str, layer: Any) -> None:
        (argument,) = node.args
        read = self.values[argument]  # pyright: ignore[reportArgumentType]
        kind, source, name = type(layer), read.number, f"{path}.".lstrip(".")
        if kind in (nn.Conv2d, nn.Linear) and read.flat == (kind is nn.Linear):
            bias = f"{name}bias" if layer.bias is not None else None
            if kind is nn.Conv2d:
                self._convolution(node, layer, source, f"{name}weight", bias)
            else:
                step = Linear(source, self.next, f"{name}weight", bias, False)
                self._add(node, step, (layer.out_features, 1, 1), flat=True)
        elif kind in (nn.BatchNorm2d, PreciseBatchNorm) and self._reads(layer) and not read.flat:
            self._add(node, BatchNorm(source, self.next, path, None, False), self.shapes[source])
        elif kind is nn.Flatten and (layer.start_dim, layer.end_dim) == (1, -1):
            self.values[node] = replace(read, flat=True)
        elif kind is nn.Identity or (kind is nn.Dropout and not layer.p):
            self.values[node] = read
        elif kind is nn.ReLU:
            self._relu(node, read, layer.inplace)
        elif kind in (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d):
            self._pool(node, read, kind, vars(layer))
        else:
            raise _NotUnderstood(node)

    def _function(self, node: fx.Node) -> None:
        what, arguments, options = node.target, list(node.args), dict(node.kwargs)
        read = self.values[arguments[0]]  # pyright: ignore[reportArgumentType]
        if what in (functional.relu, torch.relu, "relu"):
            self._relu(node, read, bool(options.pop("inplace", False)))
        elif what in (operator.add, operator.iadd, torch.add, "add") and len(arguments) == 2 and not options:
            self._sum(node, read, self.values[arguments[1]], what is operator.iadd)  # pyright: ignore[reportArgumentType]
        elif what in (torch.flatten, "flatten"):
            axes = {**_arguments(arguments, ["start_dim", "end_dim"]), **options}
            if axes not in ({"start_dim": 1}, {"start_dim": 1, "end_dim": -1}):
                raise _NotUnderstood(node)
            self.values[node] = replace(read, flat=True)
        elif what in ("view", "reshape") and len(arguments) == 3 and arguments[2] == -1:
            if getattr(arguments[1], "target", None) != "size" or arguments[1].args[1:] != (0,):  # pyright: ignore
                raise _NotUnderstood(node)
            self.values[node] = replace(read, flat=True)
        elif what in (torch.mean, "mean") and not read.flat:
            axes = options.pop("dim", None) or arguments[1]
            if sorted(int(axis) % 4 for axis in axes) != [2, 3]:  # pyright: ignore
                raise _NotUnderstood(node)
            kept = bool(options.pop("keepdim", len(arguments) > 2 and arguments[2]))
            if options:
                raise _NotUnderstood(node)
            self._average(node, read, flat=not kept)
        elif what is functional.max_pool2d and not read.flat:
            self._pool(node, read, nn.MaxPool2d, {**_arguments(arguments, ["kernel_size", "stride"]), **options})
        elif what is functional.avg_pool2d:
            self._pool(node, read, nn.AvgPool2d, {**_arguments(arguments, ["kernel_size", "stride"]), **options})
        elif what is functional.adaptive_avg_pool2d:
            self._pool(node, read, nn.AdaptiveAvgPool2d, {**_arguments(arguments, ["output_size"]), **options})
        else:
            raise _NotUnderstood(node)

    def _reads(self, norm: nn.BatchNorm2d) -> bool:
        """Whether a batch norm has scales, shifts and running statistics, and is trained when the module is."""
        return norm.affine and norm.track_running_stats and norm.training == self.module.training

    # ------------------------------------------------------------ steps

    @property
    def next(self) -> int:
        """Return the number of the next value."""
        return len(self.shapes)

    def _add(self, node: fx.Node, step: Step, shape: Shape, flat: bool = False) -> None:
        if min(shape) < 1:
            raise _NotUnderstood(node)
        self.steps.append(step)
        self.shapes.append(shape)
        self.values[node] = _Read(step.target, flat)

    def _convolution(self, node: fx.Node, layer: Any, source: int, weight: str, bias: str | None) -> None:
        if layer.groups != 1 or layer.dilation != (1, 1) or layer.padding_mode != "zeros":
            raise _NotUnderstood(node)
        if not isinstance(layer.padding, tuple):
            raise _NotUnderstood(node)
        kernel, stride, padding = layer.kernel_size, layer.stride, layer.padding
        if any(pad >= size for pad, size in zip(padding, kernel, strict=True)):
            raise _NotUnderstood(node)
        sides = zip(self.shapes[source][1:], kernel, stride, padding, strict=True)
        rows, columns = ((side + 2 * pad - size) // step + 1 for side, size, step, pad in sides)
        step = Convolution(source, self.next, weight, bias, False, kernel, stride, padding)
        self._add(node, step, (layer.out_channels, rows, columns))

    def _change(self, node: fx.Node, read: _Read) -> None:
        """Refuse a change in place of the images, or of a value that something else takes, by whatever name."""
        names = {name for name, value in self.values.items() if value.number == read.number}
        others = {user for name in names for user in name.users if user.target != "size"} - names - {node}
        if others or not read.number:
            raise _NotUnderstood(node)

    def _relu(self, node: fx.Node, read: _Read, in_place: bool) -> None:
        if in_place:
            self._change(node, read)
        self._add(node, Sum(read.number, self.next, None, True), self.shapes[read.number], read.flat)

    def _sum(self, node: fx.Node, one: _Read, other: _Read, in_place: bool) -> None:
        if self.shapes[one.number] != self.shapes[other.number] or one.flat != other.flat:
            raise _NotUnderstood(node)
        if in_place:
            self._change(node, one)
        self._add(node, Sum(one.number, self.next, other.number, False), self.shapes[one.number], one.flat)

    def _average(self, node: fx.Node, read: _Read, flat: bool) -> None:
        self._add(node, Average(read.number, self.next), (self.shapes[read.number][0], 1, 1), flat)

    def _pool(self, node: fx.Node, read: _Read, kind: type, options: Mapping[str, Any]) -> None:
        channels, rows, columns = self.shapes[read.number]
        if read.flat:
            raise _NotUnderstood(node)
        if kind is nn.AdaptiveAvgPool2d:
            if _pair(options["output_size"]) != (1, 1):
                raise _NotUnderstood(node)
            return self._average(node, read, flat=False)
        window = _pair(options["kernel_size"])
        if _pair(options.get("stride") or window) != window or _pair(options.get("padding", 0)) != (0, 0):
            raise _NotUnderstood(node)
        unusual = options.get("ceil_mode") or options.get("return_indices") or options.get("divisor_override")
        if unusual or _pair(options.get("dilation", 1)) != (1, 1):
            raise _NotUnderstood(node)
        if kind is nn.AvgPool2d:
            if window != (rows, columns):
                raise _NotUnderstood(node)
            return self._average(node, read, flat=False)
        self._add(node, MaxPool(read.number, self.next, window), (channels, rows // window[0], columns // window[1]))


def _arguments(arguments: Sequence[Any], names: Sequence[str]) -> dict[str, Any]:
    if len(arguments) > 1 + len(names):
        raise _NotUnderstood(arguments)
    return dict(zip(names, arguments[1:], strict=False))


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)
