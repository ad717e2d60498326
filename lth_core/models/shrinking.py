"""Shrinking: a network with whole filters or neurons pruned -> a smaller dense module that computes the same.

Hidden units come from the symmetries of the network: a unit is a row of one layer, its bias, its entries of batch norm,
and columns of the layer that consumes it. A unit whose row is zero has a constant output, c = ReLU(bias) or what batch
norm makes of 0, which must not be lost with it. A linear consumer takes the constants into its bias. A convolution
pads with zeros, which no bias can imitate: one of the constant units stays and stands for all of them, its columns
being the sum of theirs, each weighted by c. Units that a residual sum consumes stay, as do those of layers that share
weights.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from lth_core.models.cost import flops
from lth_core.models.folding import folded
from lth_core.models.inputs import random_inputs
from lth_core.models.symmetries import Group, TensorAxis, symmetries

TOLERANCE = 1e-9
"""Of the proof, in double precision: the largest difference between outputs, in proportion to the largest output."""


class ShrinkingError(ValueError):
    """A network that cannot be shrunk, in one line."""


@dataclass(frozen=True)
class Cost:
    """What a network costs."""

    parameters: int
    flops: int
    """Floating-point operations of one image, as torch counts them: two for a multiplication with addition."""
    latency: float
    """Median seconds of one evaluation of the batch."""


def shrink(module: nn.Module, input_shape: Sequence[int]) -> nn.Module:
    """Build a smaller copy of the module, in evaluation mode, without the units that its zeros make superfluous.

    `input_shape` is (C, H, W). The outputs are those of the module in evaluation mode: proved in double precision on
    random inputs before it is returned. Masks and other parametrizations are made permanent. Raises ShrinkingError for
    a network that cannot be traced or cannot be smaller.
    """
    try:
        small = folded(module)
        groups = symmetries(small, input_shape)
        if groups is None:
            raise ShrinkingError(
                f"this network cannot be traced with inputs of shape {tuple(input_shape)}, so it is not known which "
                "layers consume which units"
            )
        dtype = next(value.dtype for value in small.state_dict().values() if value.is_floating_point())
        return _without_superfluous_units(small.double(), groups, input_shape).to(dtype)
    except (ShrinkingError, MemoryError):
        raise
    except Exception as error:  # whatever a user's module does that smaller layers do not survive
        reason = next(iter(str(error).strip().splitlines()), "")
        raise ShrinkingError(f"this network cannot be shrunk ({type(error).__name__}: {reason})") from error


def _without_superfluous_units(small: nn.Module, groups: Sequence[Group], input_shape: Sequence[int]) -> nn.Module:
    """Take the superfluous units of all groups out of the module, in place, and prove its outputs."""
    inputs = torch.randn(4, *input_shape, generator=torch.Generator().manual_seed(0)).double()
    inputs = inputs.to(next(small.parameters()).device)
    with torch.no_grad():
        expected = small(inputs)
        for group in groups:
            _remove_units(small, group, inputs)
        difference = (small(inputs) - expected).abs().max()
    if not difference <= TOLERANCE * (1 + expected.abs().max()):
        raise ShrinkingError(f"the smaller network would compute something else (outputs differ by {difference:.2g})")
    return small


def consumers_of(module: nn.Module, input_shape: Sequence[int]) -> dict[str, tuple[str, int]] | None:
    """Map the weights whose rows (filters, neurons) can be taken out to the weight that reads them and columns per row.

    Filters that enter a residual sum, or that several layers read, cannot. None for a network that cannot be traced.
    `input_shape` is (C, H, W).
    """
    groups = symmetries(module, input_shape)
    if groups is None:
        return None
    ends = [_producers_and_consumers(module, group) for group in groups]
    return {
        producers[0].tensor: (consumers[0].tensor, consumers[0].repeats)
        for producers, consumers in ends
        if len(producers) == len(consumers) == 1
    }


def compare_costs(
    first: nn.Module, second: nn.Module, input_shape: Sequence[int], batch: int = 1, repeats: int = 50
) -> tuple[Cost, Cost]:
    """Measure what two networks cost on their device, for images (C, H, W) and batches of `batch` of them.

    Evaluations are timed in turns, `repeats` of each.
    """
    modules = [folded(module) for module in (first, second)]
    inputs = random_inputs(input_shape, batch, next(first.parameters()).device)
    seconds: list[list[float]] = [[], []]
    with torch.no_grad():
        operations = [flops(module, inputs[:1]) for module in modules]
        for turn in range(repeats + 3):
            for module, measured in zip(modules, seconds, strict=True):
                start = time.perf_counter()
                module(inputs)
                if inputs.is_cuda:
                    torch.cuda.synchronize()
                if turn >= 3:  # the first ones prepare buffers
                    measured.append(time.perf_counter() - start)
    parameters = [sum(parameter.numel() for parameter in module.parameters()) for module in modules]
    costs = [
        Cost(count, counted, statistics.median(measured))
        for count, counted, measured in zip(parameters, operations, seconds, strict=True)
    ]
    return costs[0], costs[1]


def _remove_units(module: nn.Module, group: Group, inputs: Tensor) -> None:
    """Take the superfluous units of a group out of the module, in place, where its outputs can be kept."""
    producers, consumers = _producers_and_consumers(module, group)
    if len(producers) != 1 or len(consumers) != 1:  # a residual sum, several branches or shared weights
        return
    consumer = module.get_submodule(_layer(consumers[0]))
    columns = _columns(consumer, group.size)
    silent = ~_tensor(module, producers[0]).flatten(1).any(dim=1)
    unread = ~columns.flatten(2).any(dim=2).any(dim=0)
    constants, constant = _outputs(module, consumer, group.size, inputs)
    removed = (silent & constant) | unread
    given = constants * (removed & ~unread)
    if isinstance(consumer, nn.Linear):
        shift = (columns * given[None, :, None]).sum(dim=(1, 2))
        if shift.any():
            bias = 0 if consumer.bias is None else consumer.bias
            consumer.bias = nn.Parameter(bias + shift)
    elif given.any():
        carrier = int(given.abs().argmax())
        columns[:, carrier] = (columns * (given / given[carrier])[None, :, None]).sum(dim=1)
        removed[carrier] = False
    if removed.all():  # a layer has at least one unit; nothing reads it
        removed[0] = False
        columns[:, 0] = 0
    _keep(module, group, (~removed).nonzero().flatten())


def _producers_and_consumers(module: nn.Module, group: Group) -> tuple[list[TensorAxis], list[TensorAxis]]:
    """The weights that a group's units are rows of, and those that they are columns of."""
    producers = [along for along in group.axes if along.axis == 0 and _tensor(module, along).ndim > 1]
    return producers, [along for along in group.axes if along.axis == 1]


def _outputs(module: nn.Module, consumer: nn.Module, size: int, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Per unit, its output as the consumer sees it (at one position), and whether it is the same at all positions."""
    seen: list[Tensor] = []
    handle = consumer.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0].detach()))
    module(inputs)
    handle.remove()
    values = seen[0].flatten(0, -2) if isinstance(consumer, nn.Linear) else seen[0]
    units = values.reshape(len(values), size, -1).transpose(0, 1).flatten(1)
    return units[:, 0], (units - units[:, :1]).abs().amax(dim=1) <= 1e-12 * (1 + units[:, 0].abs())


def _columns(consumer: Any, size: int) -> Tensor:
    """A view of the consumer's weight: (outputs, units, what each output takes from a unit)."""
    return consumer.weight.data.view(len(consumer.weight), size, -1)


def _keep(module: nn.Module, group: Group, units: Tensor) -> None:
    """Reduce every tensor of the group to the units, and what the layers know of their sizes."""
    for along in group.axes:
        entries = (units[:, None] * along.repeats + torch.arange(along.repeats, device=units.device)).flatten()
        layer, name = module.get_submodule(_layer(along)), along.tensor.rpartition(".")[2]
        smaller = getattr(layer, name).data.index_select(along.axis, entries).clone()
        if name in layer._buffers:
            setattr(layer, name, smaller)
        else:
            setattr(layer, name, nn.Parameter(smaller))
        if isinstance(layer, _BatchNorm):
            layer.num_features = len(entries)
        elif isinstance(layer, _ConvNd):
            layer.out_channels, layer.in_channels = layer.weight.shape[:2]
        elif isinstance(layer, nn.Linear):
            layer.out_features, layer.in_features = layer.weight.shape


def _layer(along: TensorAxis) -> str:
    return along.tensor.rpartition(".")[0]


def _tensor(module: nn.Module, along: TensorAxis) -> Tensor:
    return getattr(module.get_submodule(_layer(along)), along.tensor.rpartition(".")[2])
